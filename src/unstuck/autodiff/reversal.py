"""One reverse pass that is asked again and again under altered rules.

A hypothesis alters the rule at a few nodes; everything that their cotangents do not reach is as it was.  So the true
pass is run once and remembers what every node passed to its operands; an altered pass visits only the altered nodes
and those whose cotangent becomes another.  Contributions are added in the same order as in a whole pass: the result
is equal to that of `adjoints` bit by bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

import numpy as np

from unstuck.autodiff.call import Contribution, Part
from unstuck.autodiff.effort import count
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import (
    RULE_FAILURES,
    Adjoints,
    NoRule,
    Overrides,
    Seeds,
    Store,
    adjoints,
    passed_on,
    rules_of,
)
from unstuck.facts import Array

Received: TypeAlias = dict[Node, dict[Node, list[Array | Part]]]
"""By node: what each of its consumers passed to it."""


class Reversal:
    """The reverse pass from some seeds to the nodes `wrt`, under the true rules and under altered ones.

    true  the cotangents under the true rules
    """

    def __init__(self, seeds: Seeds, wrt: Sequence[Node], *, stop: Collection[Node] = ()) -> None:
        self._seeds, self._wrt, self._stop = seeds, wrt, stop
        self._seeded: dict[Node, list[Array]] = defaultdict(list)
        for node, seed in seeds:
            self._seeded[node].append(seed)
        self._sent: dict[Node, Sequence[Contribution]] = {}
        self.true = adjoints(seeds, wrt, stop=stop, sent=self._sent)
        self._received: Received = defaultdict(dict)
        for node, contributions in self._sent.items():
            _receive(self._received, node, contributions)

    def altered(self, overrides: Overrides) -> Adjoints:
        """The same as `adjoints` with these overrides; a cotangent that stays as it was is the same object."""
        try:
            found = self._from_the_true(overrides)
        except RULE_FAILURES:  # something does not fit where it arrives, which the whole pass tells apart
            found = None
        return found or adjoints(self._seeds, self._wrt, overrides=overrides, stop=self._stop)

    def _from_the_true(self, overrides: Overrides) -> Adjoints | None:
        """The altered pass by its differences; None where it leads to where the true one does not."""
        true = self.true.cotangents
        if self.true.unknown or not all(
            node in true and all(target in true and target.id < node.id for target, _ in rules_of(rules))
            for node, rules in overrides.items()
        ):
            return None
        changed: dict[Node, Array | None] = {}
        resent: dict[Node, Sequence[Contribution]] = {}
        rereceived: Received = defaultdict(dict)
        waiting: list[tuple[int, Node]] = []
        met = set(overrides)
        for node in overrides:
            heappush(waiting, (-node.id, node))
        with np.errstate(all="ignore"):
            while waiting:
                node = heappop(waiting)[1]
                g = self._sum(node, resent, rereceived[node])
                if g is not true[node]:
                    changed[node] = g
                elif node not in overrides:
                    continue
                passed = () if g is None or node in self._stop else passed_on(node, g, true, overrides, None)
                if isinstance(passed, NoRule):
                    return None
                resent[node] = passed
                _receive(rereceived, node, passed)
                for target in {target for target, _ in (*passed, *self._sent.get(node, ()))} - met:
                    met.add(target)
                    heappush(waiting, (-target.id, target))
        count(met)
        found = dict(true)
        for node, g in changed.items():
            if g is None:
                del found[node]
            else:
                found[node] = g
        return Adjoints(found, {})

    def _sum(
        self, node: Node, resent: Collection[Node], anew: dict[Node, list[Array | Part]]
    ) -> Array | None:
        """What arrives at a node; the true cotangent itself where that is the same."""
        old, true = self._received.get(node, {}), self.true.cotangents[node]
        if not anew and old.keys().isdisjoint(resent):
            return true
        received = {consumer: parts for consumer, parts in old.items() if consumer not in resent} | anew
        store = Store()
        for seed in self._seeded.get(node, ()):
            store.add(node, seed)
        for consumer in sorted(received, key=_latest_first) if len(received) > 1 else received:
            for part in received[consumer]:
                store.add(node, part)
        total = store.get(node)
        return true if total is not None and (total == true).all() else total


def _latest_first(node: Node) -> int:
    return -node.id


def _receive(table: Received, sender: Node, contributions: Sequence[Contribution]) -> None:
    for node, part in contributions:
        table[node].setdefault(sender, []).append(part)
