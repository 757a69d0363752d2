"""Derivatives of elementwise operations of two operands, with broadcasting undone.

Each entry gives the two partial derivatives, already multiplied by the cotangent g of the result.  Products
are in `unstuck.autodiff.kinks`, because one factor may be the mask of a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unstuck.autodiff.call import CallRule, per_argument, shape_of, unbroadcast
from unstuck.facts import Array

_Partial = Callable[[Array, Array, Any, Any], Array]


def _power_base(g: Array, ans: Array, x: Any, y: Any) -> Array:
    """y x^(y-1), which is 0 for y = 0 also at x = 0."""
    return g * np.where(y == 0, 0.0, y * np.power(x, np.where(y == 0, 1.0, np.subtract(y, 1.0))))


def _power_exponent(g: Array, ans: Array, x: Any, y: Any) -> Array:
    """x^y log x, taken as 0 where x is not positive and the logarithm does not exist."""
    return g * ans * np.log(np.where(np.greater(x, 0), x, 1.0))


def _xlogy_first(g: Array, ans: Array, x: Any, y: Any) -> Array:
    """log y, taken as 0 where x = y = 0, in keeping with 0 log 0 = 0."""
    return g * np.log(np.where((np.equal(x, 0)) & (np.equal(y, 0)), 1.0, y))


BINARY: dict[str, tuple[_Partial, _Partial]] = {
    "add": (lambda g, ans, x, y: g, lambda g, ans, x, y: g),
    "subtract": (lambda g, ans, x, y: g, lambda g, ans, x, y: -g),
    "true_divide": (lambda g, ans, x, y: g / y, lambda g, ans, x, y: -g * ans / y),
    "mod": (lambda g, ans, x, y: g, lambda g, ans, x, y: -g * np.floor_divide(x, y)),
    "power": (_power_base, _power_exponent),
    "logaddexp": (lambda g, ans, x, y: g * np.exp(x - ans), lambda g, ans, x, y: g * np.exp(y - ans)),
    "arctan2": (lambda g, ans, x, y: g * y / (x * x + y * y), lambda g, ans, x, y: -g * x / (x * x + y * y)),
    "hypot": (lambda g, ans, x, y: g * x / ans, lambda g, ans, x, y: g * y / ans),
    "xlogy": (_xlogy_first, lambda g, ans, x, y: g * x / y),
}


def _binary(partials: tuple[_Partial, _Partial]) -> CallRule:
    def rule(number: int, g: Array, ans: Array, x: Any, y: Any) -> Array:
        operand = x if number == 0 else y
        return unbroadcast(np.asarray(partials[number](g, ans, x, y)), shape_of(operand))

    return per_argument(rule, operands=2)


RULES: dict[str, CallRule] = {name: _binary(partials) for name, partials in BINARY.items()}
RULES |= {"divide": RULES["true_divide"], "remainder": RULES["mod"], "float_power": RULES["power"]}
