"""Where in the source does the backward pass leave the right path?

Every value that a right backward pass computes is, up to a factor, the derivative of the loss by some value of
the forward pass, or an unfinished product on the way to one.  The first value from which nothing right follows
any more is the place to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Overrides, adjoints
from unstuck.facts import Array, Span
from unstuck.trace.losses import Seeds
from unstuck.trace.macros import CONTRACTIONS, Activated
from unstuck.trace.written import Step

SAME_DIRECTION = 1e-7
ELEMENTWISE_DEPTH = 6


def true_adjoints(step: Step, seeds: Seeds) -> Mapping[Node, Array]:
    """The derivative of the loss by every value of the forward pass."""
    wrt = step.wrt()
    return adjoints(seeds, wrt, stop=set(wrt)).cotangents


def first_wrong(step: Step, seeds: Seeds, wrong: Iterable[str]) -> Node | None:
    """The earliest value of the written backward pass from which, toward a wrong gradient, nothing right follows."""
    directions = list(true_adjoints(step, seeds).values())
    forward = {node for node in step.tainted if any(node is root for root, _ in seeds)}
    path = _error_path(step, directions, forward)
    right = {node for node in path if _is_right(node, directions)}
    ends = {step.updates[name].after for name in wrong}
    children = _children(path)
    leading = _leading_to(ends, path)
    hopeful = set(right)
    for node in sorted(path, key=lambda item: -item.id):
        if any(child in hopeful and child in path for child in children.get(node, ())):
            hopeful.add(node)
    for node in sorted(leading - hopeful, key=lambda item: item.id):
        if node.span is not None and node not in ends:
            return node
    return None


def _error_path(step: Step, directions: list[Array], forward: set[Node]) -> set[Node]:
    """Backward values that carry the error: those that match a derivative, and what is computed from them."""
    path: set[Node] = set()
    last = max((node.id for node in forward), default=0)
    for node in sorted(step.backward, key=lambda item: item.id):
        if node.id <= last or np.ndim(node.value) == 0:
            continue
        if not path.isdisjoint(node.parents()) or (np.size(node.value) > 1 and _is_right(node, directions)):
            path.add(node)
    return path


def _is_right(node: Node, directions: list[Array]) -> bool:
    value = np.asarray(node.value, float)
    return any(_parallel(value, direction) for direction in directions)


def _parallel(value: Array, direction: Array) -> bool:
    for candidate in (direction, direction.T):
        if candidate.shape == value.shape:
            norms = float(np.linalg.norm(value) * np.linalg.norm(candidate))
            if norms > 0 and abs(float(np.vdot(value, candidate))) > (1 - SAME_DIRECTION) * norms:
                return True
    return False


def _children(nodes: set[Node]) -> dict[Node, list[Node]]:
    children: dict[Node, list[Node]] = {}
    for node in nodes:
        for parent in node.parents():
            children.setdefault(parent, []).append(node)
    return children


def _leading_to(ends: set[Node], path: set[Node]) -> set[Node]:
    found: set[Node] = set()
    pending = list(ends)
    while pending:
        for parent in pending.pop().parents():
            if parent in path and parent not in found:
                found.add(parent)
                pending.append(parent)
    return found


def matching_values(step: Step, seeds: Seeds, overrides: Overrides, target: Node) -> Node | None:
    """The value of the written backward pass that equals the (altered) derivative by `target`, up to a factor."""
    wrt = step.wrt()
    found = adjoints(seeds, wrt, stop=set(wrt), overrides=overrides).cotangents.get(target)
    if found is None or np.size(found) < 2:
        return None
    matching = [
        node
        for node in step.nodes
        if node.id > target.id and node in step.backward and _parallel(np.asarray(node.value, float), found)
    ]
    return matching[-1] if matching else None


# ----- Places of an altered activation derivative -------------------------------------------------------


def derivative_places(step: Step, piece: Activated) -> tuple[Span | None, tuple[Span, ...]]:
    """(the expression that stands for the derivative, the places where the error is multiplied by it).

    The expression is found by data flow: in the backward pass, an element-wise factor that was computed from
    this activation's own values and from nothing else that depends on the parameters.
    """
    family = _family(step, piece)
    factors = list(_factors(step, piece, family))
    if not factors:
        return None, ()
    expressions = [factor for _, factor in factors if factor.span is not None]
    outside = [node for node in expressions if node.id > piece.h.id]
    uses = tuple(dict.fromkeys(product.span for product, _ in factors if product.span is not None))
    if outside:
        span = outside[0].span
        return span, tuple(use for use in uses if use != span)
    return uses[0] if uses else None, uses[1:]


def _family(step: Step, piece: Activated) -> set[Node]:
    """This activation's values and what is computed from them element by element."""
    family = {piece.z, piece.h} | ({piece.dropped} if piece.dropped is not None else set())
    shape = np.shape(piece.h.value)
    for node in step.nodes:
        if node in family or np.shape(node.value) != shape or node.op in CONTRACTIONS:
            continue
        tainted = [parent for parent in node.parents() if parent in step.tainted]
        if tainted and all(parent in family for parent in tainted):
            family.add(node)
    return family


def _factors(step: Step, piece: Activated, family: set[Node]) -> Iterator[tuple[Node, Node]]:
    """(product, factor): the error times a member of the family, or the error set to zero where a member says."""
    for node in step.nodes:
        if node not in step.backward or node.op not in ("multiply", "setitem", "where", "true_divide"):
            continue
        parents = list(dict.fromkeys(node.parents()))
        inside = [parent for parent in parents if parent in family]
        outside = [parent for parent in parents if parent in step.tainted and parent not in family]
        carries = any(np.shape(parent.value) == np.shape(piece.h.value) for parent in outside)
        if inside and carries and node not in family:
            yield node, inside[-1]
