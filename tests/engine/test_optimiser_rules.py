"""The optimisers' rules take the steps of scikit-learn's own, where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from unstuck.engine.optimisers import Optimiser

RATE = 0.03


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (("momentum", 0.8, 0.0, 0.0), lambda p: SGDOptimizer(p, RATE, momentum=0.8, nesterov=False)),
        (("nesterov", 0.8, 0.0, 0.0), lambda p: SGDOptimizer(p, RATE, momentum=0.8, nesterov=True)),
        (("adam", 0.8, 0.95, 1e-8), lambda p: AdamOptimizer(p, RATE, beta_1=0.8, beta_2=0.95, epsilon=1e-8)),
    ],
    ids=["momentum", "nesterov", "adam"],
)
def test_steps_are_those_of_scikit_learn(mine: tuple, other: object) -> None:
    """After some random gradients both have moved two arrays to the same place."""
    random = np.random.default_rng(0)
    start = [random.normal(size=shape) for shape in ((3, 2), (2,))]
    theirs, ours = [each.copy() for each in start], [each.copy() for each in start]
    their, our = other(theirs), Optimiser(*mine)
    our.remember(ours)
    for _ in range(6):
        gradients = [random.normal(size=each.shape) for each in start]
        their.update_params(theirs, gradients)
        our.begin()
        for number, gradient in enumerate(gradients):
            ours[number] -= our.step(number, gradient, RATE)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            found, expected, rtol=1e-6
        )  # theirs adds its epsilon before the correction
