"""Which statement to show for a value of the backward pass.

What a person would change is often not the operation that made a value but the statement that gave it its last
name: with `dz = dh`, where `dz = dh * (h > 0)` is right, the error passes through a line that computes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, between
from unstuck.facts import Span
from unstuck.trace.explaining.alteration import OF_OMISSIONS, OVERWRITTEN, Alteration
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.judging.source_loops import set_before_loop
from unstuck.trace.judging.statements import (
    depth_in_common,
    operand_at,
    returned_by,
    same_function,
    statement_of,
)
from unstuck.trace.reading.numerators import CLIPS
from unstuck.trace.reading.written import Step

SUMS = {"add", "subtract"}
IDLE = {"multiply", "true_divide"}  # operations that leave a value as it is when the other operand is one


def place_of(node: Node, alteration: Alteration, forward: Forward) -> Span | None:
    """What to change for an alteration of this operation: itself, where something is missing, or what overwrote."""
    if alteration.kind in OF_OMISSIONS:
        return lacks_at(node, alteration, forward)
    if alteration.kind == OVERWRITTEN and alteration.culprit is not None:
        return statement_of(alteration.culprit)
    if alteration.kind == "wrong-number" and (named := _number_set_at(node)) is not None:
        return named
    bodies = (body_of(each) for each in (node, alteration.culprit) if each is not None)
    return next(filter(None, bodies), node.span)


def _number_set_at(node: Node) -> Span | None:
    """Where a plain number among the operands, which has a name there, got it before the loop."""
    for position, arg in enumerate(node.args):
        plain = arg.value if isinstance(arg, Node) and arg.op == "leaf" else arg
        if isinstance(plain, int | float | np.number) and node.span is not None:
            name = operand_at(node.span, position)
            place = set_before_loop(node.span, name) if name else None
            if place is not None:
                return place
    return None


def body_of(node: Node) -> Span | None:
    """What a function of single numbers, written in the same file and applied to all of an array, returns."""
    function = getattr(node.fn, "pyfunc", None) if isinstance(node.fn, np.vectorize) else None
    code = getattr(function, "__code__", None)
    if code is None or node.span is None or Path(code.co_filename).name != Path(node.span.path).name:
        return None
    return returned_by(node.span, code.co_firstlineno)


def lacks_at(node: Node, alteration: Alteration, forward: Forward) -> Span | None:
    """Where something should be done that is missing: to what an operation gives, or before that to an operand.

    Of an operand that the forward pass has made, it is where a function has handed it on, if any has.  A value gets
    its name where it is missing, unless it was made in a function that knows what is missing: a value of the forward
    pass.  Where other operations take it as it is, under the same name, it is
    missing in this one.
    """
    value = node if alteration.lacking is None else alteration.lacking
    handed = [place for count, place in value.passed if count <= node.id]
    if handed and value is not node:
        return handed[-1]
    others = [each for each in forward.step.nodes if value in each.parents() and each is not node]
    if (
        value in forward.nodes
        or value.op == "leaf"
        or (others and value is not node and len(value.bound) < 2)
    ):
        return statement_of(node)
    named = value.bound[-1] if value.bound else None
    if named is None or value.span is None:
        return named or value.span or node.span
    item = alteration.item.node if alteration.item is not None else None
    if item is not None and value.names[-1:] == item.names[-1:] and not same_function(named, value.span):
        return value.span
    known = alteration.signed and item in forward.nodes  # else it is the error of that value
    inside = known and not same_function(named, value.span)
    return value.span if inside else statement_of(value)


def gone_by(node: Node, step: Step, near: Node) -> tuple[Span, ...]:
    """Where a value is made, what hands it on as it is, and what first makes something of it.

    First comes what lies in the same function or class as where another value is made and named, then what is earlier.
    """
    taking = [each for each in step.nodes if node in each.parents() and each in step.backward]
    idle = [each for each in taking if each.op in IDLE and np.array_equal(each.value, node.value)]
    found = [
        statement_of(node),
        *(each.span for each in idle),
        *(place for _, place in node.passed),
        *(each.span for each in taking),
    ]
    places = [place for place in dict.fromkeys(found) if place is not None]
    homes = [place for place in (near.span, *near.bound[:1]) if place is not None]
    scope = {place: max(depth_in_common(place, home) for home in homes) for place in places}
    first = idle[0].span if idle else None  # a factor that is one stands where the factor belongs
    return tuple(sorted(places, key=lambda place: (place != first, -scope[place])))


def joined_at(step: Step, name: str) -> Span | None:
    """Where what becomes the gradient of a parameter is last added to something, before its update; None if nowhere."""
    update = step.updates[name]
    ends = {term.node for term in update.terms} | {update.before}
    made = between([update.after], [end for end in ends if end.id >= step.nodes[0].id])
    sums = [node for node in made if node.op in SUMS and node is not update.after and node not in ends]
    return statement_of(max(sums, key=lambda node: node.id)) if sums else None


def stored_at(step: Step, name: str) -> Span | None:
    """Where the gradient of a parameter is stored in a view of a vector of all gradients; None without one."""
    update = step.updates.get(name)
    if update is None:
        return None
    made = ancestors([update.after], oldest=step.nodes[0].id, stop=step.ends - {update.after}) - step.ends
    views = [n for n in made if n.op == "setitem" and np.shape(n.value) == np.shape(update.after.value)]
    if not views or not any(node.op == "scatter" for node in step.nodes):
        return None
    return max(views, key=lambda node: node.id).span


def formed_at(step: Step, name: str) -> Span | None:
    """Where the gradient of a parameter is made that its update then uses."""
    update = step.updates.get(name)
    terms = (
        [term.node for term in update.terms if term.node is not update.before] if update is not None else []
    )
    fresh = [node for node in terms if node.id >= step.nodes[0].id and node in step.tainted]
    return statement_of(_unclipped(max(fresh, key=lambda node: node.id))) if fresh else None


def made_of(node: Node, step: Step, passed: Collection[Node]) -> tuple[Span, ...]:
    """The way of the error to this value, in the same function and behind the forward pass: its end and its beginning.

    The line of the value itself is left out.
    """
    behind = ancestors([node], oldest=step.nodes[0].id, stop={*passed, *step.ends})
    fresh = sorted(
        (each for each in behind if each in step.tainted and each not in passed and each not in step.ends),
        key=lambda each: each.id,
    )
    beside = [each for each in fresh if each.span and node.span and same_function(each.span, node.span)]
    places = [place for each in beside if (place := statement_of(each)) is not None]
    own = statement_of(node)
    others = [place for place in places if own is not None and place.line != own.line]
    return tuple(dict.fromkeys((others[-1], others[0]))) if others else ()


def _unclipped(node: Node) -> Node:
    """What was computed before it was clipped."""
    while node.op in CLIPS and isinstance(node.args[0], Node):
        node = node.args[0]
    return node


def updated_at(steps: Sequence[Step], names: Sequence[str]) -> tuple[Span, ...]:
    """The statements that update these parameters, each once."""
    spans = [step.updates[name].after.span for step in steps[:1] for name in names if name in step.updates]
    return tuple(dict.fromkeys(span for span in spans if span is not None))


def made_for(step: Step, name: str) -> Span | None:
    """The statement that updates a parameter; where it updates others too, the last that is made for this one alone.

    (Optimisers update all parameters by one statement; what is written for each are their gradients.)
    """
    own = step.updates[name].after.span
    if not any(other.after.span == own for each, other in step.updates.items() if each != name):
        return own
    oldest = step.nodes[0].id
    behind = {each: ancestors([update.after], oldest=oldest) for each, update in step.updates.items()}
    shared = {node.span for each, nodes in behind.items() if each != name for node in nodes}
    mine = [node for node in behind[name] & step.backward if node.span not in shared]
    return statement_of(max(mine, key=lambda node: node.id)) if mine else own
