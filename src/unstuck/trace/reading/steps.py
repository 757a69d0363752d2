"""Find the parameters, the training step and the written gradients on a tape.

An update is an addition `new = old + increment` whose `old` was made at the *same place of the source* one
round earlier (`W -= rate * dW`, `W = W - rate * dW`, a list comprehension over layers, ...).  Following these
links gives a chain of values.  A chain is a parameter when its values are *used by the network*, that is when
some consumer other than the chain's own next update is more than element-wise bookkeeping; momentum buffers,
running sums of the loss and gradient accumulators are chains too, but nothing of that kind consumes them.

The loop whose counter differs between the links of the parameters is the step loop.  Increments are expanded
into their additive terms, so that momentum, weight decay and clipping fall apart into known pieces; what is
left is the written gradient.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.terms import Term, opened, stores_element, stores_whole, terms_of

Key = tuple[tuple[int, int], ...]
UPDATING = {"add", "subtract", "add.at", "subtract.at"}
BOOKKEEPING = {
    "absolute", "add", "add.at", "around", "array", "clip", "copy", "equal", "gather", "getitem", "isfinite", "isnan",
    "leaf", "multiply", "nan_to_num", "negative", "not_equal", "opaque", "positive", "power", "reshape", "round",
    "scatter", "setitem", "sqrt", "square", "subtract", "subtract.at", "transpose", "true_divide",
}  # fmt: skip
Updated = tuple[list[Node], dict[Key, tuple[Node, Node]]]
# Arrays updated by one line of code: how far back among its results an old value is looked for.
MOST_LAYERS = 40
# Restarts of a training with other starts, of an array and of a number; what begins anew more often is a sum.
MOST_RESTARTS, RESTARTS_OF_NUMBER = 20, 3


@dataclass(frozen=True)
class Update:
    """One update of one parameter in one step: after = sum of the terms, `before` among them."""

    before: Node
    after: Node
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Tracked:
    """A parameter: what the script calls it, where it is updated, and its update in every step by step key."""

    name: str
    span: Span
    updates: dict[Key, Update]


@dataclass(frozen=True)
class Steps:
    """The training steps of one window, in order; `ranges[key]` holds the node ids of a step."""

    loop: int | None
    keys: tuple[Key, ...]
    ranges: dict[Key, range]
    parameters: tuple[Tracked, ...]
    state: frozenset[int]  # ids of optimiser state and accumulators: chains that are no parameters
    offset: int = 0  # rounds of the step loop on this tape before the first of the keys
    trained: frozenset[int] = frozenset()  # ids of all updated values, those of other trainings included


def find_steps(nodes: Sequence[Node], least: int = 3) -> list[Steps]:
    """The trainings on a tape, each with its parameters and steps: those of the busiest loop come first.

    Empty when no parameter was updated at least `least` times.
    """
    chains = _chains(nodes, least)
    children = _children(nodes) if chains else {}
    members = {node.id for chain in chains for node in chain}
    reaching = _reaching(nodes, children, members)
    trained = [used for chain in chains if len(used := _whole_updates(chain, reaching)) >= least]
    trained = _without_velocities(_last_of_each_parameter(trained), children, members)
    found: list[Steps] = []
    while trained:
        loop = _step_loop(trained)
        updated = [(chain, steps) for chain in trained if len(steps := _by_step(chain, loop)) >= least - 1]
        if not updated:
            break
        found.append(_steps(nodes, updated, members, loop))
        taken = {id(chain) for chain, _ in updated}
        trained = [chain for chain in trained if id(chain) not in taken and not _within_step(chain, loop)]
    updated_values = frozenset().union(*(steps.trained for steps in found))
    return [replace(steps, trained=updated_values) for steps in found]


def _within_step(chain: list[Node], loop: int | None) -> bool:
    """Do all values of a chain belong to one training step?  (A residual stream adds up from block to block.)"""
    keys = {step_key(node.context, loop) for node in chain}
    return len(keys) == 1 and None not in keys


def _steps(nodes: Sequence[Node], updated: Sequence[Updated], members: set[int], loop: int | None) -> Steps:
    """The steps of one loop, given the chains that it updates and their values in each of its rounds."""
    found = sorted({key for _, steps in updated for key in steps})
    ranges = ranges_of(nodes, [chain for chain, _ in updated], loop)
    keys = tuple(key for key in found if key in ranges)
    own = {node.id for chain, _ in updated for node in chain}
    rounds = sorted({key for node in nodes if (key := step_key(node.context, loop)) is not None})
    tracked = tuple(_tracked(chain, steps, keys) for chain, steps in updated)
    offset = rounds.index(keys[0]) if rounds else 0
    return Steps(loop, keys, ranges, _unique_names(tracked), frozenset(members - own), offset, frozenset(own))


# ----- Chains of updates --------------------------------------------------------------------------------


def _chains(nodes: Sequence[Node], least: int) -> list[list[Node]]:
    """Sequences of nodes made at one place, each an additive term of the next."""
    by_span: dict[Span, list[Node]] = defaultdict(list)
    stores = {node.id for node in nodes if stores_element(node)}
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
            old = _old_value(node, group[max(0, index - MOST_LAYERS)].id)
            if old is not None:
                previous[node.id] = old
        chains += _sequences(group, previous, least)
    whole = {node.args[2].id: node for node in nodes if stores_whole(node)}
    return [[whole.get(node.id, node) for node in chain] for chain in chains]


def _sequences(group: list[Node], previous: dict[int, Node], least: int) -> list[list[Node]]:
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
        starts[np.shape(chain[0].value)].append(chain[0].id)
        ends[np.shape(chain[0].value)].append(chain[-1].id)
    latest = {shape: max(ids) for shape, ids in starts.items()}
    return [
        chain
        for chain in chains
        if len(chain) >= least
        and latest[shape := np.shape(chain[0].value)] < chain[-1].id
        and sum(end < chain[0].id for end in ends[shape]) < (MOST_RESTARTS if shape else RESTARTS_OF_NUMBER)
    ]


def _old_value(node: Node, oldest: int) -> Node | None:
    """The additive term of a node that was made at the node's own place in the source, not before `oldest`.

    It must come back nearly whole: decay and momentum shrink a value, but an error signal that returns through
    a bias and its learning rate is no old value.
    """
    for term in terms_of(node, stop=lambda other: other.span == node.span or other.id < oldest):
        other = term.node
        same = other is not node and other.span == node.span and np.shape(other.value) == np.shape(node.value)
        if same and 0.5 < term.coefficient < 1.5:
            return other
    return None


# ----- Which chains are parameters ----------------------------------------------------------------------


def _children(nodes: Sequence[Node]) -> dict[int, list[Node]]:
    children: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in node.parents():
            children[parent.id].append(node)
    return children


def _reaching(nodes: Sequence[Node], children: dict[int, list[Node]], members: set[int]) -> set[int]:
    """Ids of the nodes that something else consumes, directly or later, than updates and element-wise bookkeeping."""
    reaching: set[int] = set()
    for node in reversed(nodes):
        for child in children.get(node.id, ()):
            if child.id in members or np.size(child.value) == 0:
                continue
            if child.op not in BOOKKEEPING or child.id in reaching:
                reaching.add(node.id)
                break
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


def _whole_updates(chain: list[Node], reaching: set[int]) -> list[Node]:
    """The chain if the network uses it; of an array that is stored element by element, the links that it uses.

    The last of those has not been used yet; it is whole when as many elements were stored as in the round before.
    """
    if not stores_element(chain[0]):
        return chain if any(node.id in reaching for node in chain[-4:]) else []
    used = [index for index, node in enumerate(chain) if node.id in reaching]
    last = len(chain) - 1
    if len(used) > 1 and last - used[-1] == used[-1] - used[-2]:
        used.append(last)
    return [chain[index] for index in used]


def _without_velocities(
    chains: list[list[Node]], children: dict[int, list[Node]], members: set[int]
) -> list[list[Node]]:
    """Leave out what only moves a parameter, although the network sees it: the look-ahead of Nesterov's momentum."""
    found = []
    moving = [(chain, _moving(chain)) for chain in chains]
    for chain in chains:
        own = {node.id for node in chain}
        moved = [other for other, ids in moving if other is not chain and own & ids]
        beside = frozenset(node.id for other in moved for node in other)
        if not moved or any(_reaches_otherwise(node, children, members, beside) for node in chain[-4:]):
            found.append(chain)
    return found


def _moving(chain: list[Node]) -> set[int]:
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


def _last_of_each_parameter(chains: list[list[Node]]) -> list[list[Node]]:
    """Of several chains through one array (decay first, then the gradient) keep the one that ends each step."""
    absorbed: set[int] = set()
    for chain in chains:
        inside = _path_ids(chain[-1], chain[-2])
        for other in chains:
            if other is not chain and not inside.isdisjoint(node.id for node in other):
                later, earlier = (chain, other) if chain[-1].id > other[-1].id else (other, chain)
                if id(later) not in absorbed:
                    absorbed.add(id(earlier))
    return [chain for chain in chains if id(chain) not in absorbed]


def _path_ids(node: Node, old: Node) -> set[int]:
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


# ----- The step loop ------------------------------------------------------------------------------------


def _step_loop(chains: list[list[Node]]) -> int | None:
    """The loop whose counter differs most often between consecutive updates; of equals the outermost.

    (Where an epoch ends, its counter differs too, but that of the batches differs every time.)
    """
    votes: Counter[int] = Counter()
    for chain in chains:
        for old, new in pairwise(chain):
            for before, after in zip(old.context, new.context, strict=False):
                if before[0] != after[0]:
                    break
                votes[after[0]] += before != after
    return max((loop for loop in votes if votes[loop]), key=lambda loop: votes[loop], default=None)


def step_key(context: Key, loop: int | None) -> Key | None:
    """The loop counters down to the step loop; None outside of it."""
    for depth, (number, _) in enumerate(context):
        if number == loop:
            return context[: depth + 1]
    return None


def _by_step(chain: list[Node], loop: int | None) -> dict[Key, tuple[Node, Node]]:
    """(value before, value after) of a chain in each step; the first value has no known predecessor."""
    steps: dict[Key, tuple[Node, Node]] = {}
    for index, (old, new) in enumerate(pairwise(chain)):
        key = step_key(new.context, loop) if loop is not None else ((-1, index),)
        if key is not None:
            steps[key] = (steps[key][0] if key in steps else old, new)
    first = step_key(chain[0].context, loop) if loop is not None else None
    if first is not None:
        steps.pop(first, None)
    return steps


def ranges_of(nodes: Sequence[Node], chains: Sequence[list[Node]], loop: int | None) -> dict[Key, range]:
    """The node ids of every round with an update, together with the rounds before it that only add up."""
    if loop is None:
        return {((-1, index),): range(0, len(nodes)) for chain in chains for index in range(len(chain))}
    updated = {step_key(node.context, loop) for chain in chains for node in chain}
    ranges: dict[Key, range] = {}
    start, previous = -1, None
    for node in nodes:
        key = step_key(node.context, loop)
        if key is None:
            continue
        if start < 0 or (key != previous and previous in updated):
            start = node.id
        previous = key
        if key in updated:
            ranges[key] = range(start, node.id + 1)
    return ranges


def _tracked(chain: list[Node], steps: dict[Key, tuple[Node, Node]], keys: Sequence[Key]) -> Tracked:
    updates = {}
    for key in keys:
        if key in steps:
            before, after = steps[key]
            updates[key] = Update(before, after, tuple(terms_of(after, stop=_stops_at(before))))
    named = next((node for node in reversed(chain) if node.names), None)
    assert chain[0].span is not None
    return Tracked(named.names[-1] if named else f"line {chain[0].span.line}", chain[0].span, updates)


def _stops_at(before: Node) -> Callable[[Node], bool]:
    return lambda node: node is before or node.id < before.id


def _unique_names(tracked: tuple[Tracked, ...]) -> tuple[Tracked, ...]:
    """Layers that share one line of code get a number, in the order of their first update."""
    counts = Counter(item.name for item in tracked)
    seen: Counter[str] = Counter()
    result = []
    for item in sorted(tracked, key=lambda item: min(u.after.id for u in item.updates.values())):
        name = f"{item.name} #{seen[item.name] + 1}" if counts[item.name] > 1 else item.name
        seen[item.name] += 1
        result.append(Tracked(name, item.span, item.updates))
    return tuple(result)
