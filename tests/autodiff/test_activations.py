"""Recognising activations, softmax and dropout masks from values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unstuck.autodiff.activations import ACTIVATIONS, elu, is_dropout_mask, is_softmax, leaky_relu, match

# As programs write them, with SciPy or by hand; none of these is the table's own text.
WRITTEN: dict[str, Any] = {
    "linear": lambda z: z + 0,
    "relu": lambda z: (z >= 0) * z,
    "leaky-relu": lambda z: np.maximum(z, 0.01 * z),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "gelu": lambda z: 0.5 * z * (1 + scipy.special.erf(z / np.sqrt(2))),
    "silu": lambda z: z / (1 + np.exp(-z)),
}
EVERY = [*ACTIVATIONS.values(), leaky_relu(0.01), leaky_relu(0.2), elu(1.0), elu(0.5)]

both_signs = hnp.arrays(np.float64, (4, 3), elements=st.floats(-6, 6)).map(
    lambda z: np.concatenate([z, [[-1.5, 0.0, 2.0], [0.3, -0.2, -4.0]]])
)


@pytest.mark.parametrize("name", WRITTEN)
@given(z=both_signs)
def test_hand_written_activations_are_recognised(name: str, z: Any) -> None:
    """Each function, written as programs write it, is recognised from values of both signs."""
    found = match(z, WRITTEN[name](z))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", WRITTEN)
def test_single_precision_is_recognised(name: str) -> None:
    """float32 values are compared to single precision."""
    z = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    found = match(z, WRITTEN[name](z).astype(np.float32))
    assert found is not None
    assert found.name == name


@given(st.floats(0.001, 0.9))
def test_slope_of_leaky_relu_is_estimated(slope: float) -> None:
    """The slope of a leaky ReLU is found from its values."""
    z = np.linspace(-3, 3, 12)
    found = match(z, np.where(z > 0, z, slope * z))
    assert found is not None
    assert found.name == "leaky-relu"
    assert found.parameter == pytest.approx(slope)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.7])
def test_alpha_of_elu_is_estimated(alpha: float) -> None:
    """The α of an ELU is found from its values."""
    z = np.linspace(-3, 3, 12)
    found = match(z, np.where(z > 0, z, alpha * (np.exp(z) - 1)))
    assert found is not None
    assert found.name == "elu"
    assert found.parameter == pytest.approx(alpha)


@pytest.mark.parametrize(
    "z",
    [np.array([0.5, 2.0]), np.array([0.0]), np.array([1e-12, -1e-12]), np.array([-1.0, -2.0]), np.array([])],
)
def test_ambiguous_values_give_none(z: Any) -> None:
    """ReLU of values of one sign, or next to zero, cannot be told from other functions."""
    assert match(z, np.maximum(z, 0)) is None


def test_other_functions_give_none() -> None:
    """A function outside the table, a scaled one and a shape mismatch are not recognised."""
    z = np.linspace(-3, 3, 12)
    for h in (np.sin(z), 2 * np.tanh(z), np.maximum(z, 0) + 1e-6, np.abs(z), z[:-1], z > 0):
        assert match(z, h) is None


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.name}-{one.parameter}")
@given(z=st.floats(-8, 8).filter(lambda z: abs(z) > 1e-3))
def test_derivatives_agree_with_finite_differences(one: Any, z: float) -> None:
    """f' equals the central difference of f away from kinks."""
    x = np.array([z])
    expected = (one.function(x + 1e-6) - one.function(x - 1e-6)) / 2e-6
    assert one.derivative(x) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    "one", [one for one in EVERY if one.from_output], ids=lambda one: f"{one.name}-{one.parameter}"
)
@given(z=hnp.arrays(np.float64, 5, elements=st.floats(-8, 8)))
def test_derivative_from_the_output_is_the_derivative(one: Any, z: Any) -> None:
    """f' computed from h = f(z) equals f' computed from z, the kink included."""
    assert one.from_output(one.function(z)) == pytest.approx(one.derivative(z), abs=1e-9)


def test_saturated_activations_do_not_overflow() -> None:
    """At |z| = 1000 every function and derivative is finite and no warning is raised."""
    z = np.array([-1000.0, 1000.0])
    with np.errstate(all="raise", under="ignore"):
        for one in EVERY:
            assert np.isfinite(one.function(z)).all()
            assert np.isfinite(one.derivative(z)).all()


@given(hnp.arrays(np.float64, (3, 4), elements=st.floats(-20, 20)))
def test_softmax_is_recognised_along_its_axis(z: Any) -> None:
    """The usual max-shifted softmax is recognised along the axis it was taken."""
    for axis in (0, 1, None):
        e = np.exp(z - z.max(axis=axis, keepdims=True))
        assert is_softmax(z, e / e.sum(axis=axis, keepdims=True), axis)


def test_softmax_along_another_axis_is_refused() -> None:
    """A softmax over the batch is not one over the classes; neither is a sigmoid, nor a single class."""
    z = np.random.default_rng(0).normal(size=(3, 4))
    assert not is_softmax(z, scipy.special.softmax(z, axis=0), 1)
    assert not is_softmax(z, scipy.special.expit(z), 1)
    assert not is_softmax(z[:, :1], np.ones((3, 1)), 1)
    assert not is_softmax(z, z[0], 1)


@given(st.integers(2, 40), st.floats(0.1, 10), st.data())
def test_dropout_masks_show_share_and_scale(size: int, scale: float, data: Any) -> None:
    """A two-valued mask with zero is recognised with its measured share of kept units and its scale."""
    kept = data.draw(st.integers(1, size - 1))
    mask = np.array([scale] * kept + [0.0] * (size - kept))
    found = is_dropout_mask(data.draw(st.permutations(list(mask))))
    assert found is not None
    assert (found.keep, found.scale) == (kept / size, scale)


@pytest.mark.parametrize("mask", [[1, 1], [0, 0], [0, 1, 2], [0, -1], [0, float("nan")], [1, 2], [], ["a"]])
def test_other_arrays_are_no_dropout_masks(mask: list[Any]) -> None:
    """All kept, all dropped, three values, negative values and text are no dropout masks."""
    assert is_dropout_mask(mask) is None


def test_boolean_and_integer_masks_count() -> None:
    """randint(2, size) and a comparison are masks of scale 1."""
    for mask in (np.array([0, 1, 1, 1]), np.array([False, True, True, True])):
        assert is_dropout_mask(mask) == is_dropout_mask(mask.astype(float))
