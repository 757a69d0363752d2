"""Find the values that a program replaces by themselves plus something, round after round.

An update is an addition `new = old + increment` whose `old` was made at the *same place of the source* one
round earlier (`W -= rate * dW`, `W = W - rate * dW`, a list comprehension over layers, ...).  Following these
links gives a chain of values.  A chain is a parameter when its values are *used by the network*, that is when
some consumer other than the chain's own next update is more than element-wise bookkeeping; momentum buffers,
running sums of the loss and gradient accumulators are chains too, but nothing of that kind consumes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unstuck.autodiff.call import shape_of
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Span
from unstuck.trace.reading.terms import may_open, opened, reads, stores_element, stores_whole, terms_of

Chain = list[Node]
UPDATING = {"add", "subtract", "add.at", "subtract.at"}
STORING = {"setitem", "scatter"}
READING = {"getitem", "gather"}
BOOKKEEPING = {
    "absolute", "add", "add.at", "around", "array", "clip", "copy", "equal", "gather", "getitem", "isfinite", "isnan",
    "leaf", "multiply", "nan_to_num", "negative", "not_equal", "opaque", "positive", "power", "reshape", "round",
    "scatter", "setitem", "sqrt", "square", "subtract", "subtract.at", "transpose", "true_divide",
}  # fmt: skip
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
            same = next((self.places[part] for part in parts if spans == self.places[part]), None)
            self.places[pending.pop()] = (
                frozenset(spans) if same is None else same
            )  # one set for a whole chain
        return self.places[node]


def parameter_chains(
    nodes: Sequence[Node], least: int, known: Remembered | None = None, share: float = 1.0
) -> tuple[list[Chain], set[int]]:
    """The chains that are parameters, of at least `least` values, and the ids of the values of all chains.

    known  from earlier looks at the same tape
    share  of an old value that comes back: -1 finds those that every update turns by mistake, and 2 the doubled
    """
    chains = _chains(nodes, least, known or Remembered(), share)
    members = {node.id for chain in chains for node in chain}
    reaching = _reaching(nodes, members) if chains else set()
    trained = [used for chain in chains if len(used := _whole_updates(chain, reaching)) >= least]
    trained += _beside_numbers(chains, trained)
    return _without_velocities(_last_of_each_parameter(trained), nodes, members), members


# ----- Chains of updates --------------------------------------------------------------------------------


def _chains(nodes: Sequence[Node], least: int, known: Remembered, share: float) -> list[Chain]:
    """Sequences of nodes made at one place, each an additive term of the next."""
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
        chains += sequences(group, previous, least)
    whole = {node.args[2].id: node for node in nodes if node.op in STORING and stores_whole(node)}
    return [[whole.get(node.id, node) for node in chain] for chain in chains]


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

    It must come back nearly whole, or alone: decay and momentum shrink a value, but an error signal that returns
    through a bias and its learning rate is no old value.  And it comes back alone: what holds the values of several
    rounds is the increment of a sum (the `W - step` of `W += W - step`).
    """
    plain = _operand(node) or _of_part(node, oldest)
    if plain is not None or node.span not in known.places_in(node):
        return plain
    terms = terms_of(node, stop=lambda other: other.span == node.span or other.id < oldest)
    near = 1.0 if len(terms) == 1 and share == 1 else 0.5  # `w -= rate * w` adds nothing else
    whole = [
        term.node
        for term in terms
        if term.node.id < node.id and term.node.span == node.span and abs(term.coefficient - share) < near
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


# ----- Which chains are parameters ----------------------------------------------------------------------


def _children(nodes: Sequence[Node]) -> dict[int, list[Node]]:
    children: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in node.parents():
            children[parent.id].append(node)
    return children


def _reaching(nodes: Sequence[Node], members: set[int]) -> set[int]:
    """Ids of the nodes that something else consumes, directly or later, than updates and element-wise bookkeeping."""
    reaching: set[int] = set()
    for child in reversed(nodes):
        consumes = child.op not in BOOKKEEPING or child.id in reaching
        if consumes and child.id not in members and getattr(child.value, "size", 1) != 0:
            reaching.update(parent.id for parent in child.parents())
    return reaching


def _reaches_otherwise(
    node: Node, children: dict[int, list[Node]], members: set[int], beside: frozenset[int]
) -> bool:
    """Is the value consumed by the network, other than together with values `beside` it?"""
    stack, seen = [node], {node.id}
    while stack:
        for child in children.get(stack.pop().id, ()):
            if child.id in seen or child.id in members or any(p.id in beside for p in child.parents()):
                continue
            if child.op not in BOOKKEEPING and np.size(child.value) > 0:
                return True
            seen.add(child.id)
            stack.append(child)
    return False


def _whole_updates(chain: Chain, reaching: set[int]) -> list[Node]:
    """The chain if the network uses it; of an array that is stored element by element, the links that it uses.

    It uses a parameter after every update, but of a sum over time steps or samples only what comes out at the end.
    The last of those has not been used yet; it is whole when as many elements were stored as in the round before.
    """
    if not stores_element(chain[0]):
        return chain if sum(node.id in reaching for node in chain) >= min(2, len(chain) - 1) else []
    used = [index for index, node in enumerate(chain) if node.id in reaching]
    last = len(chain) - 1
    if len(used) > 1 and last - used[-1] == used[-1] - used[-2]:
        used.append(last)
    return [chain[index] for index in used]


def _beside_numbers(chains: list[Chain], trained: list[Chain]) -> list[Chain]:
    """In a network of single numbers those that are only multiplied and added, and by which others were moved.

    (The weight of a linear output goes into the error, and the error into the update of a hidden unit.)
    """
    if not trained or any(np.ndim(chain[0].value) for chain in trained):
        return []
    moved = ancestors([chain[-1] for chain in trained], oldest=min(chain[-2].id for chain in trained))
    used = {parent for node in moved for parent in node.parents()}
    taken = {id(chain) for chain in trained}
    return [
        chain
        for chain in chains
        if id(chain) not in taken and not np.ndim(chain[0].value) and not used.isdisjoint(chain[-3:])
    ]


def _without_velocities(chains: list[Chain], nodes: Sequence[Node], members: set[int]) -> list[Chain]:
    """Leave out what only moves a parameter, although the network sees it: the look-ahead of Nesterov's momentum."""
    found = []
    children: dict[int, list[Node]] = {}
    moving = [(chain, _moving(chain)) for chain in chains]
    for chain in chains:
        own = {node.id for node in chain}
        moved = [other for other, ids in moving if other is not chain and own & ids]
        beside = frozenset(node.id for other in moved for node in other)
        children = children or (_children(nodes) if moved else {})
        if not moved or any(_reaches_otherwise(node, children, members, beside) for node in chain[-4:]):
            found.append(chain)
    return found


def _moving(chain: Chain) -> set[int]:
    """Ids of the values that the last update of a chain adds to its old value, and of what they are sums of."""
    new, old = chain[-1], chain[-2]
    ids: set[int] = set()
    pending = [new]
    while pending:
        parts = opened(1.0, pending.pop()) or ()
        fresh = [part for _, part in parts if part.id > old.id and part.id not in ids]
        ids.update(part.id for part in fresh)
        pending += fresh
    return ids


def _last_of_each_parameter(chains: list[Chain]) -> list[Chain]:
    """Of several chains through one array (decay first, then the gradient) keep the one that ends each step."""
    absorbed: set[int] = set()
    for chain in chains:
        inside = carrying_ids(chain[-1], chain[-2])
        for other in chains:
            if other is not chain and not inside.isdisjoint(node.id for node in other):
                later, earlier = (chain, other) if chain[-1].id > other[-1].id else (other, chain)
                if id(later) not in absorbed:
                    absorbed.add(id(earlier))
    return [chain for chain in chains if id(chain) not in absorbed]


def carrying_ids(node: Node, old: Node) -> set[int]:
    """Ids of the nodes that carry the old value linearly into the new one."""
    cone: dict[Node, list[Node]] = {}
    pending = [node]
    while pending:
        current = pending.pop()
        if current not in cone:
            cone[current] = [part for _, part in opened(1.0, current) or () if part.id >= old.id]
            pending += cone[current]
    carrying = {old}
    for current in sorted(cone, key=lambda item: item.id):
        if not carrying.isdisjoint(cone[current]):
            carrying.add(current)
    return {current.id for current in carrying - {old, node}}
