"""Functions of single numbers, applied element by element, are differentiated numerically."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from taping import Tape

from unstuck.autodiff.reverse import backward


def gradient(function: Any, *values: Any, ties: float | None = None) -> list[Any]:
    """The cotangents of the operands for a cotangent of ones."""
    tape = Tape()
    leaves = [tape.leaf(np.asarray(value, dtype=float)) for value in values]
    node = tape.call("vectorize", *leaves, fn=np.vectorize(function))
    return backward([(node, np.ones(np.shape(node.value)))], leaves, ties=ties)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda z: 1 / (1 + math.exp(-z)), lambda z: 1 / (2 + 2 * np.cosh(z))),
        (math.tanh, lambda z: 1 / np.cosh(z) ** 2),
        (lambda z: z if z > 0 else 0.01 * z, lambda z: np.where(z > 0, 1, 0.01)),
        (lambda z: z * z if z < 1 else 2 * z - 1.0, lambda z: np.where(z < 1, 2 * z, 2)),
    ],
)
def test_smooth_and_piecewise_functions(function: Any, slope: Any) -> None:
    """Far from kinks the derivative has nine right digits."""
    z = np.array([[-3.1, -0.2, 0.3], [0.7, 4.0, 30.0]])
    (found,) = gradient(function, z)
    np.testing.assert_allclose(found, slope(z), rtol=1e-8, atol=1e-9)


def test_operands_are_broadcast() -> None:
    """A number that is combined with every element gets the sum of the slopes."""
    x, y = np.array([1.0, 2.0, -1.0]), np.array(3.0)
    by_x, by_y = gradient(lambda a, b: a * a * b, x, y)
    np.testing.assert_allclose(by_x, 2 * x * y, rtol=1e-8)
    assert by_y == pytest.approx((x * x).sum(), rel=1e-8)


@pytest.mark.parametrize(("ties", "slope"), [(None, 0.0), (0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_kink_has_the_chosen_slope(ties: float | None, slope: float) -> None:
    """At exactly zero the derivative of max(0, z) is what `ties` says, 0 by default."""
    (found,) = gradient(lambda z: max(0.0, z), [1.0, 0.0, -1.0], ties=ties)
    np.testing.assert_allclose(found, [1.0, slope, 0.0], atol=1e-9)


def test_random_functions_are_unknown() -> None:
    """A function that gives another value the second time has no derivative here."""
    assert gradient(lambda z: z * random.random(), [1.0, 2.0]) == [None]


def test_results_that_were_cut_off_pass_nothing() -> None:
    """np.vectorize takes the type of its first result: after an integer, fractions are lost."""
    (found,) = gradient(lambda z: z if z > 0 else 0, [-1.0, 2.5])
    np.testing.assert_array_equal(found, [0.0, 0.0])
