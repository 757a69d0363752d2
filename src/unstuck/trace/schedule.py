"""When to record: the loop clock and the windows of steps.

Recording starts with the program and looks for the training loop ("discovery").  A loop that only moves data
about (one-hot encoding 60,000 labels) is left alone after 300 rounds.  Once updates have been found, recording
is limited to short windows of consecutive steps, early and at growing distance, because some faults show only
later: a ReLU derivative that is never zero is invisible until a unit is off.  In between the program runs its
own unrecorded code, and of loops inside a step nothing is announced.  Where a loop around the epochs goes into its next
round, another optimiser may take over, so that is recorded as well.  A training that ends may be followed by that of
another network, so discovery begins again.  When everything has been seen the program is stopped.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field

from unstuck.autodiff.node import Node
from unstuck.trace.loops import Loop, Nest
from unstuck.trace.patience import MOST_BYTES, Looks, Wait
from unstuck.trace.reading.chains import Remembered
from unstuck.trace.reading.steps import Steps, contexts_of, step_key
from unstuck.trace.reading.trainings import trainings
from unstuck.trace.running.runner import Stop
from unstuck.trace.tape.memory import Memory
from unstuck.trace.tape.runtime import Runtime

QUIET_ROUNDS = (
    300  # rounds without arithmetic after which a loop is left alone: more than most batches have rows
)
LEAST_UPDATES = 7  # of an array, to be believed a parameter during discovery
LONG_STEPS, LEAST_OF_LONG = 100_000, 3  # nodes from which on fewer updates, and fewer steps, must do
HUGE_ROUND, LEAST_OF_HUGE = 250_000, 2  # nodes of one round from which on still fewer steps must do
SETTLED = 50_000  # nodes after which the collector of garbage is told to leave them alone
LARGE_STEPS = 400_000_000  # bytes from which on fewer updates must do, as with long steps
MOST_TAPES = 5  # fresh tapes that are begun when one is full of large arrays, such as those of an evaluation
CROWDED_NODES, FEW_STEPS = 20_000, 8  # a window ends early when it holds so many nodes and steps
FEW_NODES = 60_000  # recorded after a training before it is taken for the last one
PHASE, MOST_PHASES = 5, 4  # steps that are recorded where another phase begins, and how often
KEEP = 200_000  # elements: larger arrays that nobody wrote to are not copied at the end of a window


@dataclass(frozen=True)
class Plan:
    """How much to record: steps from the first on, then short windows, then how long the program may run on."""

    steps: int = 60
    later: tuple[int, ...] = (100, 300, 1000, 3000)
    length: int = 3  # steps in a later window
    patience: int = 750_000  # operations to wait for later windows: a second or two
    run_seconds: float = 0.0
    full_run: bool = False


@dataclass
class Window:
    """A stretch of tape.  `first` is the number of its first step, counted from 0 over the whole run.

    training  the number of the training that it shows: how many have ended before
    known     what was found about it while it grew
    """

    nodes: list[Node]
    first: int = 0
    training: int = 0
    known: Remembered = field(default_factory=Remembered)


@dataclass
class Progress:
    """What has been seen so far."""

    windows: list[Window] = field(default_factory=list)
    step: int = -1  # number of the running step, once the loop is known
    lengths: dict[int, int] = field(default_factory=dict)  # rounds of a loop whose iterable has a length
    starts: list[float] = field(default_factory=list)  # step numbers at which the step loop was entered anew
    nodes: int = 0
    held: int = 0  # bytes of their values
    training: int = 0  # how many trainings have ended
    failure: Exception | None = None  # what went wrong when the tape was read while the program ran


class Clock:
    """Follows the loops of the program and switches recording on and off."""

    def __init__(
        self, plan: Plan, on_found: Callable[[Steps], None] = lambda _: None, loops: Sized = ()
    ) -> None:
        self.plan = plan
        self.on_found = on_found
        self.loops = loops  # all that the source holds, as far as it has been read
        self._entered: set[int] = set()
        self.progress = Progress()
        self.runtime: Runtime
        self.step_loop: int | None = None
        self._suspected: frozenset[int] = frozenset()  # first updates by the last look; two looks must agree
        self.nest = Nest()
        self._resume_depth: int | None = None
        self._looks = Looks()
        self._settled = 0  # nodes that the collector of garbage leaves alone
        self._known = Remembered()
        self._tapes = 1
        self._wait: Wait
        self._window_first = self._window_end = 0
        self._first_step = 0  # of the running training; steps are counted over the whole run
        # By loop: how often the step loop was entered before this round.
        self._epochs_before: dict[int, int] = {}
        self._phases, self._new_phase = 0, False
        self._amid = False  # was the step loop found within a step?

    def start(self, runtime: Runtime) -> None:
        """Begin discovery."""
        self.runtime = runtime
        runtime.on = True

    # ----- Loops, as announced by the program ---------------------------------------------------------------

    def enter(self, number: int, /) -> None:
        """A loop statement is reached."""
        self._entered.add(number)
        if self.step_loop is not None:
            self.nest.met([loop.number for loop in self.nest.running] + [number], self.step_loop)
        self.nest.enter(number, self.runtime.arithmetic)
        if number == self.step_loop:
            self.progress.starts.append(self.progress.step + 1)

    def met(self, loop: int) -> bool:
        """Has the program come to this loop?"""
        return loop in self._entered

    def iterated(self, iterable: object) -> None:
        """The loop that was entered last goes over this iterable."""
        if self.nest and isinstance(iterable, Sized):
            self.progress.lengths[self.nest.running[-1].number] = len(iterable)

    def leave(self, number: int, /) -> None:
        """A loop statement has ended."""
        self.nest.leave(number)
        self._left()
        self._place()
        if self.step_loop is not None and not self.nest:
            self._begin_again()

    def tick(self, number: int, /) -> None:
        """A round of a loop begins."""
        loop = self.nest.innermost(number, self.runtime.arithmetic)
        loop.rounds += 1
        self._left()
        self._place()
        if self.step_loop is None:
            self._discover(loop)
        elif number == self.step_loop:
            self._step()
        elif number not in self.nest.inner:
            self._round(loop)

    def _round(self, loop: Loop) -> None:
        """A round begins of a loop around the training: a new phase, if the last one held several epochs."""
        epochs = len(self.progress.starts)
        self._new_phase |= loop.rounds > 0 and epochs - self._epochs_before.get(loop.number, 0) > 1
        self._epochs_before[loop.number] = epochs

    def _place(self) -> None:
        """Tell the tape between which rounds of which loops it is."""
        if self.runtime.on:
            memory = self.runtime.memory
            memory.context = self.nest.context
            if len(memory.nodes) >= self._settled + SETTLED:
                self._settled = len(memory.nodes)
                gc.freeze()  # a tape is no garbage: to go through it again and again costs as much as to record it

    def _left(self) -> None:
        """Go on recording when the loop that was left alone has ended."""
        if self._resume_depth is not None and len(self.nest) <= self._resume_depth:
            self._resume_depth = None
            self.runtime.on = True

    def _leave_alone(self) -> None:
        """Do not record the rest of the innermost loop."""
        self.runtime.memory.seal(KEEP)
        self.runtime.on = False
        self._resume_depth = len(self.nest) - 1

    # ----- Discovery ----------------------------------------------------------------------------------------

    def _discover(self, loop: Loop) -> None:
        memory = self.runtime.memory
        count = len(memory.nodes)
        length = loop.ended(count)
        if not self.runtime.on:
            return
        if loop.rounds == QUIET_ROUNDS and self.runtime.arithmetic == loop.arithmetic:
            self._leave_alone()
            return
        if self._looks.due(memory, loop.rounds, length):
            long = count >= LONG_STEPS or memory.held >= LARGE_STEPS
            least = LEAST_OF_LONG if long else LEAST_UPDATES
            with self._reading():
                self._look(next(iter(trainings(memory.nodes, least, self._known)), None), length)
            self._looks.ended()
        if self.step_loop is not None:
            return
        most = FEW_NODES if self.progress.windows else self._looks.most
        if memory.held > MOST_BYTES and self._tapes < MOST_TAPES and not self.progress.windows:
            self._begin_tape()
        elif count > most or memory.held > MOST_BYTES:
            self._give_up()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What we cannot read on the tape is no fault of the program that is running."""
        try:
            yield
        except Exception as error:
            self.progress.failure = error
            self._give_up()

    def _begin_tape(self) -> None:
        """Forget what fills the memory: few steps of a large network, or its evaluation, hold all that fits in."""
        self._tapes += 1
        self.progress.nodes += len(self.runtime.memory.nodes)
        self.runtime.memory, self._known, self._suspected = Memory(), Remembered(), frozenset()
        self._looks, self._settled = Looks(), 0
        gc.unfreeze()  # the old tape is garbage now, and large
        gc.collect()
        self._place()

    def _begin_again(self) -> None:
        """The loops around the training have ended; what follows may train another network."""
        if self.runtime.on:
            self._close()
        self.progress.training += 1
        self.step_loop, self._suspected, self._amid = None, frozenset(), False
        self._first_step = self.progress.step + 1
        self._looks = Looks()
        self.nest.forget()
        self._open()
        self._window_first = self._first_step

    def _give_up(self) -> None:
        """No training was found: there is nothing to wait for, unless the program is to run on."""
        if self.progress.windows and self._runs_on():
            self.runtime.memory = Memory()
            self.runtime.sleep(self.nest.inner)
        else:
            raise Stop

    def _look(self, steps: Steps | None, length: int) -> None:
        """Has the loop of the steps been found?  Two searches must agree, unless a round is too long to wait for it."""
        suspected, self._suspected = self._suspected, _first_updates(steps) if steps else frozenset()
        if steps is None or steps.loop is None:
            return
        huge = length >= HUGE_ROUND and steps.loop == self.nest.running[-1].number
        if self._suspected.isdisjoint(suspected) and not huge:
            return  # a sum that began anew since the last look is another one
        self.step_loop = steps.loop
        memory = self.runtime.memory
        contexts = {context: step_key(context, steps.loop) for context in contexts_of(memory.nodes)}
        within = [node for node in memory.nodes if contexts[node.context] is not None]
        seen = {*contexts.values()} - {None}
        self._wait = Wait(within, len(seen), self.plan.patience)
        # The running round counts as well; where it has just begun, nothing of it is on the tape.
        running = step_key(self.nest.context, steps.loop)
        self.progress.step = self._first_step + len(seen) - (running in seen)
        self.progress.starts = [0] if not self.progress.starts else self.progress.starts
        around = [loop.number for loop in self.nest.running]
        if steps.loop in around[1:]:  # the loop over epochs
            self._epochs_before[around[around.index(steps.loop) - 1]] = len(self.progress.starts)
        self._window_end = self._first_step + max(self.plan.steps, len(seen))
        for context in contexts:
            self.nest.met([number for number, _ in context], self.step_loop)
        self._amid = not self.nest or self.nest.running[-1].number != self.step_loop
        if not self._amid:
            self.on_found(steps)
            self._step(counted=True)

    # ----- Windows of steps ---------------------------------------------------------------------------------

    def _step(self, counted: bool = False) -> None:
        self.progress.step += not counted
        if self._amid:  # now every parameter is alive, with the value that the last step has given it
            self._amid = False
            with self._reading():
                for steps in trainings(self.runtime.memory.nodes, LEAST_OF_LONG, self._known)[:1]:
                    self.on_found(steps)
        step = self.progress.step
        if self.runtime.on and (step >= self._window_end or self._crowded()):
            self._close()
            self.runtime.sleep(self.nest.inner)
        if not self.runtime.on:
            self._between(step)

    def _crowded(self) -> bool:
        """Long steps: fewer of them must do."""
        nodes, steps = len(self.runtime.memory.nodes), self._count()
        limits = (
            (CROWDED_NODES, FEW_STEPS),
            (LONG_STEPS, LEAST_OF_LONG),
            (LEAST_OF_LONG * HUGE_ROUND, LEAST_OF_HUGE),
        )
        large = self.runtime.memory.held > MOST_BYTES and steps >= LEAST_OF_LONG
        return large or any(nodes > most and steps >= enough for most, enough in limits)

    def _count(self) -> int:
        """Steps of the running training so far."""
        return self.progress.step - self._first_step

    def _between(self, step: int) -> None:
        if self._due(step):
            self._open()
            self._window_end = step + (PHASE if self._new_phase else self.plan.length)
            self._phases += self._new_phase
        elif self._finished():
            raise Stop
        self._new_phase = False

    def _due(self, step: int) -> bool:
        phase = self._new_phase and bool(self.plan.later) and self._phases < MOST_PHASES
        if (phase or self._count() in self.plan.later) and self._wait.reaches(self._count()):
            return True
        begins = step == self.progress.starts[-1]
        return begins and self.plan.run_seconds > 0 and step in self._epochs()

    def _epochs(self) -> Sequence[float]:
        """First steps of epochs 1, 2, 3, 5, 8, 13, ...: there the weights are read for the learning curve."""
        starts = self.progress.starts
        wanted = [1, 2]
        while wanted[-1] < len(starts):
            wanted.append(wanted[-1] + wanted[-2])
        return [starts[number] for number in wanted if number < len(starts)]

    def _finished(self) -> bool:
        if self._runs_on():
            return False
        count = self._count()
        awaited = any(count < later and self._wait.reaches(later) for later in self.plan.later)
        may_follow = bool(self.plan.later) and len(self._entered) < len(self.loops)  # another training
        return not (awaited or (may_follow and self._wait.reaches(count))) or self._wait.is_over()

    def _runs_on(self) -> bool:
        """Is the program to train on, whatever has been seen?"""
        return self.plan.full_run or self._wait.seconds() < self.plan.run_seconds

    def _open(self) -> None:
        self.runtime.memory = Memory()
        self.runtime.wake()
        self._place()
        self._window_first = self.progress.step

    def _close(self) -> None:
        memory = self.runtime.memory
        memory.seal(KEEP)
        window = Window(memory.nodes, self._window_first, self.progress.training, self._known)
        self.progress.windows.append(window)
        self.progress.nodes += len(memory.nodes)
        self.progress.held += memory.held
        self.runtime.memory, self._known, self._settled = Memory(), Remembered(), 0

    def end(self) -> None:
        """The program has ended or was stopped: keep the open window."""
        if self.runtime.memory.nodes:
            self._close()
        self.runtime.on = False


def _first_updates(steps: Steps) -> frozenset[int]:
    """The node of the first update of each parameter."""
    return frozenset(min(update.after.id for update in p.updates.values()) for p in steps.parameters)
