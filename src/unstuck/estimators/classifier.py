"""A dense network that tells classes apart, as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from unstuck.estimators.dense import TYPES, Dense
from unstuck.estimators.rows import Scaling
from unstuck.facts import Array


class DenseClassifier(ClassifierMixin, Dense):  # type: ignore[misc]
    """A dense network with softmax and cross-entropy, trained by unstuck's engine.

    Inputs are scaled to mean 0 and standard deviation 1, weights are drawn by He's or Glorot's rule, and there are
    biases: the choices without which networks get stuck.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(64,)
        Units of each hidden layer.
    activation : {"relu", "leaky-relu", "tanh", "sigmoid", "linear"}, default="relu"
        Of the hidden layers.
    bias : bool, default=True
    dropout : float, default=0.0
        Probability that a hidden unit is dropped in a step; survivors are scaled up.
    optimiser : {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"}, default="adam"
    learning_rate : float, default=0.003
    momentum : float, default=0.9
        Share of the last step that comes again; of adam, of the mean gradient.
    weight_decay : float, default=1e-4
        As a penalty in the loss; of optimisers that divide by past gradients, decoupled.
    batch_size : int, default=32
    max_epochs : int, default=200
    early_stopping : bool, default=False
        Set rows aside, stop when their score no longer gets better, and go back to the best epoch.
    validation_fraction : float, default=0.1
        Of the rows that are set aside.
    n_epochs_no_change : int, default=10
        Epochs without a gain of `tol`, in the loss or the score of the rows set aside, after which it stops.
    tol : float, default=1e-4
    warm_start : bool, default=False
        Go on from the last fit.
    random_state : int, RandomState or None, default=None
        Of the initial weights, the order of the rows, what drops out and what is set aside.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
    coefs_, intercepts_ : lists of arrays
        Weights (inputs, outputs) and biases of each layer, for scaled inputs.
    loss_curve_ : list of float
        Cross-entropy of the training rows (at most 10,000 of them) after each epoch.
    validation_scores_ : list of float
        Accuracy on the rows set aside after each epoch; empty without early stopping.
    n_iter_ : int
        Epochs of the last fit.
    n_features_in_, feature_names_in_
        Of the training rows.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (n, d) with labels y (n,); a weight says how often a row counts."""
        anew = not (self.warm_start and hasattr(self, "_state"))
        X, y = validate_data(self, X, y, reset=anew, **TYPES)
        return self._fitted(X, y, sample_weight, None, self.max_epochs, anew=anew)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows; the first call must name all classes, or see them all."""
        anew = not hasattr(self, "_state")
        X, y = validate_data(self, X, y, reset=anew, **TYPES)
        return self._fitted(X, y, sample_weight, classes, 1, anew=anew)

    def _fitted(self, x: Array, y: Any, sample_weight: Any, classes: Any, epochs: int, *, anew: bool) -> Self:
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        known = unique_labels(y) if classes is None else unique_labels(classes)
        if anew:
            self.classes_ = known
        places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        if np.any(self.classes_[places] != y):
            new = np.unique(y[self.classes_[places] != y])
            raise ValueError(f"y holds classes that the first call did not name: {new.tolist()}")
        return self._fit(x, np.eye(len(self.classes_))[places], sample_weight, epochs, anew=anew)

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, (n, n_classes)."""
        return self._predicted(X)

    def predict(self, X: Any) -> Array:
        """The most probable class of each row, (n,)."""
        chosen = self._predicted(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def _output(self) -> tuple[str, str]:
        return "softmax", "cross-entropy"

    def _scaled(self, targets: Array) -> Scaling:
        return Scaling.none(targets.shape[1])

    def _score_of(self, shown: Array, targets: Array) -> float:
        return float(np.mean(shown.argmax(axis=1) == targets.argmax(axis=1)))
