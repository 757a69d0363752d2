"""Parameters that lose the value they start with: the first update stores the optimiser's memory in their place.

`velocity = 0.9 * velocity - rate * gradient; W = velocity` looks, step by step, like a parameter under a strong decay.
What proves the fault is the first update: nothing of the initial value goes into the value that the same layer uses
in the next step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Span
from unstuck.trace.judging.statements import statement_about
from unstuck.trace.reading.chains import BOOKKEEPING
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
WHOLE = 1 - 1e-9


def started_anew(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a parameter whose first update drops its initial value and whose later ones fade it."""
    if len(steps) < LEAST_STEPS or not all(_fades(step.updates[name]) for step in steps):
        return None
    first = steps[0].updates[name].before
    initial = _same_operand_before(first, steps[0])
    if initial is None or first.span is None or _holds(first, initial):
        return None
    text = (
        f"the first update of {name} drops the value that it starts with: what the layers use from then on is the "
        "memory of the optimiser itself, and not the parameter moved by it"
    )
    stored = _stored_at(first, first.span)
    return Explanation("parameter-replaced", text, stored, (first.span,) if first.span != stored else ())


def _stored_at(value: Node, made: Span) -> Span:
    """The statement that binds the value, made for something else, to the name of the parameter."""
    places = (statement_about(made, name) for name in value.names)
    return next((place for place in places if place is not None and place.line != made.line), made)


def _fades(update: Update) -> bool:
    own = sum(term.coefficient for term in update.terms if term.node is update.before)
    return 0 < own < WHOLE


def _same_operand_before(value: Node, step: Step) -> Node | None:
    """What stood one step earlier where this step uses the value; None where that is not on the tape.

    A place that takes several such values in turn (layers in a loop, units of a list) does not say which of them.
    """
    uses = [node for node in step.nodes if any(untransposed(each) is value for each in node.parents())]
    if not uses:
        return None
    use = uses[0]
    position = next(i for i, each in enumerate(use.parents()) if untransposed(each) is value)
    alike = [node.parents()[position:] for node in step.nodes if (node.span, node.op) == (use.span, use.op)]
    taken = {untransposed(each[0]) for each in alike if each}
    if sum(np.shape(each.value) == np.shape(value.value) for each in taken) > 1:
        return None
    for node in ancestors([value]):
        same = node.span == use.span and node.op == use.op and len(node.parents()) > position
        if same and np.shape((base := untransposed(node.parents()[position])).value) == np.shape(value.value):
            return base
    return None


def _holds(value: Node, initial: Node) -> bool:
    """Does the initial value come back, element by element, whatever has been done to it?"""
    pending, seen = [value], {value}
    while pending:
        for parent in pending.pop().parents():
            if parent is initial:
                return True
            if parent not in seen and parent.id > initial.id and parent.op in BOOKKEEPING:
                seen.add(parent)
                pending.append(parent)
    return False
