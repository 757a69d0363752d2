"""Layers of which one half is trained: a matrix that never changes beside its bias, or a bias beside its matrix.

A layer that stands still as a whole may be frozen on purpose, or be no layer at all (a graph, a transform); half a
layer hardly ever is.  So the missing half is called wrong, unless several layers show the same pattern, as when
only the biases are tuned.  A whole layer between trained ones is only named: about it nothing can be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Explanation, Gradient, Span
from unstuck.trace.explaining.operands import Operand, forward, operands, partner, product
from unstuck.trace.judging.statements import is_conditional, left_by_loop, uses_finished_loop
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
STORES = {"add.at", "subtract.at", "setitem", "scatter"}
FROZEN = "it stands still between layers that are trained: frozen on purpose, or forgotten"


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
    late = {
        each.base: each
        for each in operands(first, loss, of_others=True)
        if _updated_after_loop(each, first, used[1], loss)
    }
    still = [operand for operand in operands(first, loss) if _stands(operand, used, loss)]
    children = _children(forward(first, loss))
    halves = [Half(each, name) for each in still if (name := partner(each, first, children)) is not None]
    result = [*(_late(each, used) for each in late.values()), *_left_behind(used, loss)]
    halves = [half for half in halves if half.operand.base not in late]
    for role in ("matrix", "bias"):
        mine = {
            half.operand.base: half for half in halves if half.operand.role == role and _is_meant(half, first)
        }
        usual = role == "matrix" or _trained_biases(first, loss)
        result += [_noun(half, used, wrong=len(mine) == 1) for half in mine.values() if usual]
    between = {each.base: each for each in still if _is_between(each, still, first, loss)}
    return result + [
        _told(each, each.y.span, used, FROZEN) for each in between.values() if each.y.span is not None
    ]


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


# ----- Updates that no recorded step reaches ------------------------------------------------------------


def _updated_after_loop(operand: Operand, step: Step, following: Step, loss: Candidate) -> Span | None:
    """The statement that moves this value by an error of the loop before it, in which all other updates are.

    An error that one round hands to the next is a sum, which may be waited for.
    """
    place = operand.update
    if place is None or is_conditional(place) or not _is_steady(operand, following, loss):
        return None
    others = [update.after.span for update in step.updates.values() if update.after.span is not None]
    made, later = _errors_by_name(step, loss), _errors_by_name(following, loss)
    return (
        place
        if any(
            made[each].isdisjoint(ancestors(later[each], oldest=step.nodes[0].id, stop=following.ends))
            for each in (left_by_loop(place, others) - {*operand.names}) & made.keys() & later.keys()
        )
        else None
    )


def _errors_by_name(step: Step, loss: Candidate) -> dict[str, set[Node]]:
    """What the step computes beyond its forward pass and the script has a name for."""
    errors = step.tainted - set(forward(step, loss)) - step.ends
    stored = {node.args[0] for node in errors if node.op in STORES and isinstance(node.args[0], Node)}
    found: dict[str, set[Node]] = defaultdict(set)
    for node in errors | stored:
        for name in node.names:
            found[name].add(node)
    return found


def _is_steady(operand: Operand, following: Step, loss: Candidate) -> bool:
    """Does the next step use the same value, be it an element of an array in which others are moved?"""
    alike = (each for each in operands(following, loss, of_others=True) if each.place == operand.place)
    return any(
        each.base is operand.base or (each.role == "element" and each.y.value == operand.y.value)
        for each in alike
    )


def _late(operand: Operand, steps: Sequence[Step]) -> Gradient:
    assert operand.y.span is not None
    name = operand.title
    place = operand.update or operand.y.span
    text = f"{name} is updated outside of the loop in which its gradient is computed: most gradients are lost"
    explanation = Explanation("update-outside-loop", text, place, (operand.y.span,))
    return replace(_told(operand, place, steps, ""), status="wrong", explanation=explanation)


def _left_behind(steps: Sequence[Step], loss: Candidate) -> Iterator[Gradient]:
    """Values that stand still beside one that is used alike, whose update has been left to the end of a loop."""
    first = steps[0]
    places: dict[Span, str] = {}
    for name, update in first.updates.items():
        place = update.after.span
        if place is not None and uses_finished_loop(place) and not is_conditional(place):
            places.setdefault(place, name)
    for place, name in places.items():
        others = [_used_like(step, step.updates[name].before, loss) for step in steps[:LEAST_STEPS]]
        same = set.intersection(*others)
        if not same:
            continue
        text = (
            f"this update of {name} stands behind a loop and uses its last values: "
            f"of {len(same) + 1} parameters that are used alike, only the last is updated"
        )
        base = min(same, key=lambda node: node.id)
        use = next(node for node in forward(first, loss) if base in map(untransposed, node.parents()))
        gradient = _told(Operand(base, use, "element", 0), place, steps, "")
        yield replace(
            gradient,
            parameter=f"what is used like {name}",
            status="wrong",
            explanation=Explanation("update-outside-loop", text, place, (use.span,) if use.span else ()),
        )


def _used_like(step: Step, parameter: Node, loss: Candidate) -> set[Node]:
    """The values from before the step that nothing updates and that are used at the very places of a parameter."""
    uses = [
        ((node.span, node.op, position), untransposed(each))
        for node in forward(step, loss)
        for position, each in enumerate(node.parents())
    ]
    places = {place for place, base in uses if base is parameter}
    return {
        base
        for place, base in uses
        if place in places and base.id < step.nodes[0].id and base not in step.ends
        if np.shape(base.value) == np.shape(parameter.value)
        and np.issubdtype(np.asarray(base.value).dtype, np.floating)
    }


# ----- A whole layer ------------------------------------------------------------------------------------


def _is_between(operand: Operand, still: Sequence[Operand], step: Step, loss: Candidate) -> bool:
    """Is this the matrix of a layer with a bias, both standing, that takes and gives what is trained?"""
    if operand.role != "matrix" or operand.other not in step.tainted or operand.other is None:
        return False
    sums = [each.y for each in still if each.role == "bias" and each.other in (operand.y,)]
    if not sums or product(operand.other).op in CONTRACTIONS:
        return False
    after = descendants(sums, forward(step, loss))
    before = {update.before for update in step.updates.values()}
    return any(
        node.op in CONTRACTIONS and any(untransposed(parent) in before for parent in node.parents())
        for node in after
    )


# ----- In words -----------------------------------------------------------------------------------------


def _noun(half: Half, steps: Sequence[Step], *, wrong: bool) -> Gradient:
    operand, name = half.operand, half.operand.title
    place = steps[-1].updates[half.partner].after.span
    assert place is not None
    if not wrong:
        return _told(
            operand, place, steps, f"it never changes, although {half.partner} of its layer is trained"
        )
    text = (
        f"{name} never changes, although {half.partner} of the same layer is trained: its update is missing"
    )
    uses = (operand.y.span,) if operand.y.span is not None else ()
    explanation = Explanation("parameter-never-updated", text, place, uses)
    return replace(_told(operand, place, steps, ""), status="wrong", explanation=explanation)


def _told(operand: Operand, place: Span, steps: Sequence[Step], reason: str) -> Gradient:
    zeros = np.zeros(np.shape(operand.base.value))
    return Gradient(
        parameter=operand.title,
        span=place,
        status="cannot-tell",
        cosine=float("nan"),
        scale=0.0,
        residual=1.0,
        steps=len(steps),
        written=zeros,
        exact=zeros,
        reason=reason,
    )
