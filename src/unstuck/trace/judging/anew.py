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
from unstuck.trace.reading.parameters import BOOKKEEPING
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
    initial = _same_operands_before(first, steps[0])
    if not initial or first.span is None or any(_holds(first, each) for each in initial):
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


def _same_operands_before(value: Node, step: Step) -> list[Node]:
    """What stood earlier where this step uses the value; nothing where that is not on the tape.

    Layers of one shape share their lines, so that several values stood there, one of them the value's own.
    """
    uses = [node for node in step.nodes if any(untransposed(each) is value for each in node.parents())]
    if not uses:
        return []
    use = uses[0]
    position = next(i for i, each in enumerate(use.parents()) if untransposed(each) is value)
    alike = [
        untransposed(node.parents()[position])
        for node in ancestors([value])
        if node.span == use.span and node.op == use.op and len(node.parents()) > position
    ]
    return [base for base in alike if np.shape(base.value) == np.shape(value.value)]


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
