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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span

Key = tuple[tuple[int, int], ...]
ADDITIVE = {"add", "subtract", "negative", "positive", "copy", "multiply", "true_divide", "gather", "reshape"}
BOOKKEEPING = {
    *(
        "add",
        "subtract",
        "negative",
        "positive",
        "copy",
        "multiply",
        "true_divide",
        "power",
        "square",
        "sqrt",
    ),
    *(
        "setitem",
        "scatter",
        "getitem",
        "gather",
        "array",
        "reshape",
        "leaf",
        "equal",
        "not_equal",
        "absolute",
    ),
    *("transpose", "isnan", "isfinite", "opaque", "round", "around", "clip", "nan_to_num"),
}
MOST_TERMS = 20_000
MOST_LAYERS = (
    40  # arrays updated by one line of code; how far back among its results an old value is looked for
)


@dataclass(frozen=True)
class Term:
    """One additive part of an increment: coefficient x value of the node."""

    coefficient: float
    node: Node


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


def find_steps(nodes: Sequence[Node], least: int = 3) -> Steps | None:
    """Parameters and steps of a tape, or None when no parameter was updated at least `least` times."""
    chains = _chains(nodes, least)
    if not chains:
        return None
    children = _children(nodes)
    members = {node.id for chain in chains for node in chain}
    trained = [chain for chain in chains if _used_by_network(chain, children, members)]
    trained = _last_of_each_parameter(trained)
    loop = _step_loop(trained)
    grouped = [_by_step(chain, loop) for chain in trained]
    grouped = [
        (chain, steps) for chain, steps in zip(trained, grouped, strict=True) if len(steps) >= least - 1
    ]
    if not grouped:
        return None
    keys = sorted({key for _, steps in grouped for key in steps})
    ranges = _ranges(nodes, keys, loop)
    keys = [key for key in keys if key in ranges]
    own = {node.id for chain, _ in grouped for node in chain}
    rounds = sorted({key for node in nodes if (key := step_key(node.context, loop)) is not None})
    tracked = tuple(_tracked(chain, steps, keys) for chain, steps in grouped)
    return Steps(
        loop, tuple(keys), ranges, _unique_names(tracked), frozenset(members - own), rounds.index(keys[0])
    )


# ----- Chains of updates --------------------------------------------------------------------------------


def _chains(nodes: Sequence[Node], least: int) -> list[list[Node]]:
    """Sequences of nodes made at one place, each an additive term of the next."""
    by_span: dict[Span, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.op in ("add", "subtract") and node.span is not None:
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
    return chains


def _sequences(group: list[Node], previous: dict[int, Node], least: int) -> list[list[Node]]:
    """The chains of one place that are carried on to the end.

    An accumulator ends and starts again from zero in the next step; a parameter never starts anew.
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
    starts = [(chain[0].id, np.shape(chain[0].value)) for chain in chains]
    return [
        chain
        for chain in chains
        if len(chain) >= least
        and not any(start > chain[-1].id and shape == np.shape(chain[0].value) for start, shape in starts)
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


def terms_of(node: Node, stop: Callable[[Node], bool] = lambda _: False) -> list[Term]:
    """The additive terms of a node: sums, differences and scalar factors are opened, anything else is a term.

    Nodes are opened from the latest to the earliest, so that each is met once with its total coefficient.
    """
    coefficients = {node: 1.0}
    latest = [(-node.id, node)]
    terms = []
    while latest:
        _, current = heappop(latest)
        coefficient = coefficients.pop(current)
        opened = current is node or not stop(current)
        parts = _opened(coefficient, current) if opened and len(terms) < MOST_TERMS else None
        if parts is None:
            terms.append(Term(coefficient, current))
            continue
        for factor, part in parts:
            if part not in coefficients:
                heappush(latest, (-part.id, part))
            coefficients[part] = coefficients.get(part, 0.0) + factor
    return terms


def _opened(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    """A linear node as coefficient-term pairs; None when it is not linear in a way that we open."""
    args = node.args
    if node.op in ("add", "subtract"):
        signs = (coefficient, coefficient if node.op == "add" else -coefficient)
        return [(sign, arg) for sign, arg in zip(signs, args, strict=False) if isinstance(arg, Node)]
    if node.op in ("copy", "positive", "negative"):
        sign = -coefficient if node.op == "negative" else coefficient
        return [(sign, args[0])] if isinstance(args[0], Node) else None
    if node.op in ("multiply", "true_divide"):
        return _scaled(coefficient, node)
    if node.op == "gather":
        return _forwarded(coefficient, node)
    return None


def _scaled(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    left, right = node.args[:2]
    factor = _scalar(right)
    if factor is not None and isinstance(left, Node) and not (node.op == "true_divide" and factor == 0):
        return [(coefficient * factor if node.op == "multiply" else coefficient / factor, left)]
    factor = _scalar(left)
    if factor is not None and isinstance(right, Node) and node.op == "multiply":
        return [(coefficient * factor, right)]
    return None


def _scalar(value: Any) -> float | None:
    """The number of a constant or of an untouched scalar variable (a learning rate, a batch size)."""
    if isinstance(value, Node):
        if np.ndim(value.value) == 0 and _is_plain(value):
            return float(value.value)
        return None
    return float(value) if isinstance(value, int | float | np.number) else None


def _is_plain(node: Node, depth: int = 0) -> bool:
    """Does this scalar come from constants only?  (A scheduled rate, 1 - beta ** t, ...)"""
    if node.op == "leaf":
        return True
    return depth < 12 and all(
        np.ndim(parent.value) == 0 and _is_plain(parent, depth + 1) for parent in node.parents()
    )


def _forwarded(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    """gather(scatter(whole, f, v), f) is v; positions that do not meet f are read from before the write."""
    source, flat = node.args
    while isinstance(source, Node) and source.op == "scatter":
        whole, written, value = source.args
        if np.array_equal(written, flat):
            return [(coefficient, value)]
        if np.intersect1d(written, flat).size:
            return None
        source = whole
    return None


# ----- Which chains are parameters ----------------------------------------------------------------------


def _children(nodes: Sequence[Node]) -> dict[int, list[Node]]:
    children: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in node.parents():
            children[parent.id].append(node)
    return children


def _used_by_network(chain: list[Node], children: dict[int, list[Node]], members: set[int]) -> bool:
    """Is a value of the chain consumed by something else than updates and element-wise bookkeeping?"""
    return any(_reaches_network(node, children, members) for node in chain[-4:])


def _reaches_network(node: Node, children: dict[int, list[Node]], members: set[int]) -> bool:
    stack, seen = [node], {node.id}
    while stack and len(seen) < 400:
        for child in children.get(stack.pop().id, ()):
            if child.id in seen or child.id in members:
                continue
            if child.op not in BOOKKEEPING and np.size(child.value) > 0:
                return True
            seen.add(child.id)
            stack.append(child)
    return False


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
            cone[current] = [part for _, part in _opened(1.0, current) or () if part.id >= old.id]
            pending += cone[current]
    carrying = {old}
    for current in sorted(cone, key=lambda item: item.id):
        if not carrying.isdisjoint(cone[current]):
            carrying.add(current)
    return {current.id for current in carrying - {old, node}}


# ----- The step loop ------------------------------------------------------------------------------------


def _step_loop(chains: list[list[Node]]) -> int | None:
    """The loop whose counter differs between consecutive updates, by majority."""
    votes: Counter[int] = Counter()
    for chain in chains:
        for old, new in zip(chain, chain[1:], strict=False):
            for before, after in zip(old.context, new.context, strict=False):
                if before != after:
                    if before[0] == after[0]:
                        votes[after[0]] += 1
                    break
    return votes.most_common(1)[0][0] if votes else None


def step_key(context: Key, loop: int | None) -> Key | None:
    """The loop counters down to the step loop; None outside of it."""
    for depth, (number, _) in enumerate(context):
        if number == loop:
            return context[: depth + 1]
    return None


def _by_step(chain: list[Node], loop: int | None) -> dict[Key, tuple[Node, Node]]:
    """(value before, value after) of a chain in each step; the first value has no known predecessor."""
    steps: dict[Key, tuple[Node, Node]] = {}
    for index, (old, new) in enumerate(zip(chain, chain[1:], strict=False)):
        key = step_key(new.context, loop) if loop is not None else ((-1, index),)
        if key is not None:
            steps[key] = (steps[key][0] if key in steps else old, new)
    first = step_key(chain[0].context, loop) if loop is not None else None
    if first is not None:
        steps.pop(first, None)
    return steps


def _ranges(nodes: Sequence[Node], keys: list[Key], loop: int | None) -> dict[Key, range]:
    if loop is None:
        return {key: range(0, len(nodes)) for key in keys}
    wanted = set(keys)
    first: dict[Key, int] = {}
    last: dict[Key, int] = {}
    for node in nodes:
        key = step_key(node.context, loop)
        if key in wanted and key is not None:
            first.setdefault(key, node.id)
            last[key] = node.id
    return {key: range(first[key], last[key] + 1) for key in first}


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
