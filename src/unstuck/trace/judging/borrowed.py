"""Updates that use what belongs to another parameter: its gradient, its optimiser's memory, or its very value.

On the tape that is one and the same value among the terms of two updates, or another parameter among those of one.
It proves nothing by itself (two biases of one layer rightly share their gradient); it explains a gradient that is known
to be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Explanation
from unstuck.trace.judging.source_loops import loop_over_literals
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
SAME = 1e-9


def borrowed(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a wrong update by another parameter's values in it."""
    mine = [step for step in steps if name in step.updates and step.updates[name].part is None]
    if mine and all(follows(step, name) for step in mine):
        return None
    others = dict.fromkeys(other for step in mine for other in step.updates if other != name)
    values = [_values_of_others(step, name) for step in mine]
    if len(mine) >= LEAST_STEPS and all(values):
        return _of_value(name, next(iter(values[-1])), mine[-1])
    for other in others:
        both = [step for step in mine if other in step.updates]
        if len(both) < LEAST_STEPS:
            continue
        own, shared = zip(*(_values(step, name, other) for step in both), strict=True)
        if all(shared):
            return _explanation(name, other, both[-1], alone=not any(own))
    return None


def follows(step: Step, name: str) -> bool:
    """Is the new value a share of the old one and the rest of something else, as of a network that follows another?"""
    update = step.updates[name]
    ends = step.ends - {update.after}
    made = terms_of(update.after, stop=lambda node: node in ends)
    own = sum(term.coefficient for term in made if term.node is update.before)
    others = [term.coefficient for term in made if term.node is not update.before]
    return 0 < own < 1 and len(others) == 1 and abs(own + others[0] - 1.0) < SAME


def _values_of_others(step: Step, name: str) -> list[str]:
    """The parameters whose value itself, as it is or as this step has made it, is among the terms of an update."""
    update = step.updates[name]
    ends = step.ends - {update.after}
    added = {term.node for term in terms_of(update.after, stop=lambda node: node in ends)}
    return [
        other for other, each in step.updates.items() if other != name and added & {each.before, each.after}
    ]


def _of_value(name: str, other: str, step: Step) -> Explanation | None:
    span = step.updates[name].after.span
    if span is None:
        return None
    header = loop_over_literals(span)
    text = f"the update of {name} takes {other} itself where the gradient of {name} belongs"
    return Explanation("wrong-operand", text, header or span, (span,) if header else ())


def _values(step: Step, name: str, other: str) -> tuple[set[Node], set[Node]]:
    """The values of this step that only this update adds up, and those that the other adds up as well."""
    mine, theirs = (_terms(step, each) for each in (name, other))
    return mine - theirs, mine & theirs


def _terms(step: Step, name: str) -> set[Node]:
    start = step.nodes[0].id
    update = step.updates[name]
    terms = {term.node for term in update.terms if term.node is not update.before and term.node.id >= start}
    return {node for node in terms if np.size(node.value) > 1 and np.any(node.value)}


def _explanation(name: str, other: str, step: Step, *, alone: bool) -> Explanation | None:
    update, theirs = step.updates[name], step.updates[other]
    if update.after.span is None:
        return None
    uses = (theirs.after.span,) if theirs.after.span not in (None, update.after.span) else ()
    if alone:
        text = f"the update of {name} takes the gradient of {other}"
        header = loop_over_literals(update.after.span)
        uses = (update.after.span, *uses) if header else uses
        return Explanation("gradient-of-another", text, header or update.after.span, uses)
    text = (
        f"the update of {name} contains the gradient of {other}: what the optimiser remembers of both "
        "is kept in one array"
    )
    return Explanation("aliasing", text, update.after.span, uses)
