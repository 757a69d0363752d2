"""Dense networks as scikit-learn estimators, with defaults that do not get stuck."""

from unstuck.estimators.classifier import DenseClassifier
from unstuck.estimators.regressor import DenseRegressor

__all__ = ["DenseClassifier", "DenseRegressor"]
