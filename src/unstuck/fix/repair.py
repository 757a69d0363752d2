"""Find the edits that repair the backward pass, by running the edited program.

One edit is tried at first.  Where none repairs everything, the one that repairs most and spoils nothing is kept,
the program so edited is explained anew, and the search goes on: so several faults in one script are repaired
together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile

from unstuck.facts import Explanation, Fix, Trace
from unstuck.fix.apply import diff_of
from unstuck.fix.candidates import Candidate, agreeing_families, proposals
from unstuck.fix.probing import ordered
from unstuck.fix.search import SEEDS, Bench, Passed, Progress, Rerun, Round
from unstuck.fix.versions import Version, first_version

MOST_FAULTS = 4
GRACE = 0.5  # of the budget, to verify what is in hand when it is spent
ASKED_FIRST = 2  # candidates that an explanation asks for, tried before all are evaluated


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
            search = Round(bench, version, now, _trials(bench, version, now))
            search.run()
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


def _trials(bench: Bench, version: Version, trace: Trace) -> Iterator[Candidate]:
    """The candidates: the first that the explanation asks for, then all others in the order that one run tells."""
    found = proposals(trace)
    asked = list(islice(found, ASKED_FIRST))
    first = list(takewhile(lambda candidate: candidate.agrees, asked))
    yield from first
    yield from ordered(trace, [*asked[len(first) :], *found], lambda probes: bench.probed(version, probes))


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
    return reason is not None and reason.exact and candidate.family in agreeing_families(reason.kind)
