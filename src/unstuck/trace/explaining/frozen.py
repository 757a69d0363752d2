"""Layers that stand still as a whole, although layers around them are trained.

Such a layer may be frozen on purpose.  It is called wrong where it stands between trained ones, and where its own
error is worked out and let go: both are more than nothing and less than an update.  One that comes behind trained
layers is only named, for about it nothing can be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors, descendants
from unstuck.facts import Explanation, Gradient
from unstuck.trace.explaining.operands import Operand, forward, product, told
from unstuck.trace.explaining.places import made_for
from unstuck.trace.judging.matching import match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, is_drawn, untransposed
from unstuck.trace.reading.written import Step

TESTED = 3
FROZEN = "it stands still behind layers that are trained: frozen on purpose, or forgotten"
LET_GO = (
    "it stands still, and the error of its layer is worked out for nothing: frozen on purpose, or forgotten"
)
FITS = 1e-6  # relative misfit within which a value is the error of a layer


def frozen(still: Sequence[Operand], steps: Sequence[Step], loss: Candidate) -> list[Gradient]:
    """A Gradient for every matrix, among the values that never change, whose layer seems to be forgotten."""
    behind = {each.base: each for each in _is_behind(still, steps[0]) if each.y.span is not None}
    let_go = {each.base: (each, end) for each, end in _let_go(still, steps, loss)}
    return [
        *(_frozen(each, steps, loss) for each in behind.values()),
        *(_forgotten(each, end, steps) for each, end in let_go.values()),
    ]


def _is_behind(still: Sequence[Operand], step: Step) -> Iterator[Operand]:
    """Matrices that take what trained layers make, each standing with its bias, or alone and used by nothing else.

    (A graph or a sum may be written as a matrix as well; but numbers that are all different were drawn.)
    """
    uses = Counter(each.base for each in still)
    for each in still:
        if each.role == "matrix" and each.other is not None and each.other in step.tainted:
            sums = [other for other in still if other.role == "bias" and other.other is each.y]
            alone = uses[each.base] == 1 and is_drawn(each.base) and _made_by_layer(each.other, step)
            weights = _is_parameter_scaled(each.other, step)
            if (sums or alone) and product(each.other).op not in CONTRACTIONS and not weights:
                yield each


def _is_parameter_scaled(node: Node, step: Step) -> bool:
    """Is this a parameter, element by element divided or multiplied by something: are the data what stands?"""
    made = ancestors([node], stop=step.ends)
    return any(each in step.ends and np.shape(each.value) == np.shape(node.value) for each in made)


def _made_by_layer(node: Node, step: Step) -> bool:
    """Has data gone through a product on the way to this value?  (Weights may be made of several parameters.)"""
    return any(each.op in CONTRACTIONS for each in ancestors([node], oldest=step.nodes[0].id, stop=step.ends))


def _frozen(operand: Operand, steps: Sequence[Step], loss: Candidate) -> Gradient:
    """Of a layer behind trained ones: wrong, if trained ones come after it too: nobody freezes what lies between."""
    place, after = operand.y.span, _trained_after(operand, steps[0], loss)
    assert place is not None
    next_one = made_for(steps[0], after) if after is not None else None
    if next_one is None:
        return told(operand, place, steps, FROZEN)
    errors = (node.span for node in _errors(operand.y, steps[0], loss) if node.span is not None)
    near = max(errors, key=lambda span: span.line, default=next_one)  # then its gradient can be formed
    text = f"{operand.title} never changes, although the layers before and after it are trained: its update is missing"
    explanation = Explanation("parameter-never-updated", text, near, (next_one, place))
    return replace(told(operand, near, steps, ""), status="wrong", explanation=explanation)


def _trained_after(operand: Operand, step: Step, loss: Candidate) -> str | None:
    """The matrix of the first trained layer that uses what this one makes."""
    trained = {update.before: name for name, update in step.updates.items()}
    ahead = forward(step, loss)
    later = descendants([operand.y], ahead)
    products = (node for node in ahead if node in later and node.op in CONTRACTIONS)
    operands = (untransposed(parent) for node in products for parent in node.parents())
    return next((trained[base] for base in operands if base in trained), None)


def _let_go(
    still: Sequence[Operand], steps: Sequence[Step], loss: Candidate
) -> Iterator[tuple[Operand, Node]]:
    """Matrices that stand, with their bias if there is one, whose exact error ends a computation in each step.

    With each comes what that computation ends in.
    """
    for each in still:
        sums = [other.y for other in still if other.role == "bias" and other.other is each.y]
        if each.role != "matrix" or _holds_samples(each, still, steps[0]):
            continue
        ends = [_for_nothing([each.y, *sums][-1], step, loss) for step in steps[:TESTED]]
        if (end := ends[0]) is not None and all(ends) and each.y.span is not None:
            yield each, end


def _holds_samples(operand: Operand, still: Sequence[Operand], step: Step) -> bool:
    """Of two matrices that stand at one product, is this the one with a row, or a column, for each output?"""
    if operand.other is None or all(each.y is not operand.y for each in still if each is not operand):
        return False
    shape, axis = np.shape(operand.y.value), 0 if operand.position == 0 else -1
    met = (pair for proposal in step.losses.values() for pair in proposal.pairs)
    outputs = [np.shape(pair.output.value) for pair in met]
    return len(shape) == 2 and any(len(each) == 2 and each[axis] == shape[axis] for each in outputs)


def _for_nothing(place: Node, step: Step, loss: Candidate) -> Node | None:
    """The derivative by what is made at this place, or a multiple of it, that is worked out and used by nothing."""
    used = {parent for node in step.nodes for parent in node.parents()}
    return next((node for node in _errors(place, step, loss) if node not in used | step.ends), None)


def _errors(place: Node, step: Step, loss: Candidate) -> Iterator[Node]:
    """The values that are the derivative by what is made at this place, or a multiple of it."""
    made = [node for node in step.nodes if (node.span, node.op) == (place.span, place.op)]
    true = adjoints(step.losses[loss].seeds, made, stop=step.ends).of(made[0]) if len(made) == 1 else None
    if true is None or not np.any(true):
        return
    for node in step.nodes:
        if node in step.tainted and np.shape(node.value) == true.shape:
            found = match(np.asarray(node.value, float), true)
            if min(found.residual, found.mirrored) <= FITS:
                yield node


def _forgotten(operand: Operand, end: Node, steps: Sequence[Step]) -> Gradient:
    """Of a layer whose error is let go: wrong, unless that error is what the next layer hands back in any case."""
    place = operand.y.span
    assert place is not None
    if end.op in CONTRACTIONS or end.span is None:
        return told(operand, place, steps, LET_GO)
    text = (
        f"the error of the layer of {operand.title} is computed in every step and used for nothing: "
        f"nothing updates {operand.title}"
    )
    error = end.span
    updates = (update.after.span for update in steps[0].updates.values())
    beside = [span for span in updates if span is not None and span.path == error.path]
    near = min(beside, key=lambda span: abs(span.line - error.line), default=error)
    explanation = Explanation("parameter-never-updated", text, near, (error,))
    return replace(told(operand, near, steps, ""), status="wrong", explanation=explanation)
