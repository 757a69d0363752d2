"""Layers of which one half is trained: a matrix that never changes beside its bias, or a bias beside its matrix.

A layer that stands still as a whole may be frozen on purpose, or be no layer at all (a graph, a transform); half a
layer hardly ever is.  So the missing half is called wrong, unless several layers show the same pattern, as when
only the biases are tuned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Explanation, Gradient
from unstuck.trace.explaining.frozen import frozen
from unstuck.trace.explaining.late import behind_loop
from unstuck.trace.explaining.operands import Operand, forward, operands, partner, product, told
from unstuck.trace.explaining.places import made_for
from unstuck.trace.judging.source_loops import loop_over_literals
from unstuck.trace.judging.statements import is_conditional, stores_old
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3


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
    met = [_by_place(operands(step, loss)) for step in used]
    still = [operand for operand in operands(first, loss) if _stands(operand, met)]
    children = _children(forward(first, loss))
    halves = [Half(each, name) for each in still if (name := partner(each, first, children)) is not None]
    result = [*late.values()]
    halves = [half for half in halves if half.operand.base not in late]
    result += [_in_vain(each, used) for each in still if _is_stored_again(each)]
    for role in ("matrix", "bias"):
        mine = {
            half.operand.base: half for half in halves if half.operand.role == role and _is_meant(half, first)
        }
        usual = role == "matrix" or _trained_biases(first, loss) or _is_one_of_zeros(mine)
        result += [_noun(half, used, wrong=len(mine) == 1) for half in mine.values() if usual]
    return result + frozen(still, used, loss)


def _children(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
    children: dict[Node, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in node.parents():
            children[parent].append(node)
    return children


def _by_place(found: Iterable[Operand]) -> dict[Hashable, Operand]:
    """The first operand of every place."""
    table: dict[Hashable, Operand] = {}
    for operand in found:
        table.setdefault(operand.place, operand)
    return table


def _stands(operand: Operand, met: Sequence[Mapping[Hashable, Operand]]) -> bool:
    """Does the same value, whole and made outside of all steps, stand at this place in every step?

    met  the operands of every step by their places, those of the operand's own step first
    """
    value = operand.base.value
    if not all(operand.place in step for step in met):
        return False
    others = [step[operand.place].base.value for step in met]
    return all(
        (number > 0 and other is value) or np.array_equal(other, value) for number, other in enumerate(others)
    )


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
    """Does something of this shape, computed from the parameters, lead nowhere: a gradient that is left out?"""
    used = {parent for node in step.nodes for parent in node.parents()}
    ends = step.tainted - used - {update.after for update in step.updates.values()}
    return any(node in ends and np.shape(node.value) == np.shape(base.value) for node in step.nodes)


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
    if len(shape) < 2:
        return bool(shape) and int(np.prod(bias)) == shape[0]  # one sample: a number for each output
    column = len(bias) > 1 and bias[-1] == 1 != bias[-2]
    single = int(np.prod(bias)) == 1
    return (column == rows) if not single else shape[-2 if rows and len(shape) > 1 else -1] == 1


def _is_one_of_zeros(biases: Collection[Node]) -> bool:
    """Is this a single bias of zeros?  To add them would be in vain, unless they were meant to be trained."""
    return len(biases) == 1 and not any(np.any(bias.value) for bias in biases)


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


# ----- In words -----------------------------------------------------------------------------------------


def _noun(half: Half, steps: Sequence[Step], *, wrong: bool) -> Gradient:
    operand, name = half.operand, half.operand.title
    place = made_for(steps[-1], half.partner)
    assert place is not None
    if not wrong:
        return told(
            operand, place, steps, f"it never changes, although {half.partner} of its layer is trained"
        )
    text = (
        f"{name} never changes, although {half.partner} of the same layer is trained: its update is missing"
    )
    updated = steps[-1].updates[half.partner].after.span
    header = loop_over_literals(updated) if updated is not None else None  # it may list another in its place
    uses = tuple(each for each in (header, operand.y.span) if each is not None)
    explanation = Explanation("parameter-never-updated", text, place, uses)
    return replace(told(operand, place, steps, ""), status="wrong", explanation=explanation)
