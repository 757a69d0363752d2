"""Find the edits that repair the backward pass, by running the edited program.

One edit is tried at first.  Where none repairs everything, the one that repairs most and spoils nothing is kept,
the program so edited is explained anew, and the search goes on: so several faults in one script are repaired
together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from unstuck.facts import Explanation, Fix, Span, Trace
from unstuck.fix.apply import diff_of
from unstuck.fix.bench import SEEDS, Bench, Rerun
from unstuck.fix.candidates import Candidate, agreeing_families, proposals
from unstuck.fix.probing import Probed, ordered
from unstuck.fix.search import Passed, Progress, Round
from unstuck.fix.versions import first_version

MOST_FAULTS = 4
GRACE = 0.5  # of the budget, to verify what is in hand when it is spent; twice that for what is half verified
MOST_SURE = (
    3  # candidates that an explanation asks for; of so few the right one is found soonest by verifying
)


def repair(
    trace: Trace,
    rerun: Rerun,
    *,
    budget_seconds: float,
    jobs: int = 2,
    seeds: Sequence[int] = SEEDS,
    clock: Callable[[], float] = time.monotonic,
) -> Fix | None:
    """The best-ranked edits that verify, or None when none did within the budget.

    trace   the recording with the wrong gradients
    rerun   runs the edited program and returns its Trace; called from `jobs` threads
    seeds   of the runs that verify; neither the recording nor the search may have been guided by them
    clock   measures the budget

    The fix is "safe" when it is what an exact explanation asks for, else "review".
    """
    bench = Bench(rerun, clock() + budget_seconds, GRACE * budget_seconds, max(1, jobs), tuple(seeds), clock)
    version, now, asked = first_version(trace.sources), trace, True
    try:
        for _ in range(MOST_FAULTS):
            if now.status != "wrong" or bench.over():
                return None
            search = Round(bench, version, now)
            waves = proposals(now)
            first = next(waves)
            search.run(_sure(first, len(_causes(now))), _trials(now, first, waves, search.probed))
            if search.best is not None:
                asked = asked and _asked_for(now, search.best.candidate)
                return _fix(trace, search.best, asked)
            if not search.progress:
                return None
            step = min(search.progress, key=_order)
            asked = asked and _asked_for(now, step.candidate)
            following = bench.explained(step.version)
            if following is None:
                return None
            version, now = step.version, following
        return None
    finally:
        bench.closed.set()


def _sure(found: Sequence[Candidate], causes: int) -> list[Candidate]:
    """The candidates that are worth the longer runs at once.

    That is where an explanation of all that is wrong leaves hardly a choice.
    """
    told = list(takewhile(lambda each: each.told, found))
    near = [each for each in told if each.place < 2]
    sure = near or told or list(takewhile(lambda each: each.agrees and each.place < 2, found))
    return sure if causes == 1 and len(sure) <= MOST_SURE else []


def _trials(
    trace: Trace, first: list[Candidate], others: Iterator[list[Candidate]], probed: Probed
) -> Iterator[Candidate]:
    """All candidates, each wave in the order that one run tells; what was sure may at least be a step forward."""
    yield from ordered(trace, first, probed)
    for wave in others:
        yield from ordered(trace, wave, probed, composed=0)


def _causes(trace: Trace) -> set[tuple[Span, str]]:
    """What explanations blame for the wrong gradients."""
    wrong = (gradient for gradient in trace.gradients if gradient.status == "wrong")
    return {
        (reason.span, reason.kind) if (reason := gradient.explanation) else (gradient.span, "")
        for gradient in wrong
    }


def _order(step: Progress) -> tuple[int, int]:
    return -len(step.names), step.index


def _fix(trace: Trace, found: Passed, asked: bool) -> Fix:
    """The fix for verified edits."""
    edits = found.version.edits
    title = "; ".join(found.version.titles)
    return Fix(title, "safe" if asked else "review", edits, diff_of(edits, trace.sources), found.proof())


def _asked_for(trace: Trace, candidate: Candidate) -> bool:
    """Is this the kind of change that an exact explanation calls for, at the place it names?"""
    reasons = [gradient.explanation for gradient in trace.gradients if gradient.status == "wrong"]
    return candidate.agrees and any(_asks_for(reason, candidate) for reason in reasons)


def _asks_for(reason: Explanation | None, candidate: Candidate) -> bool:
    if reason is None or not reason.exact:
        return False
    return candidate.told or candidate.family in agreeing_families(reason.kind)
