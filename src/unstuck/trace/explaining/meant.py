"""Which loss is meant where none explains any gradient as it is?  When a rule that explains them all may say so.

The steps may descend another loss than every one that was tried, and a program may well print one and descend
another.  So an altered rule shows the loss only where no other loss, however few know it, could have led to the
same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import NOT_RUN
from unstuck.autodiff.reverse import adjoints, ancestors, descendants
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.hypotheses import Hypothesis, value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.misaimed import to_other_classes
from unstuck.trace.judging.ascent import joins
from unstuck.trace.judging.replay import replay
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS

INDIRECT = {"error-wrong", "gradient-overwritten"}  # explanations that need a loss known from elsewhere
UNNAMED_SLOPE = "activation-derivative-wrong"  # any factor that is computed from the activation
BOUNDED = {"sigmoid", "tanh"}  # as outputs, their errors are differences alone, or times the derivative
OF_ANOTHER_LOSS = {"activation-derivative-one", "softmax-derivative-one"}
SLIPS = {"operator", "sign", "wrong-number"}  # alterations that put no other value in the place of one
AIMLESS = {"factor-missing", "term-missing"}  # what is missing may be all that the target has to say
NEGLIGIBLE = 1e-9
LEAST_EQUAL, LEAST_SHARE = (
    3,
    0.1,
)  # outputs with one factor to the true error, and their share of all; also steps
MODERATE = 1e3  # size of logarithms up to which rounding leaves their exponentials a sum of one
ARRIVED = (
    1e-6  # largest true error of an output that has come to its target: where it pushes then tells nothing
)


def shows_loss(hypothesis: Hypothesis, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Does the rule say itself what the loss is?  One altered operation could turn any loss into a guessed one.

    (A sign at the very place where output and target meet it could not.)
    """
    if (
        isinstance(hypothesis, Forced)
        and loss.kind == "explicit"
        and _misses_its_classes(hypothesis, loss, passes)
    ):
        return True
    if hypothesis.kind in INDIRECT:
        return False
    if isinstance(hypothesis, Forced) and hypothesis.kind == "operator" and _never_rests(hypothesis, passes):
        return True
    if isinstance(hypothesis, Forced):
        if loss.kind == "softmax-cross-entropy" and hypothesis.of_itself:
            return _are_logarithms(loss, passes)
        slipped = hypothesis.kind in {*SLIPS, UNNAMED_SLOPE}
        if loss.by_pairs and slipped and _lies_behind_layer(hypothesis, loss, passes):
            return True
        if loss.by_pairs or hypothesis.lent:
            return hypothesis.kind == "sign" and hypothesis.place == loss.span
        told = hypothesis.kind in SLIPS or (
            hypothesis.kind in AIMLESS and _has_no_target(hypothesis, loss, passes)
        )
        if loss.kind == "returned" or (told and all(_contradicts(hypothesis, loss, passes) or [False])):
            return True
        return hypothesis.of_itself and (
            any(_contradicts(hypothesis, loss, passes)) or _is_partly_right(hypothesis, loss, passes)
        )
    if hypothesis.kind in OF_ANOTHER_LOSS and _concerns_outputs(hypothesis, loss, passes):
        return False
    return hypothesis.kind != UNNAMED_SLOPE or _is_bounded(hypothesis)


def _lies_behind_layer(forced: Forced, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Does what is altered concern a value from which a layer makes the outputs, in every step?

    So it is where an error goes back through another network, which this loss does not train: that it has come
    through the layer unaltered shows that it is the error of the loss.
    """
    told = []
    for forward in passes:
        outputs = {pair.output for pair in forward.step.losses[loss].pairs}
        for value, _ in forced.pairs(forward.step.number):
            later = descendants([value], forward.nodes) & ancestors(outputs, oldest=value.id)
            told.append(any(node.op in CONTRACTIONS for node in later - {value}))
    return bool(told) and all(told)


def _concerns_outputs(hypothesis: Hypothesis, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Is it about an activation behind which nothing is trained?

    Without the derivative of that one, the error is the one of the usual other loss.
    """
    for forward in passes:
        outputs = [pair.output for pair in forward.step.losses[loss].pairs]
        behind = [forward.upstream.get(output, frozenset()) for output in outputs]
        pieces = hypothesis.activated.get(forward.step.number, ())
        if any(forward.upstream.get(piece.h) in behind for piece in pieces):
            return True
    return False


def _are_logarithms(loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Are the outputs, in every row, the logarithms of probabilities, which no target of 1 is ever compared with?"""
    outputs = [value_of(pair.output) for forward in passes for pair in forward.step.losses[loss].pairs]
    rows = [each for each in outputs if each.ndim and each.shape[-1] > 1 and np.abs(each).max() < MODERATE]
    return bool(rows) and all(np.allclose(np.exp(each).sum(axis=-1), 1.0) for each in rows)


def _contradicts(forced: Forced, loss: Candidate, passes: Sequence[Forward]) -> list[bool]:
    """Does the written error push some outputs where the computed loss rises?  For every step that tells.

    An uncommon loss weighs the outputs otherwise than the one that is printed beside it, but it wants them to go
    the same way.
    """
    told = []
    for forward in passes:
        step = forward.step
        true = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).cotangents
        for target, written in forced.pairs(step.number):
            right = true.get(target)
            if right is None or np.abs(right).max(initial=0.0) < ARRIVED:
                continue
            if np.shape(right) == np.shape(written.value):
                agreement = forced.sign * value_of(written) * right
                told.append(bool(np.any(agreement < -NEGLIGIBLE * np.abs(agreement).max(initial=0.0))))
    return told


def _is_partly_right(forced: Forced, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Is the written error that of the computed loss for a part of the outputs, by one factor in most steps?

    So it is where one branch of a piecewise error is right and another has lost a function.
    """
    factors: list[float] = []
    for forward in passes:
        step = forward.step
        true = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).cotangents
        for target, written in forced.pairs(step.number):
            right = true.get(target)
            if right is not None and np.shape(right) == np.shape(written.value) and np.any(right):
                ratios = value_of(written)[right != 0] / right[right != 0]
                found, counts = np.unique([float(f"{ratio:.6g}") for ratio in ratios], return_counts=True)
                if counts.max() >= max(LEAST_EQUAL, LEAST_SHARE * ratios.size):
                    factors.append(float(found[counts.argmax()]))
    usual = max(factors, key=factors.count, default=0.0)
    return usual > 0 and factors.count(usual) >= max(LEAST_EQUAL, len(passes) / 2)


def _misses_its_classes(forced: Forced, loss: Candidate, passes: Sequence[Forward]) -> bool:
    told = [
        to_other_classes(forced.sign, pairs, forward, loss)
        for forward in passes
        if (pairs := forced.pairs(forward.step.number))
    ]
    return bool(told) and all(told)


def _never_rests(forced: Forced, passes: Sequence[Forward]) -> bool:
    """Does the written error grow beyond all bounds where the output meets the target, in every step?

    Whatever the loss is, there the error of a loss vanishes, or has at least a bound.
    """
    told = []
    for forward in passes:
        step = forward.step
        for _, written in forced.pairs(step.number):
            behind = ancestors([written], oldest=step.nodes[0].id, stop=step.ends)
            told.append(any(_explodes(written, node) for node in behind if joins(node, step)))
    return bool(told) and all(told)


def _explodes(written: Node, difference: Node) -> bool:
    try:
        with np.errstate(all="ignore"):
            met = replay([written], {difference: np.zeros(np.shape(difference.value))})[written]
    except NOT_RUN:
        return False
    return bool(np.all(np.isinf(np.asarray(met, float))))


def _has_no_target(forced: Forced, loss: Candidate, passes: Sequence[Forward]) -> bool:
    """Does the written error use nothing of what the computed loss compares the outputs with, in any step?"""
    told = []
    for forward in passes:
        step = forward.step
        oldest = step.nodes[0].id
        for output, written in forced.pairs(step.number):
            used = ancestors([output], oldest=oldest)
            behind = ancestors([node for node, _ in step.losses[loss].seeds], oldest=oldest) - used
            targets = {
                other
                for node in behind & step.tainted
                for other in node.parents()
                if other not in step.tainted and other not in used and np.ndim(other.value)
            }
            told.append(bool(targets) and targets.isdisjoint(ancestors([written])))
    return bool(told) and all(told)


def _is_bounded(hypothesis: Hypothesis) -> bool:
    """Is it about activations with two bounds?  Others may be the output under a loss that divides by it.

    (So does the deviance of a gamma distribution.)
    """
    pieces = [piece for pieces in hypothesis.activated.values() for piece in pieces]
    return all(piece.activation.name in BOUNDED for piece in pieces)
