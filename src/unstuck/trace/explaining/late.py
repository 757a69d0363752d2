"""Updates behind the loop that works out their gradients, which no recorded step reaches.

In the steps such a parameter stands still.  That it is meant to be trained says the source: a statement behind the
loop moves it by an error that the loop leaves, or moves the last of several parameters that are used alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Gradient, Span
from unstuck.trace.explaining.operands import Operand, forward, operands, told
from unstuck.trace.judging.source_loops import left_by_loop, uses_finished_loop
from unstuck.trace.judging.statements import is_conditional
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
STORES = {"add.at", "subtract.at", "setitem", "scatter"}


def behind_loop(steps: Sequence[Step], loss: Candidate) -> dict[Node, Gradient]:
    """A Gradient, with the status "wrong", for every value that an update behind the loop is meant for."""
    first, second = steps[:2]
    late = {
        each.base: each
        for each in operands(first, loss, of_others=True)
        if _updated_after_loop(each, first, second, loss)
    }
    return {base: _late(each, steps) for base, each in late.items()} | dict(_left_behind(steps, loss))


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
    return replace(told(operand, place, steps, ""), status="wrong", explanation=explanation)


def _left_behind(steps: Sequence[Step], loss: Candidate) -> Iterator[tuple[Node, Gradient]]:
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
        gradient = told(Operand(base, use, "element", 0), place, steps, "")
        explanation = Explanation("update-outside-loop", text, place, (use.span,) if use.span else ())
        title = f"what is used like {name}"
        yield base, replace(gradient, parameter=title, status="wrong", explanation=explanation)


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
