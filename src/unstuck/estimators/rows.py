"""The rows that an estimator trains on: weighted, set aside, scaled.

A weight says how often a row counts.  The rows are sorted and then repeated by their weights, so that a weight of two
is the same, bit by bit, as a row that stands there twice, and a weight of zero as one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from unstuck.facts import Array

MOST_REPEATED = 8  # times the number of rows, for weights that are far apart


def dense(x: Any) -> Array:
    """Rows, which may be sparse, as an array of float64."""
    return np.asarray(x.toarray() if sparse.issparse(x) else x, np.float64)


def repeated(x: Array, y: Array, weights: Array | None) -> tuple[Array, Array]:
    """Rows (n, d) and targets (n, k) in an order of their own, each as often as its weight says.

    Weights that are no whole numbers are met on average: the rows at equal distances of summed weight are taken, at
    least one of each unless this would need more than `MOST_REPEATED` times the rows.
    """
    weights = np.ones(len(x)) if weights is None else weights
    kept = weights > 0
    x, y, weights = x[kept], y[kept], weights[kept]
    order = _sorted(x, y)
    x, y, weights = x[order], y[order], weights[order]
    ends = np.cumsum(weights)
    count = min(max(ends[-1] / weights.min(), len(x)), MOST_REPEATED * max(ends[-1], len(x)))
    if np.all(weights == np.round(weights)):
        count = ends[-1]
    places = (np.arange(round(count)) + 0.5) * (ends[-1] / round(count))
    taken = np.searchsorted(ends, places)
    return x[taken], y[taken]


def _sorted(x: Array, y: Array) -> Array:
    """An order of the rows that depends on nothing but what they hold: that of their bytes."""
    whole = np.ascontiguousarray(np.column_stack([x, y]) + 0.0)  # + 0 makes -0 and 0 the same bytes
    return np.argsort(whole.view(np.dtype((np.void, whole.itemsize * whole.shape[1]))).ravel(), kind="stable")


@dataclass(frozen=True)
class Scaling:
    """Mean and spread of each column; a constant column keeps its size."""

    mean: Array
    spread: Array

    @classmethod
    def of(cls, x: Array) -> Scaling:
        """That of these rows."""
        spread = x.std(axis=0)
        least = 10 * np.finfo(np.float64).eps * np.abs(x).max(axis=0, initial=0.0)
        return cls(x.mean(axis=0), np.where(spread > least, spread, 1.0))

    @classmethod
    def none(cls, columns: int) -> Scaling:
        """One that leaves everything as it is."""
        return cls(np.zeros(columns), np.ones(columns))

    def applied(self, x: Array) -> Array:
        """Rows of mean 0 and spread 1."""
        return (x - self.mean) / self.spread

    def undone(self, x: Array) -> Array:
        """The rows as they were."""
        return x * self.spread + self.mean
