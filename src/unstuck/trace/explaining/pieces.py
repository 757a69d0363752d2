"""What a forward pass is made of: activations, dropout, linear layers, and how dropout and softmax are recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.activations import Activation, is_dropout_mask, is_softmax
from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.views import CONTRACTIONS
from unstuck.trace.reading.written import Step

LINEAR = CONTRACTIONS | {"add", "subtract"}
NEARLY = 1e-3  # by which the shares of a row may miss a sum of 1
DEEPEST = 8  # operations between a pre-activation and its activation


Place = tuple[Span, Span]


@dataclass(frozen=True, eq=False)
class Activated:
    """h = activation(z); `dropped` is h after a dropout mask, if there is one."""

    z: Node
    h: Node
    activation: Activation
    dropped: Node | None = None

    @property
    def place(self) -> Place:
        """The two places in the source that identify this piece from step to step."""
        assert self.z.span is not None
        assert self.h.span is not None
        return self.z.span, self.h.span


@dataclass(frozen=True, eq=False)
class Dropped:
    """d = h * mask, where the mask does not depend on the parameters."""

    h: Node
    d: Node
    mask: Node
    scale: float


@dataclass(frozen=True, eq=False)
class Linear:
    """y = x @ w (or w @ x): a contraction with a parameter."""

    y: Node
    x: Node
    w: Node
    parameter: str


def _masked(nodes: frozenset[Node], step: Step) -> Iterator[tuple[Node, Node, Node]]:
    """(value, product, factor) of every element-wise product with something that no parameter touches."""
    for node in sorted(nodes, key=lambda item: item.id):
        if node.op not in ("multiply", "true_divide") or len(node.args) != 2:
            continue
        for h, mask in (node.args, node.args[::-1]):
            inside = (
                isinstance(h, Node) and h in nodes and isinstance(mask, Node) and mask not in step.tainted
            )
            if inside and np.ndim(mask.value) and shape_of(mask) == shape_of(node):
                yield h, node, mask


def dropout_scales(parts: Iterable[tuple[frozenset[Node], Step]]) -> dict[Span | None, float]:
    """Where the program drops units, and what it multiplies the survivors by."""
    return {
        node.span: found.scale
        for nodes, step in parts
        for _, node, mask in _masked(nodes, step)
        if (found := is_dropout_mask(mask.value)) is not None
    }


def dropped(nodes: frozenset[Node], step: Step, scales: Mapping[Span | None, float]) -> Iterator[Dropped]:
    """The dropout of one step; by chance a mask may keep or drop everything, then its place tells."""
    for h, node, mask in _masked(nodes, step):
        if node.span in scales:
            yield Dropped(h, node, mask, scales[node.span])


def softmaxes(nodes: frozenset[Node]) -> Iterator[tuple[Node, Node]]:
    for p in sorted(nodes, key=lambda item: item.id):
        if p.op not in ("true_divide", "multiply", "exp", "softmax") or np.size(p.value) < 2:
            continue
        z = _softmax_input(p, nodes) if _are_shares(p) else None
        if z is not None:
            yield z, p


def _are_shares(p: Node) -> bool:
    """Do the rows sum to 1, as those of a softmax do?  (To ask that is far cheaper than to look for its input.)"""
    sums = np.sum(np.asarray(p.value, float), axis=_axis(p))
    return bool(np.all(np.abs(sums - 1.0) < NEARLY))


def _axis(p: Node) -> int:
    return -1 if np.ndim(p.value) < 2 else 1


def _softmax_input(p: Node, nodes: frozenset[Node]) -> Node | None:
    """The latest ancestor of which p is the softmax."""
    frontier, seen = [p], {p}
    for _ in range(DEEPEST):
        frontier = [q for node in frontier for q in node.parents() if q in nodes and q not in seen]
        frontier = [node for node in frontier if shape_of(node) == shape_of(p)]
        seen.update(frontier)
        for node in frontier:
            if node.op in LINEAR and is_softmax(node.value, p.value, _axis(p)):
                return _unshifted(node)
    return None


def _unshifted(z: Node) -> Node:
    """z, for z - max(z): the shift changes nothing, and scripts differentiate as if it were not there."""
    if z.op == "subtract" and len(z.args) == 2 and all(isinstance(arg, Node) for arg in z.args):
        first, shift = z.args
        if isinstance(first, Node) and shift.op in ("max", "amax") and first in shift.parents():
            return first if shape_of(first) == shape_of(z) else z
    return z


def shape_of(node: Node) -> tuple[int, ...]:
    return np.shape(node.value)
