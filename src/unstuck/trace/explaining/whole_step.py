"""One step as a case: its gradients are what should come out when an operation is altered in every round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.alteration import Alteration
from unstuck.trace.explaining.case import Case
from unstuck.trace.explaining.pool import Item, Key, Pool
from unstuck.trace.explaining.rounds import Rounds, Site


class WholeStep(Case):
    """The gradients of a step as the value that should come out."""

    def __init__(self, rounds: Rounds, site: Site, true: Mapping[str, tuple[Array, float] | None]) -> None:
        self._rounds, self._site = rounds, site
        self.pool = _InFirstRound(rounds, site)
        self._name, self.true = next((name, each[0]) for name, each in true.items() if each is not None)

    def result(self, node: Node, alteration: Alteration) -> Array | None:
        """One gradient when the operation is altered in every round."""
        readings = self._rounds.gradients(self._site, alteration).get(self._name, {})
        return next((each for each in readings.values() if np.shape(each) == np.shape(self.true)), None)


class _InFirstRound(Mapping[Key, Item]):
    """What is at hand for the first of the operations of a place, found when somebody asks."""

    def __init__(self, rounds: Rounds, site: Site) -> None:
        self._rounds, self._site = rounds, site

    @cached_property
    def _pool(self) -> Pool:
        return self._rounds.pool(self._site, self._rounds.sites[self._site][0])

    def __getitem__(self, key: Key) -> Item:
        return self._pool[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._pool)

    def __len__(self) -> int:
        return len(self._pool)
