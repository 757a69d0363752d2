"""Nesterov's look ahead: is the gradient taken where the velocity is about to carry the weights?

In the form of the textbook the network does not use the weights but a point ahead of them, and the update then moves
them by the same velocity and by the gradient there.  So what is added to the weights for the network equals what the
update carries on from earlier steps.  Where the one is a constant multiple of the other, and not the same, one of the
two constants is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Explanation
from unstuck.trace.judging.matching import STEADY, match
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import Term, opened, terms_of
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3


def looks_elsewhere(name: str, steps: Sequence[Step], tolerance: float) -> Explanation | None:
    """The explanation of a look ahead to another point than the velocity leads to, by the same factor in each step."""
    told = [(step, node) for step in steps if (node := _ahead(name, step)) is not None]
    factors = [_factor(step, node, name, tolerance) for step, node in told]
    known = [factor for factor in factors if factor is not None]
    if len(known) < LEAST_STEPS or len(known) < len(told) or np.ptp(known) > STEADY * abs(known[0]):
        return None
    if abs(known[0] - 1) <= STEADY or told[-1][1].span is None:
        return None
    after = told[-1][0].updates[name].after.span
    text = (
        f"the network looks ahead of {name} by {known[0]:.4g} times what the update carries on from the steps before: "
        "with Nesterov's momentum both are the same"
    )
    return Explanation("optimiser", text, told[-1][1].span, (after,) if after is not None else ())


def _ahead(name: str, step: Step) -> Node | None:
    """The point that the network uses in place of the parameter: this plus what earlier steps have left behind."""
    update, start = step.updates[name], step.nodes[0].id
    moving = _linear(update)
    users = [node for node in step.takers[update.before] if node not in moving]
    points = [node for node in users if node.op in ("add", "subtract")]
    if len(points) != 1 or len(users) != 1:
        return None
    left = _left_behind(points[0], update, start)
    return points[0] if left and any(np.any(term.node.value) for term in left) else None


def _linear(update: Update) -> set[Node]:
    """The update itself: what carries the old value into the new one."""
    found, pending = {update.after}, [update.after]
    while pending:
        parts = {part for _, part in opened(1.0, pending.pop()) or () if part.id > update.before.id} - found
        found |= parts
        pending += parts
    return found


def _left_behind(point: Node, update: Update, start: int) -> list[Term]:
    """What is added to the parameter, if all of it are arrays of earlier steps."""
    terms = terms_of(point, stop=lambda node: node is update.before or node.id < start)
    others = [term for term in terms if term.node is not update.before]
    whole = sum(term.coefficient for term in terms if term.node is update.before) == 1
    old = all(term.node.id < start and np.ndim(term.node.value) for term in others)
    return others if whole and old else []


def _factor(step: Step, point: Node, name: str, tolerance: float) -> float | None:
    """The look ahead in units of what the update carries on; None where they are no multiples."""
    update, start = step.updates[name], step.nodes[0].id
    ahead = _summed(_left_behind(point, update, start), update)
    carried = [term for term in update.terms if term.node is not update.before and term.node.id < start]
    if not carried:
        return None
    found = match(ahead, _summed(carried, update))
    return found.scale if not found.vacuous and min(found.residual, found.mirrored) <= tolerance else None


def _summed(terms: Sequence[Term], update: Update) -> Array:
    shape = np.shape(update.before.value)
    return sum((term.coefficient * np.asarray(term.node.value, float) for term in terms), np.zeros(shape))
