"""One round of the search: which of many candidate edits repairs the program, or brings it nearer to that.

Each candidate first gets a short run with a seed of its own, which rejects nearly all of them.  What is right
there is verified on two other seeds, over more and over later steps.  The first candidate in the order of rank
that verifies is the answer; those that repair some gradients and spoil none are kept for a next round.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from unstuck.facts import Gradient, Probe, Proof, Trace
from unstuck.fix.bench import Bench
from unstuck.fix.candidates import Candidate, together
from unstuck.fix.verify import repaired, same_forward, scale_kept, settled
from unstuck.fix.versions import Version

Places = tuple[tuple[str, int, int], ...]  # the files and lines that a candidate touches
TOUCHES = 2  # candidates that changed the forward pass, after which others at the same lines are not tried
LEAST_PATIENCE, PATIENCE = (
    2.0,
    5.0,
)  # seconds, and times what the unedited program takes: longer is an endless loop


@dataclass(frozen=True)
class Progress:
    """A candidate that repairs some wrong gradients and spoils none: a version to go on from."""

    version: Version
    candidate: Candidate
    index: int
    names: frozenset[str]


@dataclass(eq=False)
class Passed:
    """A candidate that is right in the short run, and the longer runs that it has passed as well."""

    version: Version
    candidate: Candidate
    index: int
    clean: bool = True  # no gradient got a constant factor
    pairs: list[tuple[Trace, Trace]] = field(default_factory=list)
    refuted: bool = False

    @property
    def order(self) -> tuple[bool, int]:
        """The better of two comes first."""
        return not self.clean, self.index

    def proof(self) -> Proof:
        """The figures of the longer runs: the worst residuals before and after, the fewest steps."""
        wrong = {g.parameter for original, _ in self.pairs for g in original.gradients if g.status == "wrong"}
        before = max(_worst(original.gradients, wrong) for original, _ in self.pairs)
        after = max(_worst(edited.gradients, wrong) for _, edited in self.pairs)
        return Proof(len(self.pairs), min(edited.steps for _, edited in self.pairs), before, after)


class Round:
    """The trial of many candidates for one version of the program, by several threads."""

    def __init__(self, bench: Bench, version: Version, trace: Trace) -> None:
        self._bench, self._version, self._trace = bench, version, trace
        self._lock, self._base_lock = threading.Lock(), threading.Lock()
        self._untried: Iterator[tuple[int, Candidate]] = iter(())
        self._next = 0  # the index of the first that was not tried
        self._checks: deque[tuple[Passed, int]] = deque()
        self._half = bench.clock() + 0.5 * (bench.deadline - bench.clock())
        self._forward: Counter[Places] = Counter()
        self._base: Trace | None = None
        self._brief, self._patience = True, math.inf
        self.best: Passed | None = None
        self.progress: list[Progress] = []

    def run(self, sure: Sequence[Candidate], trials: Iterator[Candidate]) -> None:
        """Try candidates in order until one is verified, time is up, or none is left.

        Those that are `sure` are verified without a short run before.
        """
        for index, candidate in enumerate(sure):
            version = self._version.then(candidate.edits, candidate.title)
            self._to_verify(Passed(version, candidate, index))
        self._untried, self._next = enumerate(trials, len(sure)), len(sure)
        with ThreadPoolExecutor(self._bench.jobs) as pool:
            try:
                list(pool.map(lambda _: self._work(), range(self._bench.jobs)))
            except BaseException:
                self._bench.closed.set()
                raise

    def probed(self, probes: tuple[Probe, ...]) -> Trace | None:
        """The version before the edit in a short run that evaluates expressions on its way."""
        started = time.monotonic()
        found = self._bench.probed(self._version, probes)
        self._compare_with(found, True, started)
        return found

    def _as_it_is(self) -> Trace | None:
        """The version before the edit under the screening seed: briefly, if a short run shows the fault."""
        with self._base_lock:
            for brief in (True, False):
                if self._base is None:
                    started = time.monotonic()
                    found = self._bench.screen(self._version, self._bench.over, brief)
                    self._compare_with(found, brief, started)
        return self._base

    def _compare_with(self, found: Trace | None, brief: bool, started: float) -> None:
        """Take a run of the version before the edit as the one to compare with, if it shows the fault."""
        wrong = {gradient.parameter for gradient in self._trace.gradients if gradient.status == "wrong"}
        shown = found.gradients if found is not None else ()
        if not brief or wrong <= {gradient.parameter for gradient in shown if gradient.status == "wrong"}:
            self._base, self._brief = found, brief
            self._patience = LEAST_PATIENCE + PATIENCE * (time.monotonic() - started)

    def _work(self) -> None:
        """Do what comes first: what is right in the short run is verified before the next candidate is tried."""
        while True:
            with self._lock:
                check = self._checks.popleft() if self._checks else None
                idle = check is not None or self._useless(
                    self._next, True
                )  # then no candidates need to be made
                index, candidate = (0, None) if idle else next(self._untried, (0, None))
                self._next = max(self._next, index + 1)
            if check is not None:
                self._verify(*check)
            elif candidate is None or self._useless(index, candidate.told):
                return
            else:
                self._screen(index, candidate)

    def _screen(self, index: int, candidate: Candidate) -> None:
        """A short run with one candidate."""
        base = self._as_it_is()
        places = tuple((edit.span.path, edit.span.line, edit.span.end_line) for edit in candidate.edits)
        if base is None or not base.forward or self._forward[places] >= TOUCHES:
            return
        version = self._version.then(candidate.edits, candidate.title)
        deadline = time.monotonic() + self._patience
        edited = self._bench.screen(
            version, lambda: self._useless(index, candidate.told) or time.monotonic() > deadline, self._brief
        )
        if edited is None:
            return
        if edited.forward and not same_forward(base, edited):
            self._forward[places] += 1
        elif settled(base, edited):
            self._to_verify(Passed(version, candidate, index))
        elif names := repaired(base, edited):
            self._go_on_from(Progress(version, candidate, index, names))

    def _go_on_from(self, found: Progress) -> None:
        """Keep a candidate that repairs a part; with another that repairs the rest it is verified at once."""
        wrong = {gradient.parameter for gradient in self._trace.gradients if gradient.status == "wrong"}
        with self._lock:
            others = [other for other in self.progress if wrong <= other.names | found.names]
            self.progress.append(found)
        for other in others[:1]:
            both = together(other.candidate, found.candidate)
            if both is not None:
                version = self._version.then(both.edits, both.title)
                self._to_verify(Passed(version, both, found.index))

    def _to_verify(self, passed: Passed) -> None:
        with self._lock:
            self._checks.extend((passed, seed) for seed in self._bench.seeds)

    def _verify(self, passed: Passed, seed: int) -> None:
        """One of the longer runs of a candidate that was right in the short one."""

        def needless() -> bool:
            late = self._bench.over(verifying=1 + bool(passed.pairs))
            return passed.refuted or late or self._beaten(passed.index)

        if needless():
            return
        pair = self._bench.verify(self._trace, passed.version, seed, needless)
        with self._lock:
            if pair is None:
                passed.refuted = True
                return
            passed.pairs.append(pair)
            passed.clean = passed.clean and scale_kept(self._trace, pair[1])
            complete = len(passed.pairs) == len(self._bench.seeds)
            if complete and (self.best is None or passed.order < self.best.order):
                self.best = passed

    def _useless(self, index: int, told: bool) -> bool:
        """Is time up, a better candidate found, or half of the time gone with something in hand?

        What explanations spell out is tried all the same when there is but a part of the repair: it may be the rest.
        """
        best = self.best
        if self._bench.over() or self._beaten(index):
            return True
        if told and best is None:
            return False
        if best is None and any(self._whole_cause(found) for found in self.progress):
            return True
        return self._bench.clock() > self._half and (best is not None or bool(self.progress))

    def _beaten(self, index: int) -> bool:
        """Is a better candidate verified?"""
        return self.best is not None and self.best.clean and self.best.index < index

    def _whole_cause(self, found: Progress) -> bool:
        """Does it repair all that one of several causes spoilt?  Then the others are a matter of their own."""
        causes: dict[object, set[str]] = {}
        for gradient in self._trace.gradients:
            if gradient.status == "wrong":
                reason = gradient.explanation
                cause = (reason.kind, reason.span) if reason is not None else gradient.blame
                causes.setdefault(cause, set()).add(gradient.parameter)
        return len(causes) > 1 and any(names <= found.names for names in causes.values())


def _worst(gradients: Sequence[Gradient], names: set[str]) -> float:
    return max((g.residual for g in gradients if g.parameter in names), default=math.nan)
