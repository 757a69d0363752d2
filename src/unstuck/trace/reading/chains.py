"""Find the values that a program replaces by themselves plus something, round after round.

An update is an addition `new = old + increment` whose `old` was made at the *same place of the source* one
round earlier (`W -= rate * dW`, `W = W - rate * dW`, a list comprehension over layers, ...).  Following these
links gives a chain of values.  Which of the chains are parameters is for `unstuck.trace.reading.parameters` to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unstuck.autodiff.call import shape_of
from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.roving import SUMS, mark_roving
from unstuck.trace.reading.terms import (
    mark_moved,
    may_open,
    opened,
    reads,
    stores_element,
    stores_whole,
    terms_of,
)

Chain = list[Node]
UPDATING = {"add", "subtract", "add.at", "subtract.at"}
STORING = {"setitem", "scatter"}
READING = {"getitem", "gather"}
HALF = 0.5  # of a moment, and of the gradient, make the new one in the Adam of many adversarial networks
# Arrays updated by one line of code: how far back among its results an old value is looked for.
MOST_LAYERS = 40
# Restarts of a training with other starts, of an array and of a number; what begins anew more often is a sum.
MOST_RESTARTS, RESTARTS_OF_NUMBER = 20, 3


@dataclass
class Remembered:
    """What earlier looks at a tape have found, while it grew.

    old     the old value of a sum, by the sum and the id of the oldest node that may be it; see `_old_value`
    places  where the nodes were made that a node may be a sum of
    """

    old: dict[tuple[Node, int], Node | None] = field(default_factory=dict)
    places: dict[Node, frozenset[Span | None]] = field(default_factory=dict)

    def places_in(self, node: Node) -> frozenset[Span | None]:
        """The places of all that a sum may be opened into, however deep."""
        pending = [node]
        while pending:
            parts = may_open(pending[-1])
            unknown = [part for part in parts if part not in self.places]
            if unknown:
                pending += unknown
                continue
            spans = {part.span for part in parts}.union(*map(self.places.__getitem__, parts))
            of_part = (self.places[part] for part in parts)  # a whole chain shares one set
            self.places[pending.pop()] = next((one for one in of_part if one == spans), frozenset(spans))
        return self.places[node]


def chains_of(nodes: Sequence[Node], least: int, known: Remembered, share: float) -> list[Chain]:
    """Sequences of at least `least` nodes made at one place, each an additive term of the next.

    known  from earlier looks at the same tape
    share  of an old value that comes back, as a rule 1
    """
    mark_roving(nodes)
    by_span: dict[Span, list[Node]] = defaultdict(list)
    stores = {node.id for node in nodes if node.op in STORING and stores_element(node)}
    inner = {node.args[2].id for node in nodes if node.id in stores}
    for node in nodes:
        if (node.op in UPDATING or node.id in stores) and node.id not in inner and node.span is not None:
            by_span[node.span].append(node)
    chains = []
    for group in by_span.values():
        if len(group) < least:
            continue
        previous = {}
        for index, node in enumerate(group):
            asked = node, group[max(0, index - MOST_LAYERS)].id
            if asked not in known.old:
                known.old[asked] = _old_value(*asked, share, known)
            if (old := known.old[asked]) is not None:
                previous[node.id] = old
        found = sequences(group, previous, least)
        mark_moved(_starts(group, found))
        chains += found
    whole = {node.args[2].id: node for node in nodes if node.op in STORING and stores_whole(node)}
    return [[whole.get(node.id, node) for node in chain] for chain in chains]


def _starts(group: Sequence[Node], chains: Sequence[Chain]) -> list[Node]:
    """The numbers that a statement which moves others moves for the first time: they are no constants."""
    if not chains or shape_of(chains[0][0].value):
        return []
    starts = [node.args[0] for node in group if node.op in SUMS]
    return [start for start in starts if isinstance(start, Node) and start.op == "leaf"]


def sequences(group: list[Node], previous: dict[int, Node], least: int) -> list[Chain]:
    """The chains of one place that are carried on to the end.

    An accumulator ends and starts again from zero in the next step; a parameter never starts anew, or seldom: where
    training is repeated from another start.
    """
    taken: set[int] = set()
    chains = []
    for node in reversed(group):
        if node.id in taken:
            continue
        chain = [node]
        while (old := previous.get(chain[-1].id)) is not None and old.id not in taken:
            taken.add(old.id)
            chain.append(old)
        chains.append(chain[::-1])
    starts: dict[tuple[int, ...], list[int]] = defaultdict(list)
    ends: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for chain in reversed(chains):
        starts[shape_of(chain[0].value)].append(chain[0].id)
        if len(chain) > 1:  # else two other values are added, by a helper function of the script perhaps
            ends[shape_of(chain[0].value)].append(chain[-1].id)
    latest = {shape: max(ids) for shape, ids in starts.items()}
    return [
        chain
        for chain in chains
        if len(chain) >= least
        and latest[shape := np.shape(chain[0].value)] < chain[-1].id
        and sum(end < chain[0].id for end in ends[shape]) < (MOST_RESTARTS if shape else RESTARTS_OF_NUMBER)
    ]


def _old_value(node: Node, oldest: int, share: float, known: Remembered) -> Node | None:
    """The additive term of a node that was made at the node's own place in the source, not before `oldest`.

    It must come back nearly whole, unless nothing else is added: decay and momentum shrink a value, but an error
    signal that returns through a bias and its learning rate is no old value.  And there must be one: what holds the
    values of several rounds is the increment of a sum (the `W - step` of `W += W - step`).
    """
    plain = _operand(node) or _of_part(node, oldest)
    if plain is not None or node.span not in known.places_in(node):
        return plain
    terms = terms_of(node, stop=lambda other: other.span == node.span or other.id < oldest)
    near = 1.0 if len(terms) == 1 and share == 1 else 0.5  # `w -= rate * w` adds nothing else
    mean = share == 1 and np.allclose([term.coefficient for term in terms], HALF)
    whole = [
        term.node
        for term in terms
        if term.node.id < node.id
        and term.node.span == node.span
        and (mean or abs(term.coefficient - share) < near)
    ]
    same = [other for other in whole if shape_of(other.value) == shape_of(node.value)]
    return same[0] if len(same) == 1 else None


def _operand(node: Node) -> Node | None:
    """The old value where it can be seen at once: the first operand of a sum whose second is no sum itself.

    Most sums of a long tape are that simple, and taking every one of them apart would take most of the time.
    """
    old, total = node.args[0] if node.args else None, node
    if node.op == "setitem":
        whole, where, total = node.args
        if not isinstance(total, Node) or not total.args or not reads(total.args[0], whole, where):
            return None
    if total.op not in ("add", "subtract") or not isinstance(old, Node) or old.span != node.span:
        return None
    return old if _adds_other(total, node) and shape_of(old.value) == shape_of(node.value) else None


def _adds_other(total: Node, node: Node) -> bool:
    """Is the second operand of a sum no sum itself, nor read from an array, nor made at the place of the node?"""
    other = total.args[1]
    if not isinstance(other, Node) or other.span == node.span or other.op in READING:
        return False
    return opened(1.0, other) is None


def _of_part(node: Node, oldest: int) -> Node | None:
    """The same for a part of an array, such as a row, that was written at this place the last time, too."""
    if node.op not in ("add", "subtract") or not isinstance(part := node.args[0], Node):
        return None
    if part.op not in READING or part.span == node.span or part.id < oldest or not _adds_other(node, node):
        return None
    ((_, old),) = opened(1.0, part) or ((0.0, node),)
    alike = old.span == node.span and shape_of(old.value) == shape_of(node.value)
    return old if old is not node and alike else None
