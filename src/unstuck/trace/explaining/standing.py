"""Layers of which one half is trained: a matrix that never changes beside its bias, or a bias beside its matrix.

A layer that stands still as a whole may be frozen on purpose, or be no layer at all (a graph, a transform); half a
layer hardly ever is.  So the missing half is called wrong, unless several layers show the same pattern, as when
only the biases are tuned.  A whole layer behind trained ones is only named, and so is one whose error is worked out
and let go: about them nothing can be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors
from unstuck.facts import Explanation, Gradient
from unstuck.trace.explaining.late import behind_loop
from unstuck.trace.explaining.operands import Operand, forward, operands, partner, product, told
from unstuck.trace.judging.matching import match
from unstuck.trace.judging.statements import is_conditional, stores_old
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS, TESTED = 3, 3
FROZEN = "it stands still behind layers that are trained: frozen on purpose, or forgotten"
LET_GO = (
    "it stands still, and the error of its layer is worked out for nothing: frozen on purpose, or forgotten"
)
FITS = 1e-6  # relative misfit within which a value is the error of a layer


@dataclass(frozen=True)
class Half:
    """A value that never changes, with the trained parameter of its layer."""

    operand: Operand
    partner: str


def standing(steps: Sequence[Step], loss: Candidate) -> list[Gradient]:
    """A Gradient for every value that should be trained and never changes in the recorded steps."""
    used = [step for step in steps if loss in step.losses]
    if len(used) < LEAST_STEPS or any(step.updates.keys() != used[0].updates.keys() for step in used):
        return []
    first = used[0]
    late = behind_loop(used, loss)
    still = [operand for operand in operands(first, loss) if _stands(operand, used, loss)]
    children = _children(forward(first, loss))
    halves = [Half(each, name) for each in still if (name := partner(each, first, children)) is not None]
    result = [*late.values()]
    halves = [half for half in halves if half.operand.base not in late]
    result += [_in_vain(each, used) for each in still if _is_stored_again(each)]
    for role in ("matrix", "bias"):
        mine = {
            half.operand.base: half for half in halves if half.operand.role == role and _is_meant(half, first)
        }
        usual = role == "matrix" or _trained_biases(first, loss)
        result += [_noun(half, used, wrong=len(mine) == 1) for half in mine.values() if usual]
    for reason, forgotten in ((FROZEN, _is_behind(still, first)), (LET_GO, _let_go(still, used, loss))):
        known = {each.base: each for each in forgotten if each.y.span is not None}
        result += [
            told(each, each.y.span, used, reason) for each in known.values() if each.y.span is not None
        ]
    return result


def _children(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
    children: dict[Node, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in node.parents():
            children[parent].append(node)
    return children


def _stands(operand: Operand, steps: Sequence[Step], loss: Candidate) -> bool:
    """Does the same value, whole and made outside of all steps, stand at this place in every step?"""
    met = [
        next((each for each in operands(step, loss) if each.place == operand.place), None) for step in steps
    ]
    return all(each is not None and np.array_equal(each.base.value, operand.base.value) for each in met)


# ----- Updates in vain ----------------------------------------------------------------------------------


def _is_stored_again(operand: Operand) -> bool:
    return (place := operand.update) is not None and stores_old(place) and not is_conditional(place)


def _in_vain(operand: Operand, steps: Sequence[Step]) -> Gradient:
    place = operand.update
    assert place is not None
    text = f"{operand.title} never changes: where its update belongs, it is stored as it is"
    explanation = Explanation("parameter-never-updated", text, place)
    return replace(told(operand, place, steps, ""), status="wrong", explanation=explanation)


# ----- Half a layer -------------------------------------------------------------------------------------


def _is_meant(half: Half, step: Step) -> bool:
    """Is this the other half of the layer: no graph, no data, no offset that is meant, and not left out on purpose?"""
    operand = half.operand
    update = step.updates[half.partner].after.span
    if update is None or is_conditional(update) or _held_back(operand) or _works_out(step, operand.base):
        return False
    if operand.role == "bias":
        return bool(np.ptp(np.asarray(operand.base.value, float)) == 0)  # all alike, as a start is
    other = operand.other
    if other is None or product(other).op in CONTRACTIONS:
        return False  # a matrix that mixes what a layer has made: a graph
    return _varies_along(operand, np.shape(step.updates[half.partner].before.value))


def _works_out(step: Step, base: Node) -> bool:
    """Does the step compute something of this shape from the parameters and let it go: a gradient that is left out?"""
    alive = ancestors([update.after for update in step.updates.values()], oldest=step.nodes[0].id)
    return any(
        node in step.tainted and node not in alive and np.shape(node.value) == np.shape(base.value)
        for node in step.nodes
    )


def _held_back(operand: Operand) -> bool:
    """Does the source update it where a condition allows it?"""
    place = operand.update
    return place is not None and is_conditional(place)


def _varies_along(operand: Operand, bias: tuple[int, ...]) -> bool:
    """Of input and weights: does the bias vary along the axis of the product that this matrix makes?

    A vector of weights makes single outputs, which share a single bias.
    """
    if np.ndim(operand.base.value) == 1:
        return int(np.prod(bias)) == 1
    rows = operand.y.op != "einsum" and operand.position == 0
    shape = np.shape(operand.y.value)
    if not shape:
        return False
    column = len(bias) > 1 and bias[-1] == 1 != bias[-2]
    single = int(np.prod(bias)) == 1
    return (column == rows) if not single else shape[-2 if rows and len(shape) > 1 else -1] == 1


def _trained_biases(step: Step, loss: Candidate) -> bool:
    """Is the bias of another layer trained?  (Else this program may do without.)"""
    before = {update.before for update in step.updates.values()}
    sums = [node for node in forward(step, loss) if node.op == "add"]
    return any(
        untransposed(own) in before and product(other).op in CONTRACTIONS
        for node in sums
        if len(node.parents()) == 2
        for own, other in (node.parents(), node.parents()[::-1])
    )


# ----- A whole layer ------------------------------------------------------------------------------------


def _is_behind(still: Sequence[Operand], step: Step) -> Iterator[Operand]:
    """Matrices of layers with a bias, both standing, that take what is made by trained layers."""
    for each in still:
        if each.role == "matrix" and each.other is not None and each.other in step.tainted:
            sums = [other for other in still if other.role == "bias" and other.other is each.y]
            if sums and product(each.other).op not in CONTRACTIONS:
                yield each


def _let_go(still: Sequence[Operand], steps: Sequence[Step], loss: Candidate) -> Iterator[Operand]:
    """Matrices of layers with a bias, both standing, whose exact error is the end of a computation in each step."""
    for each in still:
        sums = [other.y for other in still if other.role == "bias" and other.other is each.y]
        if (
            each.role == "matrix"
            and sums
            and all(_is_for_nothing(sums[0], step, loss) for step in steps[:TESTED])
        ):
            yield each


def _is_for_nothing(place: Node, step: Step, loss: Candidate) -> bool:
    """Is the derivative by what is made at this place, or a multiple of it, worked out and used by nothing?"""
    made = [node for node in step.nodes if (node.span, node.op) == (place.span, place.op)]
    true = adjoints(step.losses[loss].seeds, made, stop=step.ends).of(made[0]) if len(made) == 1 else None
    if true is None or not np.any(true):
        return False
    used = {parent for node in step.nodes for parent in node.parents()}
    ends = [node for node in step.nodes if node in step.tainted and node not in used | step.ends]
    alike = (
        match(np.asarray(node.value, float), true) for node in ends if np.shape(node.value) == true.shape
    )
    return any(min(found.residual, found.mirrored) <= FITS for found in alike)


# ----- In words -----------------------------------------------------------------------------------------


def _noun(half: Half, steps: Sequence[Step], *, wrong: bool) -> Gradient:
    operand, name = half.operand, half.operand.title
    place = steps[-1].updates[half.partner].after.span
    assert place is not None
    if not wrong:
        return told(
            operand, place, steps, f"it never changes, although {half.partner} of its layer is trained"
        )
    text = (
        f"{name} never changes, although {half.partner} of the same layer is trained: its update is missing"
    )
    uses = (operand.y.span,) if operand.y.span is not None else ()
    explanation = Explanation("parameter-never-updated", text, place, uses)
    return replace(told(operand, place, steps, ""), status="wrong", explanation=explanation)
