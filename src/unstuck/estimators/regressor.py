"""A dense network that predicts numbers, as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import validate_data

from unstuck.estimators.dense import TYPES, Dense
from unstuck.estimators.rows import Scaling
from unstuck.facts import Array


class DenseRegressor(RegressorMixin, Dense):  # type: ignore[misc]
    """A dense network with linear outputs and the squared error, trained by unstuck's engine.

    Inputs and targets are scaled to mean 0 and standard deviation 1, weights are drawn by He's or Glorot's rule, and
    there are biases: the choices without which networks get stuck.

    Parameters are those of `DenseClassifier`.

    Attributes
    ----------
    coefs_, intercepts_ : lists of arrays
        Weights (inputs, outputs) and biases of each layer, for scaled inputs and targets.
    loss_curve_ : list of float
        Half the squared error of the scaled targets after each epoch.
    validation_scores_ : list of float
        R2 on the rows set aside after each epoch; empty without early stopping.
    n_iter_ : int
        Epochs of the last fit.
    n_features_in_, feature_names_in_
        Of the training rows.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (n, d) with targets y (n,) or (n, k); a weight says how often a row counts."""
        anew = not (self.warm_start and hasattr(self, "_state"))
        return self._fitted(X, y, sample_weight, self.max_epochs, anew=anew)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows; inputs and targets stay scaled as in the first call."""
        return self._fitted(X, y, sample_weight, 1, anew=not hasattr(self, "_state"))

    def _fitted(self, x: Any, y: Any, sample_weight: Any, epochs: int, *, anew: bool) -> Self:
        x, y = validate_data(self, x, y, reset=anew, multi_output=True, y_numeric=True, **TYPES)
        targets = np.asarray(y, np.float64).reshape(len(y), -1)
        if anew:
            self._single_target = np.ndim(y) == 1
        return self._fit(x, targets, sample_weight, epochs, anew=anew)

    def predict(self, X: Any) -> Array:
        """Targets of each row, shaped as those of the training."""
        shown = self._predicted(X)
        shown = self._target_scaling.undone(shown)
        return shown.ravel() if self._single_target else shown

    def _output(self) -> tuple[str, str]:
        return "linear", "squared"

    def _scaled(self, targets: Array) -> Scaling:
        return Scaling.of(targets)

    def _score_of(self, shown: Array, targets: Array) -> float:
        return float(r2_score(targets, shown))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
