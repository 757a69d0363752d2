"""Derivatives taken from the library `autograd` (Maclaurin, Duvenaud, Johnson), one operation at a time.

The library keeps a table from function to vector-Jacobian product.  The table is asked directly, with the
recorded operands and the recorded result, so that nothing is computed twice and no value is wrapped.  The few
functions of scipy.special have rules of their own: the library's would import half of scipy at every start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import autograd.numpy as anp
import autograd.numpy.linalg as alinalg
import numpy as np
from autograd.core import primitive_vjps

from unstuck.autodiff.call import Call, CallRule, Contribution, hand_out, keywords, per_argument, plain, real
from unstuck.facts import Array

UNARY = (
    "negative", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square", "reciprocal",
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "arcsinh", "arccosh", "arctanh",
    "sinc", "deg2rad", "rad2deg", "radians", "degrees", "nan_to_num",
)  # fmt: skip
ARRAY = ("cumsum", "diff", "trace", "kron", "cross", "inner", "tensordot")
LINALG = ("det", "inv", "solve")


def _from_table(namespace: Any, name: str, operands: int | None = None) -> CallRule:
    maker = primitive_vjps[getattr(namespace, name)]

    def rule(number: int, g: Array, ans: Array, *args: Any, **kwargs: Any) -> Array:
        return np.asarray(next(iter(maker((number,), ans, args, kwargs)(g))))

    return per_argument(rule, operands)


def _tanh(number: int, g: Array, ans: Array, x: Array) -> Array:
    """1 - tanh², as everyone writes it; the library's 1/cosh² overflows for large arguments."""
    return g * (1.0 - ans * ans)


def _log_expit(number: int, g: Array, ans: Array, x: Array) -> Array:
    """1 - sigmoid."""
    return -g * np.expm1(ans)


def _expit(number: int, g: Array, ans: Array, x: Array) -> Array:
    """s (1 - s)."""
    return g * ans * (1.0 - ans)


def _logit(number: int, g: Array, ans: Array, x: Array) -> Array:
    """1 / (x (1 - x))."""
    return g / (x * (1.0 - x))


def _erf(number: int, g: Array, ans: Array, x: Array) -> Array:
    """2 exp(-x²) / sqrt(π)."""
    return np.asarray(g * 2.0 / np.sqrt(np.pi) * np.exp(-x * x))


def _erfc(number: int, g: Array, ans: Array, x: Array) -> Array:
    """That of erf with the other sign."""
    return -_erf(number, g, ans, x)


def _gammaln(number: int, g: Array, ans: Array, x: Array) -> Array:
    """The digamma function."""
    from scipy.special import digamma

    return np.asarray(g * digamma(x))


def _norm(
    number: int, g: Array, ans: Array, x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Array:
    """The library's rule where the norm is not zero, 0 (a subgradient) where it is."""
    if keepdims:
        g, ans = (np.squeeze(value, axis) if axis is not None else value.reshape(()) for value in (g, ans))
    safe = np.where(ans == 0, 1.0, ans)
    maker = primitive_vjps[alinalg._primitive_norm]
    return np.asarray(next(iter(maker((0,), safe, (x, ord, axis), {})(np.where(ans == 0, 0.0, g)))))


def _einsum(call: Call) -> Iterator[Contribution]:
    """Operands of einsum keep their numbers in the library's rule, the subscripts come first."""
    arguments = tuple(real(plain(item)) if call.wants(item) else plain(item) for item in call.node.args)
    kwargs = keywords(call.node)
    for number, item in enumerate(call.node.args):
        if call.wants(item):
            vjp = primitive_vjps[anp.einsum]((number,), real(call.node.value), arguments, kwargs)
            yield from hand_out(call, item, np.asarray(next(iter(vjp(call.g)))))


RULES: dict[str, CallRule] = {name: _from_table(anp, name, operands=1) for name in UNARY}
RULES |= {name: _from_table(anp, name) for name in ARRAY}
RULES |= {name: _from_table(alinalg, name) for name in LINALG}
RULES |= {
    "tanh": per_argument(_tanh, operands=1),
    "log_expit": per_argument(_log_expit, operands=1),
    "expit": per_argument(_expit, operands=1),
    "logit": per_argument(_logit, operands=1),
    "erf": per_argument(_erf, operands=1),
    "erfc": per_argument(_erfc, operands=1),
    "gammaln": per_argument(_gammaln, operands=1),
    "norm": per_argument(_norm),
    "einsum": _einsum,
}
