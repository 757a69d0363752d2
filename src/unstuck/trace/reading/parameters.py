"""Which of the values that a program replaces by themselves plus something are parameters of a network?

Those that are *used by the network*: some consumer other than their own next update is more than element-wise
bookkeeping.  Momentum buffers, running sums of the loss and gradient accumulators are chains of values too, but nothing
of that kind consumes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.trace.reading.chains import Chain, Remembered, chains_of
from unstuck.trace.reading.terms import opened, stores_element

BOOKKEEPING = {
    "absolute", "add", "add.at", "around", "array", "clip", "copy", "equal", "gather", "getitem", "isfinite", "isnan",
    "leaf", "multiply", "nan_to_num", "negative", "not_equal", "opaque", "positive", "power", "reshape", "round",
    "scatter", "setitem", "sqrt", "square", "subtract", "subtract.at", "transpose", "true_divide",
}  # fmt: skip


def parameter_chains(
    nodes: Sequence[Node], least: int, known: Remembered | None = None, share: float = 1.0
) -> tuple[list[Chain], set[int]]:
    """The chains that are parameters, of at least `least` values, and the ids of the values of all chains.

    known  from earlier looks at the same tape
    share  of an old value that comes back: -1 finds those that every update turns by mistake, and 2 the doubled
    """
    chains = chains_of(nodes, least, known or Remembered(), share)
    members = {node.id for chain in chains for node in chain}
    reaching = _reaching(nodes, members) if chains else set()
    trained = [used for chain in chains if len(used := _whole_updates(chain, reaching)) >= least]
    trained += _beside_numbers(chains, trained)
    return _without_velocities(_last_of_each_parameter(trained), nodes, members), members


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
