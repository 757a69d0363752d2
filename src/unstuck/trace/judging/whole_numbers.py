"""Whole numbers where fractions belong: what is behind the point of a parameter or of a gradient is lost in every step.

An array of integers keeps only what is before the point of the fractions that are written into it.  NumPy does so in
silence, and a gradient of less than one becomes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation
from unstuck.trace.reading.terms import truncates
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
MUCH = 0.1  # share of the largest number


def cut_to_whole_numbers(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of an update that loses its fractions, or those of its gradient, in several steps."""
    return _cut_value(name, steps) or _cut_gradient(name, steps)


def _cut_value(name: str, steps: Sequence[Step]) -> Explanation | None:
    """What the update makes is cut to whole numbers before it is used."""
    cuts = [cut for step in steps if (cut := _whole(step, step.updates[name].after)) is not None]
    place = cuts[0].span if len(cuts) >= LEAST_STEPS else None
    text = f"{name} is cut to whole numbers after each update: steps smaller than one are lost"
    return Explanation("integer-truncation", text, place) if place is not None else None


def _whole(step: Step, after: Node) -> Node | None:
    """The copy as whole numbers that loses something of a value, if there is one."""
    for node in step.nodes:
        cut = node.op == "trunc" and after in node.parents()
        if cut and not np.array_equal(node.value, after.value):
            return node
    return None


def _cut_gradient(name: str, steps: Sequence[Step]) -> Explanation | None:
    """Errors are written into an array of whole numbers, and the update is made from it."""
    stores = [store for step in steps if (store := _cut_store(name, step)) is not None]
    if len(stores) < LEAST_STEPS or stores[-1].span is None:
        return None
    buffer = stores[-1]
    while truncates(buffer) and isinstance(buffer.args[0], Node):
        buffer = buffer.args[0]
    text = (
        f"the gradient of {name} is collected in an array of whole numbers: what is behind the point is lost"
    )
    uses = (stores[-1].span,) if buffer.span not in (None, stores[-1].span) else ()
    return Explanation("integer-truncation", text, buffer.span or stores[-1].span, uses)


def _cut_store(name: str, step: Step) -> Node | None:
    """The last write of an error on the way to this update that is cut, if there is one."""
    update = step.updates[name]
    behind = ancestors([update.after], oldest=step.nodes[0].id, stop=step.ends - {update.after})
    cut = [node for node in behind if node in step.tainted and node in step.backward and _loses(node)]
    return max(cut, key=lambda node: node.id, default=None)


def _loses(store: Node) -> bool:
    """Does a write lose much of its value?  (Of numbers that were scaled up before, it loses next to nothing.)"""
    if not truncates(store):
        return False
    value = np.asarray(getattr(store.args[2], "value", store.args[2]), float)
    return bool(np.abs(value - np.trunc(value)).max() > MUCH * np.abs(value).max())
