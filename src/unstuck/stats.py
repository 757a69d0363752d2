"""Intervals and effects: the only place where unstuck turns repeated measurements into statements.

All intervals are 95 %.  Accuracies are fractions; effects are points (hundredths), paired over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import factorial, isfinite, sqrt

import numpy as np

from unstuck.facts import Array, Effect, Estimate

_Z = 1.959963984540054  # 97.5 % point of the normal distribution


def _t_point(degrees: int) -> float:
    """97.5 % point of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))


def mean_interval(values: Sequence[float]) -> Estimate:
    """Mean of independent values with its t interval; a single value has an unbounded one.

    Raises ValueError when there is no value.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no value to average")
    mean = float(np.mean(values))
    if n == 1:
        return Estimate(mean, float("-inf"), float("inf"), 1)
    half = _t_point(n - 1) * float(np.std(values, ddof=1)) / sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def prediction_interval(values: Sequence[float], variance: float = 0.0) -> tuple[float, float]:
    """Where one more value of the same kind lies with 95 %: mean -+ t * sd * sqrt(1 + 1/n).

    `variance` is added to that of the new value: an error that it has on top of theirs.
    Raises ValueError for fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError("a prediction needs at least two values")
    spread = float(np.var(values, ddof=1)) * (1 + 1 / n) + variance
    half = _t_point(n - 1) * sqrt(spread)
    mean = float(np.mean(values))
    return mean - half, mean + half


def proportion_interval(proportion: float, n: int) -> Estimate:
    """A proportion seen in n independent rows with Wilson's score interval (E. B. Wilson, 1927)."""
    if n < 1:
        raise ValueError("no row to judge by")
    centre = (proportion + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(proportion * (1 - proportion) / n + _Z**2 / (4 * n**2))
    return Estimate(proportion, min(proportion, centre - half), max(proportion, centre + half), n)


def effect(factor: str, differences: Sequence[float]) -> Effect:
    """What a change is worth, from its paired differences in accuracy, one per seed.

    Points are 100 times the mean difference with a t interval; p is that of the paired t test and d is
    Cohen's (mean over sd of the differences).  Differences without any spread have p 0 (1 if all are 0) and
    an infinite d (0 if all are 0).  With a single seed nothing can be said: p is 1, the interval unbounded.
    """
    from scipy.special import stdtr

    points = 100 * np.asarray(differences, float)
    n = len(points)
    estimate = mean_interval(list(points))
    mean, sd = estimate.mean, float(np.std(points, ddof=1)) if n > 1 else 0.0
    if n == 1:
        p, d = 1.0, 0.0
    elif sd <= 1e-12 * abs(mean) or sd == 0:
        p, d = (1.0, 0.0) if mean == 0 else (0.0, float(np.copysign(np.inf, mean)))
    else:
        p, d = 2 * float(stdtr(n - 1, -abs(mean) / sd * sqrt(n))), mean / sd
    return Effect(factor, mean, estimate.low, estimate.high, n, p, d)


def paired_effect(factor: str, before: Sequence[float], after: Sequence[float]) -> Effect:
    """The effect of a change, from the accuracies of the same seeds before and after it."""
    return effect(factor, [b - a for a, b in zip(before, after, strict=True)])


def shapley(factors: Sequence[str], value: Callable[[frozenset[str]], Array]) -> dict[str, Array]:
    """Exact Shapley values (L. S. Shapley, 1953): each factor's mean gain over all orders of switching on.

    `value` gives, for every subset of the factors, an array with one value per seed; so do the results,
    which sum to value(all) - value(none) for every seed.
    """
    n = len(factors)
    worth = {
        frozenset(subset): np.asarray(value(frozenset(subset)), float)
        for size in range(n + 1)
        for subset in combinations(factors, size)
    }
    shares: dict[str, Array] = {}
    for factor in factors:
        share = np.zeros_like(worth[frozenset()])
        for subset, before in worth.items():
            if factor not in subset:
                weight = factorial(len(subset)) * factorial(n - len(subset) - 1) / factorial(n)
                share = share + weight * (worth[subset | {factor}] - before)
        shares[factor] = share
    return shares


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p values adjusted for the number of tests, stepping down from the smallest (S. Holm, 1979)."""
    adjusted, worst = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = worst
    return {name: adjusted[name] for name in p_values}


def telling(effect: Effect) -> bool:
    """Whether an effect may be called a cause: p below 0.05 and at least half a standard deviation."""
    return effect.p < 0.05 and abs(effect.d) >= 0.5 and isfinite(effect.points)
