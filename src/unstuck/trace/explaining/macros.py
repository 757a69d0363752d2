"""The pieces of a forward pass, recognised from values: activations, dropout, softmax, linear layers.

A hypothesis about a backward pass speaks of "the derivative of this activation" or "this dropout mask", not of
single multiplications.  Nothing here looks at names; z -> h is a ReLU because the numbers say so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unstuck.autodiff.activations import Activation, match
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, between
from unstuck.facts import Span
from unstuck.trace.explaining.pieces import (
    DEEPEST,
    LINEAR,
    Activated,
    Dropped,
    Linear,
    dropout_scales,
    dropped,
    shape_of,
    softmaxes,
)
from unstuck.trace.reading.losses import Seeds
from unstuck.trace.reading.views import CONTRACTIONS, LOOKUPS, untransposed
from unstuck.trace.reading.written import Step

ENOUGH = 4096  # numbers by which an activation function is recognised
Key = tuple[Span | None, Span | None, int]  # the places of both values, and how many operations lie between
Pair = tuple[Node, Node, int]  # a value, one that is computed from it alone, and how many operations later


@dataclass(frozen=True)
class Forward:
    """The forward pass of one step in terms of its pieces, in order of time."""

    step: Step
    nodes: frozenset[Node]
    activated: tuple[Activated, ...]
    dropped: tuple[Dropped, ...]
    linear: tuple[Linear, ...]
    softmax: tuple[tuple[Node, Node], ...]  # (z, p)
    upstream: Mapping[Node, frozenset[str]]  # the parameters that each value was computed from

    @cached_property
    def consumers(self) -> Mapping[Node, Sequence[Node]]:
        """What takes each value, in order of time."""
        return _children(self.nodes)

    @cached_property
    def sites(self) -> frozenset[tuple[Span | None, str]]:
        """The places in the source, with the operation, that make values of the forward pass."""
        return frozenset((node.span, node.op) for node in self.nodes)

    @cached_property
    def uses(self) -> Mapping[Node, Sequence[tuple[Node, Node]]]:
        """By array: the operations that take it or a view of it, in order of time, each with its operand."""
        found: dict[Node, list[tuple[Node, Node]]] = defaultdict(list)
        for node in sorted(self.nodes, key=lambda item: item.id):
            if untransposed(node) is node:
                for operand in dict.fromkeys(node.parents()):
                    found[untransposed(operand)].append((node, operand))
        return dict(found)

    @cached_property
    def leads_to(self) -> Mapping[Node, frozenset[str]]:
        """The parameters in whose updates each value of the step ends."""
        found = {update.after: frozenset({name}) for name, update in self.step.updates.items()}
        for node in reversed(self.step.nodes):
            ends = found.get(node)
            if ends:
                for parent in dict.fromkeys(node.parents()):
                    before = found.get(parent, frozenset())
                    if parent not in self.step.ends and not ends <= before:
                        found[parent] = before | ends
        return found

    @cached_property
    def interior(self) -> frozenset[Node]:
        """The values inside of activations and softmaxes, such as exp(-z): nobody takes a derivative by them."""
        ends = [(piece.z, piece.h) for piece in self.activated] + [*self.softmax]
        return frozenset(
            node for z, h in ends for node in between([h], [z]) if node is not z and node is not h
        )

    def owner(self, node: Node) -> str:
        """The parameter of the linear layer that this value directly follows; "" when there is none."""
        if node not in self._owners:
            above = self.upstream.get(node, frozenset())
            before = [piece for piece in self.linear if piece.y.id <= node.id and piece.parameter in above]
            latest = max(before, key=lambda piece: piece.y.id, default=None)
            self._owners[node] = latest.parameter if latest is not None else ""
        return self._owners[node]

    @cached_property
    def _owners(self) -> dict[Node, str]:
        """What was found out about owners: every rule asks for those of all activations."""
        return {}


def forwards(steps: Sequence[Step], seeds: Sequence[Seeds]) -> list[Forward]:
    """Recognise the forward pass of every step; what one step cannot decide, the others do.

    (A ReLU whose inputs are all positive in one step looks linear there.)
    """
    parts = [_forward_nodes(step, each) for step, each in zip(steps, seeds, strict=True)]
    pairs = [list(_elementwise_pairs(nodes)) for nodes in parts]
    kinds = _kinds(pair for found in pairs for pair in found)
    scales = dropout_scales(zip(parts, steps, strict=True))
    return [
        _forward(step, nodes, found, kinds, scales)
        for step, nodes, found in zip(steps, parts, pairs, strict=True)
    ]


def _kinds(pairs: Iterable[Pair]) -> dict[Key, Activation]:
    """The activation of every place where there is one, by the values of several rounds together."""
    samples: dict[Key, list[tuple[Node, Node]]] = defaultdict(list)
    sizes: Counter[Key] = Counter()
    for z, h, distance in pairs:
        key = z.span, h.span, distance
        if sizes[key] < ENOUGH and np.all(
            np.isfinite(h.value)
        ):  # not what comes after the numbers have ended
            samples[key].append((z, h))
            sizes[key] += np.size(z.value)
    kinds = {}
    for place, sample in samples.items():
        before, after = (np.concatenate([np.ravel(pair[side].value) for pair in sample]) for side in (0, 1))
        activation = match(before, after)
        if activation is not None and activation.name != "linear":
            kinds[place] = activation
    return kinds


def _forward_nodes(step: Step, seeds: Seeds) -> frozenset[Node]:
    oldest = min([step.nodes[0].id, *(update.before.id for update in step.updates.values())])
    roots = [node for node, _ in seeds]
    return frozenset(node for node in ancestors(roots, oldest=oldest, stop=step.ends) if node in step.tainted)


def _children(nodes: frozenset[Node]) -> dict[Node, list[Node]]:
    children: dict[Node, list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda item: item.id):
        for parent in dict.fromkeys(node.parents()):
            children[parent].append(node)
    return children


def _elementwise_pairs(nodes: frozenset[Node]) -> Iterator[Pair]:
    """(z, h, distance): z ends a linear piece, h has its shape and is computed from nothing else that is trained."""
    children = _children(nodes)
    for z in sorted(nodes, key=lambda item: item.id):
        if not _ends_linear_piece(z):
            continue
        reached, frontier = {z: 0}, [z]
        for distance in range(1, DEEPEST + 1):
            near = dict.fromkeys(child for node in frontier for child in children.get(node, ()))
            frontier = [
                child
                for child in near
                if child not in reached
                and child.op not in CONTRACTIONS
                and shape_of(child) == shape_of(z)
                and all(parent in reached for parent in child.parents() if parent in nodes)
            ]
            reached |= dict.fromkeys(frontier, distance)
        del reached[z]
        yield from ((z, h, reached[h]) for h in sorted(reached, key=lambda item: item.id))


def elementwise_ends(nodes: frozenset[Node]) -> Iterator[tuple[Node, Node]]:
    """The (z, h) of these whose h goes on into something that is not element-wise in z."""
    children = _children(nodes)
    for z, h, _ in _elementwise_pairs(nodes):
        after = children.get(h, ())
        if not after or any(node.op in CONTRACTIONS or shape_of(node) != shape_of(z) for node in after):
            yield z, h


def _ends_linear_piece(z: Node) -> bool:
    """A product, a sum, or the part of one that belongs to a gate."""
    whole = z.args[0] if z.op in LOOKUPS else z
    return isinstance(whole, Node) and whole.op in LINEAR


def _forward(
    step: Step,
    nodes: frozenset[Node],
    pairs: list[Pair],
    kinds: dict[Key, Activation],
    scales: Mapping[Span | None, float],
) -> Forward:
    best: dict[Node, tuple[Node, Activation]] = {}
    for z, h, distance in pairs:
        activation = kinds.get((z.span, h.span, distance))
        fits = activation is not None and _fits(activation, z, h)
        if activation is not None and fits and (h not in best or z.id > best[h][0].id):
            best[h] = z, activation
    last: dict[Node, Node] = {}
    for h, (z, _) in best.items():
        last[z] = max(h, last.get(z, h), key=lambda item: item.id)
    drops = tuple(dropped(nodes, step, scales))
    after = {item.h: item.d for item in drops}
    activated = tuple(
        Activated(z, h, best[h][1], after.get(h))
        for z, h in sorted(last.items(), key=lambda item: item[1].id)
    )
    linear = tuple(_linear(nodes, step))
    return Forward(step, nodes, activated, drops, linear, tuple(softmaxes(nodes)), _upstream(nodes, step))


def _upstream(nodes: frozenset[Node], step: Step) -> dict[Node, frozenset[str]]:
    found = {update.before: frozenset({name}) for name, update in step.updates.items()}
    for node in sorted(nodes, key=lambda item: item.id):
        if node not in found:
            above = {id(names): names for parent in node.parents() if (names := found.get(parent))}
            found[node] = (
                frozenset().union(*above.values()) if len(above) != 1 else next(iter(above.values()))
            )
    return found


def _fits(activation: Activation, z: Node, h: Node) -> bool:
    expected = activation.function(np.asarray(z.value, float))
    return bool(np.allclose(expected, np.asarray(h.value, float), rtol=1e-5, atol=1e-7))


def _linear(nodes: frozenset[Node], step: Step) -> Iterator[Linear]:
    parameters = {update.before: name for name, update in step.updates.items()}
    for node in sorted(nodes, key=lambda item: item.id):
        if node.op not in ("dot", "matmul"):
            continue
        for w, x in (node.args[:2], node.args[1::-1]):
            name = parameters.get(untransposed(w)) if isinstance(w, Node) else None
            if name is not None and isinstance(x, Node):
                yield Linear(node, x, w, name)
