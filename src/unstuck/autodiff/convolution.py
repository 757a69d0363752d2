"""Derivatives of convolutions and correlations: of NumPy in one dimension, of scipy.signal in any number.

Every mode is a window of the full convolution c[k] = Σ a[k - i] b[i], where a correlation turns b round first.  So
the cotangent of a window is put back into zeros of the full size, and the full convolution, which is linear in either
operand, passes it on: to a[j] goes Σ g[j + i] b[i], to b[i] goes Σ g[j + i] a[j].  Where a window of even size lies is
a convention of each function; it is not trusted but tried, and a call whose result no window gives has no rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from unstuck.autodiff.call import Call, CallRule, Contribution, NoDerivative, hand_out, plain, real
from unstuck.facts import Array

NEUTRAL: dict[str, Any] = {"boundary": "fill", "fillvalue": 0, "method": "auto", "axes": None, "mode": None}
ROUNDING = (
    1e-9  # of double precision, and by Fourier transforms; of single precision it is the square root of it
)


def _convolution(turned: bool) -> CallRule:
    """The rule of a convolution, or of a correlation, which has its second operand turned round."""

    def rule(call: Call) -> Iterator[Contribution]:
        first, second = _operands(call)
        a, b = real(plain(first)), real(plain(second))
        if a.ndim != b.ndim or a.ndim == 0:
            raise NoDerivative("operands of different rank")
        kernel = np.flip(b) if turned else b
        g = np.zeros(tuple(m + n - 1 for m, n in zip(a.shape, b.shape, strict=True)))
        g[_window(a, kernel, call.node.value)] = call.g
        if call.wants(first):
            yield from hand_out(call, first, _against(g, kernel))
        if call.wants(second):
            passed = _against(g, a)
            yield from hand_out(call, second, np.flip(passed) if turned else passed)

    return rule


def _operands(call: Call) -> tuple[Any, Any]:
    """The two arrays; NoDerivative for borders that are not filled with zeros, and for chosen axes."""
    node = call.node
    if node.fn is None:
        raise NoDerivative("an unknown function")
    bound = inspect.signature(node.fn).bind(*node.args, **node.kwargs)
    first, second, *options = bound.arguments.items()
    for name, value in options:
        if name not in NEUTRAL or (name not in ("mode", "method") and value != NEUTRAL[name]):
            raise NoDerivative(f"{name}={value!r}")
    return first[1], second[1]


def _against(g: Array, operand: Array) -> Array:
    """Σ g[j + i] operand[i], for every j where all of the operand fits in."""
    axes = list(range(operand.ndim))
    return np.tensordot(
        sliding_window_view(g, operand.shape), operand, axes=([axis + len(axes) for axis in axes], axes)
    )


def _window(a: Array, kernel: Array, result: Any) -> tuple[slice, ...]:
    """Which part of the full convolution is the result."""
    margin = [(n - 1, n - 1) for n in kernel.shape]
    full = _against(np.pad(a, margin), np.flip(kernel))
    answer, single = real(result), getattr(result, "dtype", None) == np.float32
    tolerance = np.sqrt(ROUNDING) if single else ROUNDING
    spare = [whole - part for whole, part in zip(full.shape, answer.shape, strict=True)]
    for late in (False, True):
        window = tuple(
            slice(start := (left + late) // 2, start + part)
            for left, part in zip(spare, answer.shape, strict=True)
        )
        if np.allclose(full[window], answer, rtol=0.0, atol=tolerance * max(1.0, float(np.abs(full).max()))):
            return window
    raise NoDerivative("its result is no window of the convolution")


RULES: dict[str, CallRule] = {"convolve": _convolution(turned=False), "correlate": _convolution(turned=True)}
