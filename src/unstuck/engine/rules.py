"""The rules of calculus that the networks are made of, as tables: activations, outputs, wrong derivatives.

Every function works on arrays of any shape and both precisions, so the float64 reference and the float32
population share one text.  Derivatives are written in terms of the *output* of the activation, which is what
a backward pass has at hand; the units of a layer lie along `axis`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unstuck.facts import Array

LEAK = 0.01  # slope of leaky-relu below zero


def relu(z: Array, out: Array | None = None) -> Array:
    """max(z, 0)"""
    h: Array = np.maximum(z, 0, out=out)
    return h


def leaky_relu(z: Array, out: Array | None = None) -> Array:
    """z above zero, LEAK * z below: the larger of the two."""
    h: Array = np.maximum(z, z.dtype.type(LEAK) * z, out=out)
    return h


def tanh(z: Array, out: Array | None = None) -> Array:
    """Hyperbolic tangent"""
    h: Array = np.tanh(z, out=out)
    return h


def sigmoid(z: Array, out: Array | None = None) -> Array:
    """1 / (1 + exp(-z)), written with tanh so that no exponential can overflow."""
    half: Array = np.multiply(z, z.dtype.type(0.5), out=out)
    half = np.tanh(half, out=half)
    half += 1
    half *= z.dtype.type(0.5)
    return half


def linear(z: Array, out: Array | None = None) -> Array:
    """z itself"""
    h: Array = np.positive(z, out=out)
    return h


def softmax(z: Array, axis: int) -> Array:
    """exp(z) scaled to sum to 1 along `axis`; the maximum is taken off first so that nothing overflows."""
    e: Array = np.subtract(z, np.maximum.reduce(z, axis=axis, keepdims=True))
    np.exp(e, out=e)
    e /= np.add.reduce(e, axis=axis, keepdims=True)
    return e


def _step_derivative(h: Array, out: Array | None) -> Array:
    """0 or 1 in the precision of `h`; at zero the derivative of relu is taken as 0."""
    slope = np.empty_like(h) if out is None else out
    np.greater(h, 0, out=slope, casting="unsafe")
    return slope


def _leaky_derivative(h: Array, out: Array | None) -> Array:
    slope = _step_derivative(h, out)
    np.maximum(slope, slope.dtype.type(LEAK), out=slope)
    return slope


def _tanh_derivative(h: Array, out: Array | None) -> Array:
    square: Array = np.multiply(h, h, out=out)
    np.subtract(1, square, out=square)
    return square


def _sigmoid_derivative(h: Array, out: Array | None) -> Array:
    # h (1 - h) = 1/4 - (h - 1/2)^2, a form that may overwrite h
    rest: Array = np.subtract(h, h.dtype.type(0.5), out=out)
    rest *= rest
    np.subtract(h.dtype.type(0.25), rest, out=rest)
    return rest


def _linear_derivative(h: Array, out: Array | None) -> Array:
    one = np.empty_like(h) if out is None else out
    one.fill(1)
    return one


Activation = Callable[..., Array]

ACTIVATIONS: dict[str, Activation] = {
    "relu": relu,
    "leaky-relu": leaky_relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "linear": linear,
}

DERIVATIVES: dict[str, Callable[[Array, Array | None], Array]] = {
    "relu": _step_derivative,
    "leaky-relu": _leaky_derivative,
    "tanh": _tanh_derivative,
    "sigmoid": _sigmoid_derivative,
    "linear": _linear_derivative,
}

BACKWARDS = (
    "exact",
    "activation-derivative-one",
    "activation-derivative-squared",
    "activation-derivative-of-output",
)

LOSSES = {
    "squared": ("linear", "softmax", "sigmoid", "tanh", "relu"),
    "cross-entropy": ("softmax",),
    "binary-cross-entropy": ("sigmoid",),
}  # each loss with the outputs that it can follow


def derivative(activation: str, backward: str, h: Array, out: Array | None = None) -> Array:
    """The derivative that a backward pass of kind `backward` uses, given the activation's output `h`.

    exact                            f'(z)
    activation-derivative-one        1 everywhere
    activation-derivative-squared    f'(z) squared: the factor is applied twice
    activation-derivative-of-output  f'(h): the formula for pre-activations is fed with the output
    """
    if backward == "activation-derivative-one":
        return _linear_derivative(h, out)
    if backward == "activation-derivative-of-output":
        return DERIVATIVES[activation](ACTIVATIONS[activation](h, out), out)
    slope = DERIVATIVES[activation](h, out)
    if backward == "activation-derivative-squared":
        slope *= slope
    return slope


def output(name: str, z: Array, axis: int) -> Array:
    """What the last layer shows, from its pre-activations."""
    return softmax(z, axis) if name == "softmax" else ACTIVATIONS[name](z)


def output_delta(name: str, loss: str, shown: Array, target: Array, axis: int) -> Array:
    """Derivative of one row's loss with respect to the last pre-activations.

    Cross-entropy after softmax, binary cross-entropy after sigmoid and half the squared error after a linear
    layer all give shown - target (the canonical links); other pairs multiply by the output's own derivative.
    """
    error: Array = np.subtract(shown, target)
    if loss != "squared" or name == "linear":
        return error
    if name == "softmax":
        error -= (error * shown).sum(axis=axis, keepdims=True)
        error *= shown
        return error
    error *= DERIVATIVES[name](shown, None)
    return error
