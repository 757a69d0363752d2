"""Trainings whose steps go down the loss at first and up it from some step on: a second optimiser with a wrong sign.

No single loss explains the updates of both phases, yet each phase is explained by one and the same: as it is, and
upside down.  What to blame is what only the second phase runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Span
from unstuck.trace.judging.judge import judge
from unstuck.trace.judging.matching import Match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2  # of each phase


def turns_upwards(steps: Sequence[Step], loss: Candidate, tolerance: float) -> Explanation | None:
    """The explanation of steps that go up the loss from one of them on, all arrays together; None without them."""
    told = judge(steps, loss)
    arrays = [name for name in told.matches if told.is_array(name) and told.telling(name)]
    signs: dict[int, set[int]] = {}
    for name in arrays:
        for number, match in told.telling(name).items():
            signs.setdefault(number, set()).add(_sign(match, tolerance))
    order = [signs[number] for number in sorted(signs)]
    first = order.index({-1}) if {-1} in order else 0
    down, up = order[:first], order[first:]
    if not arrays or min(len(down), len(up)) < LEAST_STEPS or any(each != {1} for each in down):
        return None
    if any(each != {-1} for each in up):
        return None
    began = sorted(signs)[first]
    early, late = ([step for step in steps if (step.number >= began) == after] for after in (False, True))
    known = {place for step in early for place in _places(step)}
    places = [place for place in _places(late[-1]) if place not in known]
    updates = [update.after.span for update in late[-1].updates.values()]
    shown = list(dict.fromkeys(place for place in (*places[-1:], *updates) if place is not None))
    text = f"from step {began} on the steps go up the loss instead of down: the sign is wrong there"
    return Explanation("sign", text, shown[0], tuple(shown[1:])) if shown else None


def _sign(match: Match, tolerance: float) -> int:
    """1 where the written gradient is a multiple of the true one, -1 where it is a negative one, else 0."""
    if np.isfinite(match.residual) and match.residual <= tolerance and match.scale > 0:
        return 1
    return -1 if np.isfinite(match.mirrored) and match.mirrored <= tolerance else 0


def _places(step: Step) -> list[Span]:
    """Where the updates of a step are made and handed on, in order of time."""
    ends = {update.after for update in step.updates.values()}
    made = ancestors(ends, oldest=step.nodes[0].id, stop=step.ends - ends)
    places = [(node.id, node.span) for node in made]
    places += [(count, place) for node in made for count, place in node.passed]
    return list(
        dict.fromkeys(place for _, place in sorted(places, key=lambda each: each[0]) if place is not None)
    )
