"""Claims about the ceiling: a strong model, chosen without the test rows, with its sampling error."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score

from unstuck import stats
from unstuck.experiment import ceiling
from unstuck.facts import Data


def _rings(noise: float) -> tuple[Data, float]:
    """Inside or outside of a circle, with a share of labels drawn anew; and the true rule's test accuracy."""
    random = np.random.default_rng(0)
    x = random.normal(size=(1200, 2))
    clean = ((x**2).sum(axis=1) > 1.4).astype(int)
    y = np.where(random.random(1200) < noise, random.integers(2, size=1200), clean)
    return Data(x[:600], y[:600], x[600:], y[600:], 2), float(np.mean(y[600:] == clean[600:]))


def test_the_ceiling_is_what_label_noise_leaves() -> None:
    """With a fifth of the labels drawn anew the ceiling is a little below the true rule's accuracy."""
    data, limit = _rings(noise=0.2)
    found = ceiling(data)
    assert limit - 0.05 < found.estimate < limit + 0.01
    assert dict(found.models)["linear model"] < 0.65
    expected = stats.proportion_interval(found.estimate, 600)
    assert (found.low, found.high, found.rows) == (expected.low, expected.high, 600)


def test_the_choice_does_not_look_at_the_test_rows() -> None:
    """Other test labels change the figures, not the chosen model; one-hot rows are labels as well."""
    data, _ = _rings(noise=0.0)
    other = replace(data, y_train=np.eye(2)[data.y_train], y_test=1 - data.y_test)
    first, second = ceiling(data), ceiling(other)
    assert first.model == second.model
    assert second.estimate == pytest.approx(1 - first.estimate)


def test_regressions_get_an_r2() -> None:
    """On a linear function with noise the interval holds the R2 of the noiseless function."""
    random = np.random.default_rng(1)
    x = random.normal(size=(900, 3))
    signal = x @ np.array([1.0, 2.0, -1.0])
    y = signal + signal.std() / 3 * random.normal(size=900)
    found = ceiling(Data(x[:600], y[:600, None], x[600:], y[600:, None], 0))
    assert found.low < r2_score(y[600:], signal[600:]) < found.high
    assert dict(found.models)["linear model"] > dict(found.models)["random forest"]


def test_several_targets_are_one_regression() -> None:
    """With two targets every model is scored over both."""
    random = np.random.default_rng(2)
    x = random.normal(size=(300, 3))
    y = x @ random.normal(size=(3, 2))
    found = ceiling(Data(x[:200], y[:200], x[200:], y[200:], 0))
    assert found.estimate > 0.99
