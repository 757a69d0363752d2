"""A penalty that the gradient takes otherwise than the loss that the script computes: many times, or a share of it.

How strong a penalty is, is a choice, and a loss that is shown need not contain it.  A loss that does contain it makes
the choice.  The proof: the gradient of that loss is a multiple of the data's and a multiple of the very term that is
added to the written gradient, in every step, and the ratio of the two is never that of the written gradient.  Ratios
that conventions differ by (a half, the number of rows) prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints
from unstuck.facts import Array, Explanation
from unstuck.trace.judging.decay import joined
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import STEADY, Match, match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.readings import PENALTIES
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

LEAST_STEPS, TESTED = 3, 8
USUAL = (
    0.5,
    1.0,
    2.0,
)  # by which a penalty in a loss and in a gradient may differ, times or over the number of rows
CLOSE = 1e-6


def unlike_penalty(
    name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float
) -> Explanation | None:
    """The explanation of a penalty of which the computed loss has another share; None without that proof."""
    telling = verdicts.telling(name)
    mine = [step for step in steps if step.number in telling and not step.carried[name]][:TESTED]
    if len(mine) < LEAST_STEPS or not verdicts.is_array(name):
        return None
    if not any(kind in mine[0].written[name] for kind in PENALTIES):
        return None
    for loss in [other for other in mine[0].losses if other.kind == "explicit"]:
        ratios = [_ratio(step, name, loss, telling[step.number], tolerance) for step in mine]
        told = [ratio for ratio in ratios if ratio]
        if len(told) < len(mine) or np.ptp(told) > STEADY * abs(told[0]) or _is_usual(told[0], mine[-1]):
            continue
        made, after = joined(mine[-1], name), mine[-1].updates[name].after.span
        if made is None or made.span is None:
            return None
        text = (
            f"the penalty of {name} is {told[0]:.4g} times as large in its gradient as in the loss at "
            f"{line_in_words(loss.span)}"
        )
        kind = "factor-missing" if told[0] > 1 else "factor-extra"
        return Explanation(kind, text, made.span, (after,) if after not in (None, made.span) else ())
    return None


def _ratio(step: Step, name: str, loss: Candidate, truth: Match, tolerance: float) -> float:
    """How many times as large as in the loss the penalty is in the written gradient; 0 where that cannot be said."""
    whole, made = step.written[name]["whole"], joined(step, name)
    if (
        made is None
        or loss not in step.losses
        or not _is_multiple(np.asarray(made.value, float), whole, tolerance)
    ):
        return 0.0
    bare = next((step.written[name][kind] for kind in PENALTIES if kind in step.written[name]), None)
    if bare is None:
        return 0.0
    fit = match(bare, truth.true)
    found = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).of(step.updates[name].before)
    if fit.scale <= 0 or fit.residual > tolerance or found is None:
        return 0.0
    data, penalty = truth.true, (whole - bare) / fit.scale
    shares = _shares(found, data, penalty)
    return shares[0] / shares[1] if shares is not None else 0.0


def _shares(whole: Array, data: Array, penalty: Array) -> tuple[float, float] | None:
    """How much of each of two gradients a third one is made of; None where it is not, or where one is not in it."""
    columns = np.stack([data.ravel(), penalty.ravel()], axis=1)
    scales = np.linalg.norm(columns, axis=0)
    if not np.all(scales > 0) or not np.all(np.isfinite([*scales, np.linalg.norm(whole)])):
        return None
    shares = np.linalg.lstsq(columns / scales, whole.ravel(), rcond=None)[0]
    rest = whole.ravel() - columns / scales @ shares
    size = np.linalg.norm(whole)
    if np.linalg.norm(rest) > CLOSE * size or np.any(shares <= CLOSE * size):
        return None
    of_data, of_penalty = shares / scales
    return float(of_data), float(of_penalty)


def _is_multiple(value: Array, whole: Array, tolerance: float) -> bool:
    found = match(value, whole)
    return min(found.residual, found.mirrored) <= tolerance


def _is_usual(ratio: float, step: Step) -> bool:
    rows = {1, *_lengths(step.nodes)}
    usual = (each * factor for each in USUAL for count in rows for factor in (count, 1 / count))
    return any(abs(ratio / each - 1) < STEADY for each in usual)


def _lengths(nodes: Sequence[Node]) -> Iterator[int]:
    return (length for node in nodes for length in np.shape(node.value) if length)
