"""Where a script writes the derivative of an activation, and where it multiplies the error by it.

Both are found by data flow: in the backward pass, an element-wise factor that was computed from the activation's own
values and from nothing else that depends on the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated
from unstuck.trace.explaining.places import body_of
from unstuck.trace.reading.views import CONTRACTIONS
from unstuck.trace.reading.written import Step


def derivative_places(forward: Forward, piece: Activated) -> tuple[Span | None, tuple[Span, ...]]:
    """(the expression that stands for the derivative, the places where the error is multiplied by it).

    The expression is found by data flow: in the backward pass, an element-wise factor that was computed from
    this activation's own values and from nothing else that depends on the parameters.  What the forward pass computes
    is right there, and taken for the derivative by the function that hands it on, or else where it is multiplied with.
    """
    step = forward.step
    factors = list(_factors(forward, piece, computed_from(step, piece)))
    uses = tuple(dict.fromkeys(product.span for product, _ in factors if product.span is not None))
    begun = min((node.id for node in step.backward & step.tainted - forward.nodes), default=0)
    for _, factor in factors:
        if (factor.span, factor.op) in forward.sites:
            span = next((place for at, place in reversed(factor.passed) if at > begun), None)
        else:
            span = factor.span if factor.id > piece.h.id else None
        if span is not None:
            body = body_of(factor)
            places = dict.fromkeys([body, span, *uses] if body is not None else [span, *uses])
            return next(iter(places)), tuple(places)[1:]
    return (uses[0], uses[1:]) if uses else (None, ())


def written_factors(forward: Forward, piece: Activated) -> list[Node]:
    """What the script multiplies the error by where the derivative of this activation belongs."""
    products = _factors(forward, piece, computed_from(forward.step, piece))
    return [factor for product, factor in products if product.op == "multiply"]


def computed_from(step: Step, piece: Activated) -> set[Node]:
    """This activation's values and what is computed from them element by element, without any data."""
    family = {piece.z, piece.h} | ({piece.dropped} if piece.dropped is not None else set())
    shape = np.shape(piece.h.value)
    for node in step.nodes:
        if node in family or np.shape(node.value) != shape or node.op in CONTRACTIONS:
            continue
        tainted = [parent for parent in node.parents() if parent in step.tainted]
        if tainted and all(parent in family for parent in tainted) and not _compares(node, step):
            family.add(node)
    return family


def _compares(node: Node, step: Step) -> bool:
    """Is data added or subtracted here, as where an output meets its target?"""
    others = [np.asarray(parent.value) for parent in node.parents() if parent not in step.tainted]
    return node.op in ("add", "subtract") and any(other.size > 1 and np.ptp(other) > 0 for other in others)


def _factors(forward: Forward, piece: Activated, family: set[Node]) -> Iterator[tuple[Node, Node]]:
    """(product, factor): the error times a member of the family, or the error set to zero where a member says.

    The product leads to parameters only from which the activation is computed.  (With single numbers, the gradient of
    a weight is the error times an activation too.)
    """
    step, upstream = forward.step, forward.upstream[piece.z]
    for node in step.nodes:
        if node not in step.backward or node.op not in ("multiply", "setitem", "where", "true_divide"):
            continue
        if not forward.leads_to.get(node, frozenset()) <= upstream:
            continue
        parents = list(dict.fromkeys(node.parents()))
        inside = [parent for parent in parents if parent in family]
        outside = [parent for parent in parents if parent in step.tainted and parent not in family]
        carries = any(np.shape(parent.value) == np.shape(piece.h.value) for parent in outside)
        if inside and carries and node not in family:
            yield node, inside[-1]
