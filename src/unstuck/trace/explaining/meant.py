"""Which loss is meant where none explains any gradient as it is?  When a rule that explains them all may say so.

The steps may descend another loss than every one that was tried, and a program may well print one and descend
another.  So an altered rule shows the loss only where no other loss, however few know it, could have led to the
same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.reverse import adjoints
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.hypotheses import Hypothesis, value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.reading.losses import Candidate

INDIRECT = {"error-wrong", "gradient-overwritten"}  # explanations that need a loss known from elsewhere
UNNAMED_SLOPE = "activation-derivative-wrong"  # any factor that is computed from the activation
BOUNDED = {"sigmoid", "tanh"}  # as outputs, their errors are differences alone, or times the derivative
SLIPS = {"operator", "sign", "wrong-number"}  # alterations that put no other value in the place of one
NEGLIGIBLE = 1e-9


def shows_loss(hypothesis: Hypothesis, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Does the rule say itself what the loss is?  One altered operation could turn any loss into a guessed one.

    (A sign at the very place where output and target meet it could not.)
    """
    if hypothesis.kind in INDIRECT:
        return False
    if isinstance(hypothesis, Forced):
        if loss.by_pairs or hypothesis.lent:
            return hypothesis.kind == "sign" and hypothesis.place == loss.span
        return loss.kind == "returned" or (
            hypothesis.kind in SLIPS and _contradicts(hypothesis, loss, passes)
        )
    return hypothesis.kind != UNNAMED_SLOPE or _is_bounded(hypothesis)


def _contradicts(forced: Forced, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Does the written error push some outputs where the computed loss rises, in every step?

    An uncommon loss weighs the outputs otherwise than the one that is printed beside it, but it wants them to go
    the same way.
    """
    told = []
    for forward in passes:
        step = forward.step
        true = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).cotangents
        for target, written in forced.pairs(step.number):
            right = true.get(target)
            if right is not None and np.shape(right) == np.shape(written.value):
                agreement = forced.sign * value_of(written) * right
                told.append(bool(np.any(agreement < -NEGLIGIBLE * np.abs(agreement).max(initial=0.0))))
    return bool(told) and all(told)


def _is_bounded(hypothesis: Hypothesis) -> bool:
    """Is it about activations with two bounds?  Others may be the output under a loss that divides by it.

    (So does the deviance of a gamma distribution.)
    """
    pieces = [piece for pieces in hypothesis.activated.values() for piece in pieces]
    return all(piece.activation.name in BOUNDED for piece in pieces)
