"""Find the edit that repairs the backward pass, by running the edited program.

The oracle is the gradient check itself: an edit is accepted only when, on two seeds and at least ten steps
that say something, every judged gradient is right and the forward pass gives the values it gave before.  Five
steps are not enough: wrong edits pass while no hidden unit happens to be switched off.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from unstuck.facts import Edit, Explanation, Fix, Gradient, Proof, Trace
from unstuck.fix.apply import diff_of
from unstuck.fix.candidates import Candidate, agreeing_families, candidates
from unstuck.problems import Problem

Rerun = Callable[[tuple[Edit, ...], int, Callable[[], bool]], Trace]
SEEDS = (101, 202)
STEPS = 10
_RIGHT = ("exact", "scaled")


def repair(
    trace: Trace,
    rerun: Rerun,
    *,
    budget_seconds: float,
    jobs: int = 2,
    seeds: Sequence[int] = SEEDS,
) -> Fix | None:
    """The best-ranked edit that verifies, or None when none did within the budget.

    trace   the recording with the wrong gradients
    rerun   runs the program with (edits, seed, cancelled) and returns its Trace; called from `jobs` threads
    seeds   of the runs that verify; the recording itself must not have guided the search with them

    The fix is "safe" when it is what an exact explanation asks for, else "review".
    """
    trials = proposals(trace)
    if not trials:
        return None
    deadline = time.monotonic() + budget_seconds
    search = _Search(trace, rerun, tuple(seeds), deadline)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        try:
            search.originals = tuple(pool.map(search.original, seeds))
            list(pool.map(search.work, [trials] * max(1, jobs)))
        finally:
            search.closed.set()
    if search.best is None:
        return None
    candidate = trials[search.best]
    return _fix(trace, candidate, search.proof)


def proposals(trace: Trace) -> list[Candidate]:
    """The candidate edits for all wrong gradients of a trace, best first, each once."""
    found: dict[tuple[Edit, ...], Candidate] = {}
    for gradient in (gradient for gradient in trace.gradients if gradient.status == "wrong"):
        reason = gradient.explanation
        blamed = reason.span if reason else gradient.span
        uses = (*reason.uses, gradient.span) if reason else ()
        for path in dict.fromkeys(span.path for span in (blamed, *uses)):
            source = trace.source(path)
            if source is not None:
                for item in candidates(source, [blamed], reason.kind if reason else "", uses):
                    found.setdefault(item.edits, item)
    return sorted(found.values(), key=lambda item: (not item.agrees, item.place, item.size))


def verified(original: Trace, edited: Trace) -> bool:
    """Does the edited program pass the check, with the forward pass of the original (same seed)?"""
    after = {gradient.parameter: gradient for gradient in edited.gradients}
    if edited.status not in _RIGHT or edited.steps < STEPS or not same_forward(original, edited):
        return False
    for before in original.gradients:
        now = after.get(before.parameter)
        if before.status in (*_RIGHT, "wrong") and (now is None or now.status not in _RIGHT):
            return False
        if before.status == "wrong" and now is not None and now.steps < STEPS:
            return False
    return all(gradient.status != "wrong" for gradient in edited.gradients)


def same_forward(original: Trace, edited: Trace) -> bool:
    """Are the outputs of the first step known and the same in both runs?"""
    pairs = zip(original.forward, edited.forward, strict=False)
    equal = all(one == other or (math.isnan(one) and math.isnan(other)) for one, other in pairs)
    return equal and len(original.forward) == len(edited.forward) > 0


class _Search:
    """What the threads of one repair share: the next candidate, and the best one that has verified so far."""

    def __init__(self, trace: Trace, rerun: Rerun, seeds: tuple[int, ...], deadline: float) -> None:
        self._trace, self._rerun, self._seeds, self._deadline = trace, rerun, seeds, deadline
        self._lock = threading.Lock()
        self._next = 0
        self.closed = threading.Event()
        self.originals: tuple[Trace | None, ...] = ()
        self.best: int | None = None
        self.proof = Proof(0, 0, math.nan, math.nan)

    def original(self, seed: int) -> Trace | None:
        """The program as written, on a verifying seed."""
        return self._run((), seed, self._over)

    def work(self, trials: Sequence[Candidate]) -> None:
        """Try candidates in order until one verified, time is up, or none is left."""
        if any(original is None or not original.forward for original in self.originals):
            return
        while True:
            with self._lock:
                index = self._next
                self._next += 1
            if index >= len(trials) or self._useless(index):
                return
            proof = self._try(trials[index], index)
            with self._lock:
                if proof is not None and (self.best is None or index < self.best):
                    self.best, self.proof = index, proof

    def _try(self, candidate: Candidate, index: int) -> Proof | None:
        """The proof that a candidate is right; None as soon as one seed speaks against it."""
        traces = []
        for seed, original in zip(self._seeds, self.originals, strict=True):
            edited = self._run(candidate.edits, seed, lambda: self._useless(index))
            if original is None or edited is None or not verified(original, edited):
                return None
            traces.append(edited)
        wrong = {gradient.parameter for gradient in self._trace.gradients if gradient.status == "wrong"}
        before = _worst(self._trace.gradients, wrong)
        after = max(_worst(edited.gradients, wrong) for edited in traces)
        return Proof(len(traces), min(edited.steps for edited in traces), before, after)

    def _run(self, edits: tuple[Edit, ...], seed: int, cancelled: Callable[[], bool]) -> Trace | None:
        """One run; None when it failed, which for a candidate is an answer."""
        try:
            return self._rerun(edits, seed, cancelled)
        except Problem:
            return None

    def _over(self) -> bool:
        return self.closed.is_set() or time.monotonic() > self._deadline

    def _useless(self, index: int) -> bool:
        """Is time up, or has a better candidate verified already?"""
        return self._over() or (self.best is not None and self.best < index)


def _worst(gradients: Iterable[Gradient], names: set[str]) -> float:
    return max((gradient.residual for gradient in gradients if gradient.parameter in names), default=math.nan)


def _fix(trace: Trace, candidate: Candidate, proof: Proof) -> Fix:
    """The fix for a verified candidate."""
    reasons = [gradient.explanation for gradient in trace.gradients if gradient.status == "wrong"]
    safe = candidate.agrees and any(_asks_for(reason, candidate) for reason in reasons)
    diff = diff_of(candidate.edits, trace.sources)
    return Fix(candidate.title, "safe" if safe else "review", candidate.edits, diff, proof)


def _asks_for(reason: Explanation | None, candidate: Candidate) -> bool:
    """Does an exact explanation call for this family of edits?"""
    return reason is not None and reason.exact and candidate.family in agreeing_families(reason.kind)
