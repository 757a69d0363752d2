"""Steps that go up a distance between output and target: what is maximised there can only be meant as a loss.

A value that a script computes may be an objective, which is to grow, or a loss.  One is a loss beyond doubt: it is
nothing where the output equals the target, and the larger the further they are apart (a mean of squares, of absolute
or of Huber errors).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import NOT_RUN
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation
from unstuck.trace.judging.replay import replay
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

TESTED = 6
NOTHING = 1e-12  # share of a distance that rounding may leave where there is none
FARTHER = (0.5, 1.0, 2.0)  # times the recorded difference: at each the distance must have grown


def climbs_distance(steps: Sequence[Step], loss: Candidate) -> bool:
    """Is a distance between output and target maximised, in each of a few steps?"""
    used = [step for step in steps if loss in step.losses][:TESTED]
    return loss.kind == "maximised" and bool(used) and all(_is_distance(step, loss) for step in used)


def upwards(name: str, steps: Sequence[Step], loss: Candidate) -> Explanation | None:
    """The explanation of a step that goes up a distance; where there are several updates, the error is to blame."""
    step = next((step for step in reversed(steps) if name in step.updates), None)
    span = step.updates[name].after.span if step is not None else None
    if step is None or span is None:
        return None
    places = {update.after.span for update in step.updates.values()}
    errors = (node.span for node in step.nodes if node in step.backward and joins(node, step))
    error = next((place for place in errors if place is not None), None) if len(places) > 1 else None
    text = "the steps go up the distance between output and target instead of down: the sign is wrong"
    return Explanation("sign", text, error or span, (span, loss.span) if error else (loss.span,))


def _is_distance(step: Step, loss: Candidate) -> bool:
    root = _added(step.losses[loss].seeds[0][0], step)
    behind = ancestors([root], oldest=step.nodes[0].id, stop=step.ends)
    return any(_measures(root, node) for node in behind if joins(node, step, ("subtract", "add")))


def _added(root: Node, step: Step) -> Node:
    """What the step adds to a running total, if the value is one."""
    own = [parent for parent in root.parents() if parent in step.tainted]
    return own[0] if root.op == "add" and len(own) == 1 and np.ndim(own[0].value) == 0 else root


def joins(node: Node, step: Step, ops: Collection[str] = ("subtract",)) -> bool:
    """Is this the difference between something that the network puts out and something that it does not?

    ops  "add" as well, where something else shows that it is a difference: an object may add what it has negated
    """
    operands = node.parents()
    return (
        node.op in ops
        and len(operands) == 2
        and sum(operand in step.tainted for operand in operands) == 1
        and all(np.shape(operand.value) == np.shape(node.value) for operand in operands)
    )


def _measures(root: Node, difference: Node) -> bool:
    """Does the value vanish with this difference, and grow with it to both sides?  (Which branch is taken stays.)"""
    gap = np.asarray(difference.value, float)
    try:
        other, *values = [
            float(replay([root], {difference: times * gap})[root]) for times in (-1.0, 0.0, *FARTHER)
        ]
    except NOT_RUN:
        return False
    grows = other > values[0] and all(near < far for near, far in pairwise(values))
    return grows and values[0] <= NOTHING * values[-1]
