"""Which statement to show for a value of the backward pass.

What a person would change is often not the operation that made a value but the statement that gave it its last
name: with `dz = dh`, where `dz = dh * (h > 0)` is right, the error passes through a line that computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.written import CLIPS, Step


def statement_of(node: Node) -> Span | None:
    """Where the value got its last name, if that is another line than the one that computed it; else that one."""
    named = node.bound[-1] if node.bound else None
    if named is None or node.span is None:
        return named or node.span
    inside = named.path == node.span.path and named.line <= node.span.line <= named.end_line
    return node.span if inside else named


def formed_at(step: Step, name: str) -> Span | None:
    """Where the gradient of a parameter is made that its update then uses."""
    update = step.updates.get(name)
    terms = (
        [term.node for term in update.terms if term.node is not update.before] if update is not None else []
    )
    fresh = [node for node in terms if node.id >= step.nodes[0].id and node in step.tainted]
    return statement_of(_unclipped(max(fresh, key=lambda node: node.id))) if fresh else None


def _unclipped(node: Node) -> Node:
    """What was computed before it was clipped."""
    while node.op in CLIPS and isinstance(node.args[0], Node):
        node = node.args[0]
    return node


def updated_at(steps: Sequence[Step], names: Sequence[str]) -> tuple[Span, ...]:
    """The statements that update these parameters, each once."""
    spans = [step.updates[name].after.span for step in steps[:1] for name in names if name in step.updates]
    return tuple(dict.fromkeys(span for span in spans if span is not None))
