"""What tracing costs: programs as python runs them, with hooks that sleep, with hooks that record, and `check`.

    python benchmarks/tracing.py [NAME ...]

off        time of the instrumented program while nothing is recorded, relative to the plain one (it has passed
           its recorded steps and trains on)
traced     microseconds per recorded operation beyond the plain run, all bookkeeping of the loops included
analysis   seconds from the end of the recorded steps to the finished Trace
check      seconds that `unstuck check` takes beyond the imports and the data of the script itself

The plain and the instrumented runs of one program take turns, so that a busy machine disturbs them alike.  All but
the last are CPU time of this process; the first two are medians with the quartiles of the rounds.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from unstuck.facts import Outcome
from unstuck.trace.job import Job
from unstuck.trace.loops import Loop
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner
from unstuck.trace.schedule import Clock, Plan
from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.runtime import Runtime

HERE = Path(__file__).parent
ROUNDS = 15
FINISHED = Plan(later=(), full_run=True)  # everything has been seen, and the program trains to its end
Loops = tuple[int | None, set[int]]  # the loop of the steps, and the loops inside a step


@dataclass(frozen=True)
class Program:
    """A script, the line that says how long it trains, and how long it shall train: to be timed and traced."""

    name: str
    path: Path
    length: str
    timed: int
    traced: int

    def text(self, length: int) -> str:
        """The script when it trains that long."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(f"{self.length} = {length}\n" if self._sets(line) else line for line in lines)

    def _sets(self, line: str) -> bool:
        return line.startswith(f"{self.length} = ")


PROGRAMS = (
    Program("seed", HERE.parent / "examples" / "stuck.py", "epochs", 1, 1),
    Program("digits", HERE / "traced" / "digits.py", "EPOCHS", 2, 1),
    Program("characters", HERE / "traced" / "characters.py", "ROUNDS", 100, 20),
    Program("gates", HERE / "traced" / "gates.py", "ROUNDS", 150, 30),
    Program("lists", HERE / "traced" / "lists.py", "EPOCHS", 30, 1),
)


# ----- Clocks -------------------------------------------------------------------------------------------


class Awake(Clock):
    """Records from the first to the last step and never looks at the tape."""

    def _discover(self, loop: Loop) -> None:
        pass


# ----- Measures -----------------------------------------------------------------------------------------


@dataclass
class Costs:
    """What was measured of one program."""

    name: str
    off: list[float] = field(default_factory=list)
    traced: list[float] = field(default_factory=list)
    nodes: int = 0
    analysis: float = 0.0
    check: float = 0.0


def measure(program: Program) -> Costs:
    """All figures of one program."""
    costs = Costs(program.name)
    loops, costs.analysis = analysed(program)
    text, short = program.text(program.timed), program.text(program.traced)
    for _ in range(ROUNDS):
        costs.off.append(trained(text, Clock(FINISHED), loops) / trained(text))
    for _ in range(ROUNDS // 3):
        clock = Awake(Plan())
        beyond = trained(short, clock) - trained(short)
        costs.nodes = len(clock.runtime.memory.nodes)
        costs.traced.append(1e6 * beyond / costs.nodes)
    costs.check = median(checked(program) for _ in range(3))
    return costs


def trained(text: str, clock: Clock | None = None, loops: Loops | None = None) -> float:
    """CPU time of the training loop of a program, that is from its last loop on.

    A clock means hooks; they record, or they sleep when the clock is told which loops are those of the training.
    """
    tree = ast.parse(text)
    start = max(i for i, statement in enumerate(tree.body) if isinstance(statement, ast.For))
    parts = [ast.Module(body, []) for body in (tree.body[:start], tree.body[start:])]
    names: dict[str, Any] = {"__name__": "__main__"}
    if clock is not None:
        instrumenter = Instrumenter()
        parts = [instrumenter.transform(part, "<program>", text) for part in parts]
        names["__u__"] = clock.runtime = Runtime(instrumenter.sites, clock, instrumenter.files)
    before, training = (compile(part, "<program>", "exec") for part in parts)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(before, names)
        if clock is not None:
            clock.runtime.on = loops is None
        if clock is not None and loops is not None:
            clock.step_loop, clock.inner = loops
            clock.runtime.sleep(clock.inner)
        started = process_time()
        exec(training, names)
        return process_time() - started


def analysed(program: Program) -> tuple[Loops, float]:
    """The step loop and those inside it, as a recording for `check` finds them; and the seconds to read it."""
    recorder = Recorder(Job(str(program.path)))
    clock = recorder.clock
    loops: list[Loops] = []
    clock.on_found = lambda _: loops.append((clock.step_loop, clock.nest.inner))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(runner.Stop):
        runner.run(
            str(program.path), [], module=False, transform=recorder.transform, namespace=recorder.namespace
        )
    started = process_time()
    recorder.finish(Outcome(0, True, 0.0))
    return loops[0], process_time() - started


def checked(program: Program) -> float:
    """Wall time of `unstuck check` beyond that of the script when it does not train at all."""
    with script(program.text(0)) as still, script(program.text(300)) as training:
        python = [sys.executable]
        return timed([*python, "-m", "unstuck", "check", training]) - timed([*python, still])


@contextlib.contextmanager
def script(text: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(text, encoding="utf-8")
        yield str(path)


def timed(command: list[str]) -> float:
    started = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=os.environ)
    return perf_counter() - started


# ----- The table ----------------------------------------------------------------------------------------


def told(values: list[float], digits: int) -> str:
    """The median with the quartiles."""
    low, middle, high = quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def main(names: list[str]) -> None:
    print(
        f"{'program':12}{'off / plain':>20}{'us per operation':>22}{'operations':>12}{'analysis s':>12}{'check s':>9}"
    )
    for program in PROGRAMS:
        if not names or program.name in names:
            with threadpool_limits(1):
                costs = measure(program)
            print(
                f"{costs.name:12}{told(costs.off, 3):>20}{told(costs.traced, 1):>22}{costs.nodes:12}"
                f"{costs.analysis:12.2f}{costs.check:9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
