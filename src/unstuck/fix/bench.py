"""How the program is run during a search: briefly or at length, as written or edited, by which seeds, until when."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from unstuck.facts import Edit, Probe, Trace
from unstuck.fix.verify import at_length, settled
from unstuck.fix.versions import Version

SCREENING_SEED, SEEDS = 7, (101, 202)
SPARE, SPARE_SEEDS = 1000, 2  # what is added for another seed, and how often
SCREENED_STEPS, VERIFIED_STEPS = 12, 60


class Rerun(Protocol):
    """Runs the program with edits and gives its Trace; None when it failed.  Called from several threads."""

    def __call__(
        self,
        edits: tuple[Edit, ...],
        *,
        seed: int,
        steps: int,
        brief: bool,
        explain: bool,
        cancelled: Callable[[], bool],
        probes: tuple[Probe, ...] = (),
    ) -> Trace | None: ...


@dataclass(eq=False)
class Bench:
    """What all rounds share: how to run the program, the time by some clock, and the runs of the program as written.

    deadline  after which nothing new is tried;  grace: how much later what is in hand may still be verified
    """

    rerun: Rerun
    deadline: float
    grace: float
    jobs: int
    seeds: tuple[int, ...]
    clock: Callable[[], float] = time.monotonic
    closed: threading.Event = field(default_factory=threading.Event)
    _originals: dict[int, Trace | None] = field(default_factory=dict)
    _locks: dict[int, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def over(self, verifying: int = 0) -> bool:
        """Is the time up, or has the search been ended?  What is being verified gets so many times the grace."""
        return self.closed.is_set() or self.clock() > self.deadline + self.grace * verifying

    def screen(self, version: Version, cancelled: Callable[[], bool], brief: bool = True) -> Trace | None:
        """A short run, or one of full length, with the seed that guides the search."""
        return self._run(version.edits, cancelled, brief=brief)

    def explained(self, version: Version) -> Trace | None:
        """The run that says what is still wrong, and why."""
        return self._run(version.edits, self.over, explain=True)

    def probed(self, version: Version, probes: tuple[Probe, ...]) -> Trace | None:
        """A short run that evaluates expressions on its way."""
        return self._run(version.edits, self.over, brief=True, probes=probes)

    def verify(
        self, recorded: Trace, version: Version, seed: int, cancelled: Callable[[], bool]
    ) -> tuple[Trace, Trace] | None:
        """The program as written and as edited under a verifying seed; None when they speak against the edit.

        Where the network says too little under this seed, another one is taken for it.  A fault that does not show
        in the short run of the program as written is judged as it was `recorded`.
        """
        for spare in range(SPARE_SEEDS + 1):
            pair = self._compared(recorded, version, seed + spare * SPARE, cancelled)
            if pair is None or not settled(*pair):
                return None
            if at_length(*pair):
                return pair
        return None

    def _compared(
        self, recorded: Trace, version: Version, seed: int, cancelled: Callable[[], bool]
    ) -> tuple[Trace, Trace] | None:
        """The program as written and as edited under one seed."""
        with self._locks[seed]:
            if seed not in self._originals:
                late = functools.partial(self.over, verifying=2)
                self._originals[seed] = self._run((), late, seed, brief=True)
        original = self._originals[seed]
        edited = self._run(version.edits, cancelled, seed) if original is not None else None
        if original is None or edited is None:
            return None
        wrong = {gradient.parameter for gradient in recorded.gradients if gradient.status == "wrong"}
        if not wrong & {gradient.parameter for gradient in original.gradients if gradient.status == "wrong"}:
            original = replace(original, gradients=recorded.gradients)
        return original, edited

    def _run(
        self,
        edits: tuple[Edit, ...],
        cancelled: Callable[[], bool],
        seed: int = SCREENING_SEED,
        *,
        brief: bool = False,
        explain: bool = False,
        probes: tuple[Probe, ...] = (),
    ) -> Trace | None:
        """A run of full length, or a short one."""
        steps = SCREENED_STEPS if brief else VERIFIED_STEPS
        return self.rerun(
            edits, seed=seed, steps=steps, brief=brief, explain=explain, cancelled=cancelled, probes=probes
        )
