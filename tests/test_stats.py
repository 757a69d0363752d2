"""Claims about intervals and effects, against scipy and against their definitions."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as oracle

from unstuck import stats

VALUES = st.lists(st.floats(-1, 1).map(lambda v: round(v, 4)), min_size=3, max_size=20)


@given(VALUES)
def test_mean_interval_is_students(values: list[float]) -> None:
    """The interval of a mean is scipy's t interval."""
    estimate = stats.mean_interval(values)
    low, high = oracle.t.interval(
        0.95, len(values) - 1, np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5 or 1e-300
    )
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-9)
    assert estimate.n == len(values)


def test_one_value_says_nothing_about_its_spread() -> None:
    """A single value has an unbounded interval, and no value is an error."""
    assert stats.mean_interval([0.5]).high == float("inf")
    with pytest.raises(ValueError, match="no value"):
        stats.mean_interval([])


@given(st.integers(1, 500), st.data())
def test_proportion_interval_is_wilsons(n: int, data: st.DataObject) -> None:
    """The interval of a proportion is the one that scipy calls wilson."""
    hits = data.draw(st.integers(0, n))
    expected = oracle.binomtest(hits, n).proportion_ci(method="wilson")
    estimate = stats.proportion_interval(hits / n, n)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(VALUES.filter(lambda values: len(set(values)) > 1))
def test_paired_effect_is_the_paired_t_test(values: list[float]) -> None:
    """Points are 100 times the mean difference, and p is that of scipy's paired t test."""
    before = np.linspace(0.1, 0.9, len(values))
    effect = stats.paired_effect("bias", list(before), list(before + values))
    expected = oracle.ttest_rel(before + values, before)
    assert effect.points == pytest.approx(100 * np.mean(values), abs=1e-9)
    assert effect.p == pytest.approx(expected.pvalue, abs=1e-6)
    assert effect.d == pytest.approx(expected.statistic / len(values) ** 0.5, rel=1e-6, abs=1e-9)


def test_effects_without_spread_are_certain() -> None:
    """Equal differences have p 0 when they are not zero, and p 1 when they are."""
    assert stats.effect("a", [0.25, 0.25, 0.25]).p == 0
    assert stats.effect("a", [0.0, 0.0, 0.0]).p == 1
    assert not stats.telling(stats.effect("a", [0.0, 0.0, 0.0]))


def test_prediction_interval_covers_one_more_value() -> None:
    """The prediction interval holds the next draw of a normal sample in 95 of 100 cases."""
    draws = np.random.default_rng(0).normal(size=(4000, 6))
    hits = 0
    for *seen, new in draws:
        low, high = stats.prediction_interval(seen)
        hits += low <= new <= high
    assert hits / len(draws) == pytest.approx(0.95, abs=0.012)


def test_shapley_is_the_mean_over_all_orders() -> None:
    """Shapley values equal the gains averaged over every order of switching on, seed by seed."""
    factors = ("a", "b", "c")
    random = np.random.default_rng(1)
    table = {
        frozenset(f for f, on in zip(factors, bits, strict=True) if on): random.random(5)
        for bits in np.ndindex(2, 2, 2)
    }
    expected = {factor: np.zeros(5) for factor in factors}
    for order in permutations(factors):
        on: frozenset[str] = frozenset()
        for factor in order:
            expected[factor] += (table[on | {factor}] - table[on]) / 6
            on |= {factor}
    shares = stats.shapley(factors, table.__getitem__)
    for factor in factors:
        assert shares[factor] == pytest.approx(expected[factor])
    assert sum(shares.values()) == pytest.approx(table[frozenset(factors)] - table[frozenset()])


def test_holm_steps_down() -> None:
    """Holm's adjusted p values are those of the textbook example and never fall below a smaller one."""
    adjusted = stats.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
