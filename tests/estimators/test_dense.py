"""The estimators keep scikit-learn's rules, go on where they stopped, and learn what others learn."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

import unstuck
from unstuck import DenseClassifier, DenseRegressor
from unstuck.engine import binding


@parametrize_with_checks([DenseClassifier(), DenseRegressor()])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    """Every check that scikit-learn has for estimators of this kind passes."""
    check(estimator)


@pytest.fixture(scope="module")
def classes() -> tuple[np.ndarray, ...]:
    """Rows of three classes on different scales, some to train on and some to test."""
    x, y = make_classification(
        400, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, class_sep=1.5, random_state=0
    )
    return tuple(train_test_split(x * [1, 10, 100, 1, 1, 0.01] + 50, y, random_state=0))


def test_a_fit_in_pieces_is_the_same_fit(classes: tuple[np.ndarray, ...]) -> None:
    """Two epochs and then two more, with the optimiser's memory in a pickle between them, are four epochs."""
    x, _, y, _ = classes
    whole = DenseClassifier(max_epochs=4, dropout=0.2, random_state=1).fit(x, y)
    first = DenseClassifier(max_epochs=2, dropout=0.2, random_state=1, warm_start=True).fit(x, y)
    pieces = pickle.loads(pickle.dumps(first)).fit(x, y)
    assert whole.loss_curve_ == pieces.loss_curve_
    np.testing.assert_array_equal(whole.predict_proba(x), pieces.predict_proba(x))


def test_partial_fits_are_epochs_and_know_their_classes(classes: tuple[np.ndarray, ...]) -> None:
    """Batches that lack a class are no problem if the first call names it; an unknown one is."""
    x, _, y, _ = classes
    net = DenseClassifier(random_state=0)
    net.partial_fit(x[y < 2], y[y < 2], classes=[0, 1, 2])
    for _ in range(20):
        net.partial_fit(x, y)
    assert len(net.loss_curve_) == 21
    assert net.loss_curve_[-1] < net.loss_curve_[0]
    with pytest.raises(ValueError, match=r"did not name: \[7\]"):
        net.partial_fit(x, np.full(len(x), 7))


def test_it_learns_where_a_linear_model_cannot(classes: tuple[np.ndarray, ...]) -> None:
    """Badly scaled inputs are scaled, and the score is at least that of logistic regression."""
    x, x_test, y, y_test = classes
    net = DenseClassifier(random_state=0).fit(x, y)
    assert (
        net.score(x_test, y_test) >= LogisticRegression(max_iter=5000).fit(x, y).score(x_test, y_test) - 0.02
    )
    digits, labels = load_digits(return_X_y=True)
    a, b, c, d = train_test_split(digits, labels, random_state=0)
    assert DenseClassifier(random_state=0, max_epochs=30).fit(a, c).score(b, d) > 0.96


def test_a_regression_predicts_in_the_units_of_its_targets() -> None:
    """Targets in thousands, one or several, come back in thousands."""
    x, y = make_regression(300, 5, n_targets=2, noise=1.0, random_state=0)
    y = 1000 * y + 1e6
    net = DenseRegressor(random_state=0).fit(x[:200], y[:200])
    assert net.score(x[200:], y[200:]) > 0.95
    single = DenseRegressor(random_state=0, optimiser="momentum", learning_rate=0.01).fit(x[:200], y[:200, 0])
    assert single.predict(x[200:]).shape == (100,)
    linear = LinearRegression().fit(x[:200], y[:200, 0])
    assert single.score(x[200:], y[200:, 0]) > linear.score(x[200:], y[200:, 0]) - 0.05


def test_early_stopping_goes_back_to_its_best_epoch(classes: tuple[np.ndarray, ...]) -> None:
    """Rows are set aside, training ends early, and the weights are those of the best score on them."""
    x, _, y, _ = classes
    net = DenseClassifier(early_stopping=True, n_epochs_no_change=3, tol=0.0, random_state=0).fit(x, y)
    assert len(net.validation_scores_) == len(net.loss_curve_) == net.n_iter_ < 200
    assert max(net.validation_scores_[-3:]) <= max(net.validation_scores_)


def test_names_of_columns_are_kept_and_checked(classes: tuple[np.ndarray, ...]) -> None:
    """A DataFrame's names are remembered; other names at prediction are an error."""
    x, _, y, _ = classes
    frame = pd.DataFrame(x, columns=list("abcdef"))
    net = DenseClassifier(max_epochs=2).fit(frame, y)
    assert list(net.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names"):
        net.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize("optimiser", ["sgd", "nesterov", "adagrad", "rmsprop", "adam"])
def test_both_engines_train_the_same_network(
    optimiser: str, classes: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same draws, the NumPy engine ends where the native one does, up to rounding."""
    if not binding.backends():
        pytest.skip("the native engine was not built: no C++ compiler")
    x, x_test, y, _ = classes
    shown = []
    for engine in ("numpy", "native"):
        monkeypatch.setenv("UNSTUCK_ENGINE", engine)
        net = DenseClassifier((5, 4), "tanh", optimiser=optimiser, max_epochs=3, dropout=0.1, random_state=0)
        shown.append(net.fit(x, y).predict_proba(x_test))
    np.testing.assert_allclose(shown[0], shown[1], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "swish"}, "activation 'swish' is not one of"),
        ({"optimiser": "lbfgs"}, "optimiser 'lbfgs' is not one of"),
        ({"hidden_layer_sizes": (0,)}, "are not a network"),
        ({"batch_size": 0}, "batch size 0 is not positive"),
    ],
)
def test_what_cannot_be_trained_is_said(
    change: dict[str, Any], message: str, classes: tuple[np.ndarray, ...]
) -> None:
    """A parameter out of reach ends with the reason in words."""
    with pytest.raises(ValueError, match=message):
        DenseClassifier(**change).fit(classes[0], classes[2])


def test_weights_that_count_nothing_are_refused(classes: tuple[np.ndarray, ...]) -> None:
    """Negative weights and none at all have no meaning as counts."""
    x, _, y, _ = classes
    for weights, message in (
        (np.zeros(len(x)), "at least one non-zero"),
        (np.full(len(x), -1.0), "Negative"),
    ):
        with pytest.raises(ValueError, match=message):
            DenseClassifier().fit(x, y, sample_weight=weights)


def test_the_names_are_there_without_an_import_of_scikit_learn_at_start() -> None:
    """They are loaded when they are first used."""
    assert {"DenseClassifier", "DenseRegressor"} <= set(dir(unstuck))
