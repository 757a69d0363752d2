"""Gradients that a script returns to an optimiser, beside the value of the loss: what can be said of them more.

No learning rate stands between such a gradient and the true one, so its factor counts as it is.  And the values of
the loss are a witness of their own, independent of the tape: a gradient must foretell how the loss changes from one
evaluation to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from unstuck.facts import Array
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.reading.losses import Candidate, loss_value
from unstuck.trace.reading.written import Step

CLEARLY = 0.5  # the derived gradient must foretell with at most this share of the written one's error


def absolute_scales(verdicts: Verdicts) -> dict[str, tuple[float, float]]:
    """Factor of each parameter's gradient to the true one: (median, relative spread)."""
    found = {}
    for name in verdicts.matches:
        scales = [match.scale for match in verdicts.telling(name).values()]
        if scales:
            middle = float(np.median(scales))
            found[name] = middle, float(np.ptp(scales) / abs(middle)) if middle else np.inf
    return found


def derived_foretells(steps: Sequence[Step], verdicts: Verdicts) -> bool:
    """Do the derived gradients foretell the changes of the returned loss clearly better than the written ones?

    If not, the recording has missed a part of the computation, and the difference is no fault of the script.
    """
    derived, written = [], []
    for name, table in verdicts.matches.items():
        told = [step for step in steps if step.number in table]
        for before, after in pairwise(told):
            way = _value(after, name) - _value(before, name)
            change = _loss(after, verdicts.loss) - _loss(before, verdicts.loss)
            ends = table[before.number], table[after.number]
            derived.append(abs(_trapezoid(way, [end.true for end in ends]) - change))
            written.append(abs(_trapezoid(way, [end.written for end in ends]) - change))
    return bool(derived) and float(np.median(derived)) < CLEARLY * float(np.median(written))


def _trapezoid(way: Array, slopes: Sequence[Array]) -> float:
    """The change along a way, by the mean of the slopes at its ends."""
    return float(np.vdot(sum(np.reshape(slope, way.shape) for slope in slopes) / 2, way))


def _value(step: Step, name: str) -> Array:
    return np.asarray(step.updates[name].before.value, float)


def _loss(step: Step, loss: Candidate) -> float:
    return sum(
        loss_value(loss.kind, pair.output.value, pair.target, pair.weight) for pair in step.losses[loss].pairs
    )
