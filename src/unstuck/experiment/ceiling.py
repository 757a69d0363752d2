"""How far the data go: the best of several strong models on the same split.

The model is chosen by its score on training rows that it has not seen; the chosen one is fitted to all
training rows and reported on the test rows, with the sampling error of the test set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from unstuck import stats
from unstuck.engine import outputs_to_score
from unstuck.engine.reference import labels
from unstuck.experiment.budget import hold_out
from unstuck.facts import Array, Ceiling, Data

MOST_NUMBERS = 2_000_000  # rows times features up to which the models see every training row
PAIRED_ROWS = 10_000  # rows up to which every pair of them may be compared
WIDE = 100  # features from which boosting and dense nets make fewer passes


def ceiling(data: Data, *, seed: int = 0, jobs: int = 1) -> Ceiling:
    """Estimate the accuracy (R2 for a regression) that the data allow.

    Compares a linear model, a random forest, gradient boosting, support vectors and dense nets that stop
    early by rows of their own.  `models` holds every model's test score after training
    on four fifths of the training rows; the one with the best score on the last fifth is fitted again to all
    of them and is the ceiling, with Wilson's interval over the test rows (for R2: the bootstrap over the test
    rows).  Long data are thinned to what the models learn in seconds.
    """
    from joblib import Parallel, delayed

    data = _thinned(data, seed)
    part = hold_out(data)
    models = _models(data, seed)
    both = np.concatenate([part.x_test, data.x_test])
    fit = delayed(_fit_and_predict)
    shown = Parallel(n_jobs=jobs, batch_size=1)(
        fit(model, part.x_train, part.y_train, both) for model in models.values()
    )
    rows = len(part.x_test)
    by_choice = [_score(predicted[:rows], part.y_test, data.classes) for predicted in shown]
    on_test = [_score(predicted[rows:], data.y_test, data.classes) for predicted in shown]
    best = list(models)[int(np.argmax(by_choice))]
    predicted = _fit_and_predict(models[best], data.x_train, data.y_train, data.x_test)
    score = _score(predicted, data.y_test, data.classes)
    low, high = _interval(predicted, data, score, seed)
    return Ceiling(score, low, high, best, tuple(zip(models, on_test, strict=True)), len(data.y_test))


def _thinned(data: Data, seed: int) -> Data:
    """At most so many training rows that the models take seconds; integer labels and flat targets."""
    x, y = data.x_train, data.y_train
    most = max(1_000, MOST_NUMBERS // x.shape[1])
    if len(x) > most:
        keep = np.sort(np.random.default_rng(seed).permutation(len(x))[:most])
        x, y = x[keep], y[keep]
    y_test = data.y_test
    if data.classes:
        y, y_test = labels(y), labels(y_test)
    elif y.ndim == 2 and y.shape[1] == 1:
        y = y.reshape(-1)
    return replace(data, x_train=x, y_train=y, y_test=y_test)


def _models(data: Data, seed: int) -> dict[str, Any]:
    """The scikit-learn models by name, the slow ones first so that parallel workers end together."""
    from sklearn import ensemble, linear_model, svm
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, features = data.x_train.shape
    wide = features >= WIDE
    trees = {"n_estimators": 100, "random_state": seed}
    boosting = {"max_iter": 30 if wide else 100, "random_state": seed}
    net = {
        "early_stopping": True,
        "batch_size": int(np.clip(rows // 40, 8, 200)),
        "learning_rate_init": 0.003,
        "max_iter": 40 if wide else 100,
        "random_state": seed,
    }
    several = data.classes == 0 and data.y_train.ndim == 2
    if data.classes:
        dense, forest = MLPClassifier, ensemble.RandomForestClassifier(**trees)
        linear, vectors = linear_model.LogisticRegression(max_iter=200), svm.SVC()
        boosted = ensemble.HistGradientBoostingClassifier(**boosting)
    else:
        dense, forest = MLPRegressor, ensemble.RandomForestRegressor(**trees)
        linear, vectors = linear_model.RidgeCV(), svm.SVR()
        boosted = ensemble.HistGradientBoostingRegressor(**boosting)
    models = {"random forest": forest}
    for size in ((64, 64), (100,), (32,)):
        name = f"dense net {'-'.join(map(str, size))}"
        models[name] = make_pipeline(StandardScaler(), dense(hidden_layer_sizes=size, **net))
    models["gradient boosting"] = MultiOutputRegressor(boosted) if several else boosted
    if rows <= PAIRED_ROWS and not several:
        models["support vectors"] = make_pipeline(StandardScaler(), vectors)
    models["linear model"] = make_pipeline(StandardScaler(), linear)
    return models


def _fit_and_predict(model: Any, x: Array, y: Array, x_new: Array) -> Array:
    """Predictions for new rows by a model fitted to (x, y), on one thread."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), catch_warnings():
        simplefilter("ignore")  # "not converged": an early stop is what was asked for
        return np.asarray(model.fit(x, y).predict(x_new))


def _score(predicted: Array, y: Array, classes: int) -> float:
    if classes:
        return float(np.mean(predicted == y))
    return outputs_to_score(predicted.reshape(len(y), -1), y, 0)


def _interval(predicted: Array, data: Data, score: float, seed: int) -> tuple[float, float]:
    """Sampling error of the test rows: Wilson's interval, or the bootstrap's 95 % for R2."""
    rows = len(data.y_test)
    if data.classes:
        estimate = stats.proportion_interval(score, rows)
        return estimate.low, estimate.high
    random = np.random.default_rng(seed)
    draws = [random.integers(rows, size=rows) for _ in range(500)]
    low, high = np.percentile([_score(predicted[d], data.y_test[d], 0) for d in draws], [2.5, 97.5])
    return float(low), float(high)
