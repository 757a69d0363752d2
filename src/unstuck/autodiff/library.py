"""Derivatives taken from the library `autograd` (Maclaurin, Duvenaud, Johnson), one operation at a time.

The library keeps a table from function to vector-Jacobian product.  The table is asked directly, with the
recorded operands and the recorded result, so that nothing is computed twice and no value is wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import autograd.numpy as anp
import autograd.numpy.linalg as alinalg
import autograd.scipy.special as aspecial
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
SPECIAL = ("expit", "logit", "erf", "erfc", "gammaln")


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
RULES |= {name: _from_table(aspecial, name) for name in SPECIAL}
RULES |= {
    "tanh": per_argument(_tanh, operands=1),
    "log_expit": per_argument(_log_expit, operands=1),
    "norm": per_argument(_norm),
    "einsum": _einsum,
}
