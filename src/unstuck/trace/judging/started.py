"""Gradients that are added up from a start that is not zero: `dW = np.ones_like(W)`, and then `dW += ...`.

The proof is in the numbers: in every step the written gradient is the true one plus one and the same number in every
element, and an array of equal numbers, made for the step, enters the update.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import Match
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3


def started(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Explanation | None:
    """The explanation of a gradient that is added to an array of equal numbers; None without that proof."""
    telling = verdicts.telling(name)
    told = [(step, telling[step.number]) for step in steps if step.number in telling]
    telling_most = [truth for _, truth in told if np.any(truth.true)]
    if min(len(told), len(telling_most)) < LEAST_STEPS or not all(
        _is_raised(each, tolerance) for _, each in told
    ):
        return None
    starts = [_start(step, name) for step, _ in told]
    start, after = starts[-1], told[-1][0].updates[name].after.span
    if start is None or start.span is None or None in starts:
        return None
    first = float(np.ravel(start.value)[0])
    text = f"the sum that becomes the gradient of {name} starts from {first:g} in every step, instead of 0"
    return Explanation("gradient-not-cleared", text, start.span, (after,) if after is not None else ())


def _is_raised(found: Match, tolerance: float) -> bool:
    """Is this a positive multiple of the true gradient, or nothing of it where that vanishes, plus a number?"""
    true, written = found.true.ravel(), found.written.ravel()
    if true.size < 3 or true.size != written.size or not np.all(np.isfinite(written)):
        return False
    if not np.any(true):
        return bool(np.any(written) and np.ptp(written) <= tolerance * np.abs(written).max())
    columns = np.stack([true, np.full(true.shape, np.abs(true).max())], axis=1)
    factors = np.linalg.lstsq(columns, written, rcond=None)[0]
    misfit = float(np.abs(written - columns @ factors).max())
    return bool(factors[0] > 0 and factors[1] and misfit <= tolerance * np.abs(written).max())


def _start(step: Step, name: str) -> Node | None:
    """An array of equal numbers, none of them 0, that was made for this step and leads to the update.

    It may have been made where the step before has ended.
    """
    update = step.updates[name]
    behind = ancestors([update.after], stop=step.ends - {update.after})
    shape = np.shape(update.after.value)
    return next(
        (
            node
            for node in sorted(behind, key=lambda item: item.id)
            if node.op == "leaf"
            and np.shape(node.value) == shape
            and node.span is not None
            and _is_flat(node)
        ),
        None,
    )


def _is_flat(node: Node) -> bool:
    numbers = np.asarray(node.value, float)
    return bool(np.any(numbers) and np.ptp(numbers) == 0)
