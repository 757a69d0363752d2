"""Numerical derivatives of functions of single numbers that a script applies element by element (`np.vectorize`).

The function is called again at both sides of every recorded element.  A smooth function gets the central
difference, whose error is of order 1e-10; where the two sides differ, at a kink, `ties` chooses between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from unstuck.autodiff.call import Call, CallRule, Contribution, NoDerivative, plain, real, unbroadcast
from unstuck.autodiff.kinks import subgradient
from unstuck.facts import Array

STEP = 6e-6  # times the magnitude: the cube root of the rounding error
KINK = 1e-2  # relative difference of the two sides that no smooth function shows at this step


def _vectorize(call: Call) -> Iterator[Contribution]:
    """np.vectorize(f)(x, ...): f may not remember anything, nor draw random numbers."""
    node = call.node
    function = node.fn
    if not isinstance(function, np.vectorize) or function.signature or function.excluded or node.kwargs:
        raise NoDerivative("this use of np.vectorize")
    if np.asarray(node.value).dtype.kind != "f":  # its first result was an integer, so all are cut off
        return
    single = np.frompyfunc(function.pyfunc, len(node.args), 1)
    arguments = [plain(argument) for argument in node.args]
    answer = np.asarray(single(*arguments), dtype=np.float64)
    if not np.allclose(answer, real(node.value), rtol=1e-12, atol=0.0, equal_nan=True):
        raise NoDerivative("the function does not give the same value twice")
    for number, argument in enumerate(node.args):
        if call.wants(argument):
            slope = _slope(single, arguments, number, answer, subgradient(call) or 0.0)
            yield argument, unbroadcast(call.g * slope, np.shape(arguments[number]))


def _slope(
    function: Callable[..., Any], arguments: list[Any], number: int, answer: Array, ties: float
) -> Array:
    x = real(arguments[number])
    width = STEP * np.maximum(1.0, np.abs(x))
    ends = []
    for sign in (-1.0, 1.0):
        shifted = [*arguments[:number], x + sign * width, *arguments[number + 1 :]]
        ends.append(np.asarray(function(*shifted), dtype=np.float64))
    left, right = (answer - ends[0]) / width, (ends[1] - answer) / width
    kink = np.abs(right - left) > KINK * np.maximum(np.maximum(np.abs(left), np.abs(right)), KINK)
    return np.asarray(np.where(kink, left + ties * (right - left), (left + right) / 2))


RULES: dict[str, CallRule] = {"vectorize": _vectorize}
