"""What there is to say of a wrong derivative of an activation: at which one, why it is 1, and how often it was off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.explaining.altered_parts import STORES
from unstuck.trace.explaining.derivative_places import computed_from, written_factors
from unstuck.trace.explaining.directions import RightValues
from unstuck.trace.explaining.hypotheses import Hypothesis, value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated
from unstuck.trace.reading.written import Step

TESTED = 8


def altered_piece(
    passes: Sequence[Forward], activated: Mapping[int, Sequence[Activated]]
) -> tuple[Forward, Activated]:
    """Of the activations that one rule speaks of, the first whose written factor is not the derivative.

    It is looked for in the last step first; where units are dead, there may be nothing to see in it.
    """
    by_number = {forward.step.number: forward for forward in passes}
    for number in sorted(activated, reverse=True)[:TESTED]:
        for piece in activated[number]:
            if not _is_derivative(by_number[number], piece):
                return by_number[number], piece
    last = max(activated)
    return by_number[last], activated[last][0]


def _is_derivative(forward: Forward, piece: Activated) -> bool:
    slope = piece.activation.derivative(value_of(piece.z))
    factors = written_factors(forward, piece)
    written = np.prod([value_of(factor) for factor in factors], axis=0) if factors else np.ones(())
    written = np.broadcast_to(written, np.shape(slope))
    if np.size(slope) == 1:
        return bool(np.allclose(written, slope))
    return not np.any(slope) or RightValues([slope]).sign(written) != 0  # of dead units nothing is seen


def serves_others(span: Span, forward: Forward, mine: Sequence[Activated]) -> bool:
    """Does the same expression give the derivative of another activation, one that is right?"""
    others = [piece for piece in forward.activated if piece not in mine]
    return any(node.span == span for other in others for node in computed_from(forward.step, other))


def not_copied(piece: Activated) -> tuple[str, Span] | None:
    """Is the activation made in place in the array of the pre-activation, which has two names, and where was that?"""
    before = piece.h.args[0] if piece.h.op in STORES else None
    names = before.names if isinstance(before, Node) else []
    if not isinstance(before, Node) or len({*names}) < 2 or not before.bound:
        return None
    return f", because {names[-1]} is {names[0]} itself and no copy of it", before.bound[-1]


def why_one(step: Step, piece: Activated, span: Span | None) -> str:
    """Why a derivative is 1: no factor stands there that should be it, or one that is always true; else empty."""
    if span is None:
        return ": nothing multiplies the error by it"
    factor = next((node for node in step.nodes if node.span == span and node.id > piece.h.id), None)
    if factor is None or piece.activation.name != "relu":
        return ""
    tested = [parent for parent in factor.parents() if np.shape(parent.value) == np.shape(piece.h.value)]
    if tested and all(np.min(parent.value) >= 0 for parent in tested):
        return ", because its argument is already rectified"
    return ""


def share_off(hypothesis: Hypothesis) -> dict[str, float]:
    """The share of units, over all steps, whose derivative is zero and that should have passed nothing."""
    off = [
        np.asarray(piece.activation.derivative(np.asarray(piece.z.value, float))) == 0
        for pieces in hypothesis.activated.values()
        for piece in pieces
    ]
    share = float(np.mean(np.concatenate([item.ravel() for item in off]))) if off else 0.0
    return {"of the units should have passed nothing": share} if share > 0 else {}
