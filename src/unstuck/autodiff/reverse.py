"""The reverse pass: from the cotangents of some recorded values to those of the values they came from.

Reverse-mode differentiation of a tape (Linnainmaa 1970): walk the recorded operations from the last to the
first and pass each one's cotangent to its operands by the rule of its operation.  Only operations that lie
between the seeds and the wanted nodes are visited.  All is computed in float64 from the recorded values.

Three hooks serve the questions that a gradient check asks.  An *override* replaces the local rule at a node,
to ask "would this explain the numbers?"; *stop* nodes are independent inputs; *ties* chooses the subgradient
at kinks.  An operation without a rule makes the cotangents behind it unknown, never silently wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from unstuck.autodiff.call import Call, Contribution, NoDerivative, Part, shape_of
from unstuck.autodiff.effort import count
from unstuck.autodiff.node import Node
from unstuck.autodiff.quick import quick
from unstuck.autodiff.rules import contributions, passes
from unstuck.facts import Array, Span

Rule = tuple[Node, Callable[[Array], Array]]
Overrides = Mapping[Node, Rule | Sequence[Rule]]
Seeds = Sequence[tuple[Node, Array]]


@dataclass(frozen=True, slots=True)
class NoRule:
    """An operation that the reverse pass met and could not differentiate."""

    op: str
    span: Span | None
    reason: str


@dataclass(frozen=True, slots=True)
class Adjoints:
    """The result of a reverse pass.

    cotangents   of every visited node that a cotangent reached, in decreasing id
    unknown      nodes behind an operation without a rule, each with that operation
    """

    cotangents: Mapping[Node, Array]
    unknown: Mapping[Node, NoRule]

    @property
    def missing(self) -> tuple[NoRule, ...]:
        """The operations without a rule, each once."""
        return tuple(dict.fromkeys(self.unknown.values()))

    def of(self, node: Node) -> Array | None:
        """The node's cotangent: zeros where no path leads to it, None where it is unknown."""
        if node in self.unknown:
            return None
        found = self.cotangents.get(node)
        return np.zeros(np.shape(node.value)) if found is None else found


def backward(
    seeds: Seeds,
    wrt: Sequence[Node],
    *,
    overrides: Overrides | None = None,
    stop: Collection[Node] = (),
    ties: float | None = None,
) -> list[Array | None]:
    """Cotangents of the nodes `wrt`, given those of the seed nodes.

    Each has the shape of its node's value: zeros when the seeds do not depend on it, None when a path runs
    through an operation without a rule (`adjoints` says which).  See `adjoints` for the arguments.
    """
    result = adjoints(seeds, wrt, overrides=overrides, stop=stop, ties=ties)
    return [result.of(node) for node in wrt]


def adjoints(
    seeds: Seeds,
    wrt: Sequence[Node],
    *,
    overrides: Overrides | None = None,
    stop: Collection[Node] = (),
    ties: float | None = None,
    sent: dict[Node, Sequence[Contribution]] | None = None,
) -> Adjoints:
    """The cotangents of every node between the seeds and `wrt`.

    Parameters
    ----------
    seeds
        (node, cotangent) pairs; a cotangent has the shape of the node's value.  Several for one node add up.
    wrt
        the nodes whose cotangents are wanted.
    overrides
        at node h, the cotangent g goes as rule(g) to the node z of each given (z, rule) and nowhere else.
    stop
        nodes that are independent inputs: they get a cotangent but pass nothing on.
    ties
        which subgradient at kinks: 0, 0.5, 1, or None for each function's convention (see
        `unstuck.autodiff.kinks`).
    sent
        a table that gets what each visited node passed to its operands.

    Raises
    ------
    ValueError
        when a seed's or an override's cotangent has the wrong shape, or an override leads forward in time.
    """
    overrides = overrides or {}
    for node, override in overrides.items():
        if any(target.id >= node.id for target, _ in rules_of(override)):
            raise ValueError(f"the override of {node} must lead back in time")
    order = between([node for node, _ in seeds], wrt, overrides=overrides, stop=stop)
    count(order)
    active = set(order)
    store = Store()
    unknown: dict[Node, NoRule] = {}
    for node, seed in seeds:
        if node in active:
            store.add(node, seed)
    with np.errstate(all="ignore"):
        for node in order:
            g = store.get(node)
            failure = unknown.get(node) if unknown else None
            if failure is None and g is not None and node not in stop:
                passed = passed_on(node, g, active, overrides, ties)
                failure = passed if isinstance(passed, NoRule) else _arrived(store, node, passed, overrides)
                if sent is not None and not isinstance(passed, NoRule):
                    sent[node] = passed
            if failure:
                for operand in _operands(node, overrides, stop):
                    unknown.setdefault(operand, failure)
    found = {node: g for node in order if node not in unknown and (g := store.get(node)) is not None}
    return Adjoints(found, {node: failure for node, failure in unknown.items() if node in active})


def passed_on(
    node: Node, g: Array, active: Container[Node], overrides: Overrides, ties: float | None
) -> Sequence[Contribution] | NoRule:
    """What the node passes to its operands when g arrives; the reason when it cannot be differentiated."""
    if node in overrides:
        return [(target, rule(g)) for target, rule in rules_of(overrides[node])]
    try:
        passed = quick(node, g, active, ties)
        if passed is not None:
            return passed
        return list(contributions(Call(node, g, active, ties))) if passes(node) else ()
    except RULE_FAILURES as error:
        return NoRule(node.op, node.span, str(error))


def _arrived(
    store: Store, sender: Node, passed: Sequence[Contribution], overrides: Overrides
) -> NoRule | None:
    """Add what a node passed on to the sums of its operands; the reason when it does not fit there."""
    try:
        store.add_all(passed)
    except RULE_FAILURES as error:
        if sender in overrides:  # the caller's mistake, not a call that nobody foresaw
            raise
        return NoRule(sender.op, sender.span, str(error))
    return None


# A rule meets calls that nobody foresaw (exotic keywords, ragged lists); that is "cannot tell", not a crash.
RULE_FAILURES = (
    NoDerivative,
    NotImplementedError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
)


def between(
    roots: Iterable[Node],
    leaves: Collection[Node],
    *,
    overrides: Overrides | None = None,
    stop: Collection[Node] = (),
) -> list[Node]:
    """The nodes on any differentiable path from the leaves to the roots, both included, in decreasing id.

    Cost grows with the ancestors of the roots that are not older than the oldest leaf, not with the tape.
    """
    if not leaves:
        return []
    oldest = min(leaf.id for leaf in leaves)
    altered = overrides or {}
    operands: dict[Node, Iterable[Node]] = {}
    pending = [root for root in roots if root.id >= oldest]
    while pending:
        node = pending.pop()
        if node not in operands:
            near = operands[node] = _operands(node, altered, stop)
            pending += [each for each in near if each.id >= oldest and each not in operands]
    reached = set(leaves)
    ordered = sorted(operands, key=attrgetter("id"))
    for node in ordered:
        if not reached.isdisjoint(operands[node]):
            reached.add(node)
    return [node for node in reversed(ordered) if node in reached]


def ancestors(nodes: Iterable[Node], *, oldest: int = 0, stop: Collection[Node] = ()) -> set[Node]:
    """The nodes and everything they were computed from, as far back as the id `oldest` and the nodes `stop`."""
    found: set[Node] = set()
    pending = [node for node in nodes if node.id >= oldest]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            if node not in stop:
                pending += [each for each in node.parents() if each.id >= oldest and each not in found]
    return found


def descendants(sources: Iterable[Node], tape: Iterable[Node]) -> set[Node]:
    """The sources and everything computed from them, among the nodes of `tape` (in order of time)."""
    found = set(sources)
    for node in tape:
        if not found.isdisjoint(node.parents()):
            found.add(node)
    return found


def _operands(node: Node, overrides: Overrides, stop: Collection[Node]) -> Iterable[Node]:
    """The nodes to which a cotangent of this node may pass."""
    if node in stop:
        return ()
    if node in overrides:
        return [target for target, _ in rules_of(overrides[node])]
    return node.parents() if passes(node) else ()


def rules_of(override: Rule | Sequence[Rule]) -> Sequence[Rule]:
    """The rules of an override, which may be a single one."""
    single: Any = override
    return [single] if isinstance(single[0], Node) else single


class Store:
    """Sums cotangents per node, in place once a buffer is our own."""

    def __init__(self) -> None:
        self._sums: dict[Node, Array] = {}
        self._own: set[Node] = set()

    def get(self, node: Node) -> Array | None:
        """The sum so far."""
        return self._sums.get(node)

    def add_all(self, contributions: Iterable[Contribution]) -> None:
        """Add each contribution to its node's sum."""
        for node, part in contributions:
            self.add(node, part)

    def add(self, node: Node, part: Array | Part) -> None:
        """Add to the node's sum; arrays that are passed in are never written to."""
        if isinstance(part, Part):
            _add_at(self._buffer(node), part)
            return
        if type(part) is not np.ndarray or part.dtype != np.float64:
            part = np.asarray(part, dtype=np.float64)
        if part.shape != shape_of(node.value):
            raise ValueError(f"a cotangent of shape {part.shape} for {node} of shape {np.shape(node.value)}")
        if node not in self._sums:
            self._sums[node] = part
        else:
            buffer = self._buffer(node)
            buffer += part

    def _buffer(self, node: Node) -> Array:
        """The node's sum as an array that nobody else holds."""
        if node not in self._own:
            previous = self._sums.get(node)
            self._sums[node] = np.zeros(np.shape(node.value)) if previous is None else np.array(previous)
            self._own.add(node)
        return self._sums[node]


def _add_at(buffer: Array, part: Part) -> None:
    """buffer[index] += g, counting repeated indices as often as they occur."""
    index = part.index if isinstance(part.index, tuple) else (part.index,)
    if all(isinstance(item, int | np.integer | slice) or item is None or item is Ellipsis for item in index):
        buffer[part.index] += part.g
    else:
        np.add.at(buffer, part.index, part.g)
