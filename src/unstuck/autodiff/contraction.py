"""Derivatives of products that sum over shared axes, and of reductions along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unstuck.autodiff.call import CallRule, NoDerivative, per_argument, spread, unbroadcast
from unstuck.facts import Array

# ----- Products -----------------------------------------------------------------------------------------


def _matmul(number: int, g: Array, ans: Array, a: Any, b: Any) -> Array:
    """G Bᵀ for the left and Aᵀ G for the right factor, also in stacks; vectors as one row, one column."""
    left = a[None, :] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    stack = g.shape[: max(left.ndim, right.ndim) - 2]
    g = g.reshape(*stack, left.shape[-2], right.shape[-1])
    if number == 0:
        return unbroadcast(g @ right.swapaxes(-1, -2), left.shape).reshape(a.shape)
    return unbroadcast(left.swapaxes(-1, -2) @ g, right.shape).reshape(b.shape)


def _dot(number: int, g: Array, ans: Array, a: Any, b: Any) -> Array:
    """np.dot of operands of any rank: sums over the last axis of a and the last but one of b."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return unbroadcast(g * (b if number == 0 else a), (a if number == 0 else b).shape)
    if a.ndim <= 2 and b.ndim <= 2:
        return _matmul(number, g, ans, a, b)
    shape = b.shape
    if b.ndim == 1:
        b, g = b[:, None], g[..., None]
    if number == 0:
        return np.tensordot(g, np.moveaxis(b, -2, -1), axes=b.ndim - 1)
    rows = list(range(a.ndim - 1))
    return np.moveaxis(np.tensordot(a, g, axes=(rows, rows)), 0, -2).reshape(shape)


def _outer(number: int, g: Array, ans: Array, a: Any, b: Any) -> Array:
    operand, other = (a, np.ravel(b)) if number == 0 else (b, np.ravel(a))
    return np.reshape(g @ other if number == 0 else other @ g, np.shape(operand))


def _vdot(number: int, g: Array, ans: Array, a: Any, b: Any) -> Array:
    return g * np.reshape(b if number == 0 else a, np.shape(a if number == 0 else b))


def _arrays(rule: Any) -> Any:
    """Lets a rule for arrays accept lists and numbers as well."""
    return lambda number, g, ans, a, b: rule(number, g, ans, np.asarray(a), np.asarray(b))


# ----- Reductions ---------------------------------------------------------------------------------------

_Reduction = Callable[[Array, Array, Array, dict[str, Any]], Any]
_NUMPY = ("axis", "dtype", "out", "keepdims")


def _reduction(rule: _Reduction, positions: tuple[str, ...] = _NUMPY) -> CallRule:
    """A rule (g, ans, x, options) for a function that reduces x along axes.

    The cotangent and the result are repeated to the shape of x first; `positions` names the positional
    arguments after x.
    """

    def apply(number: int, g: Array, ans: Array, x: Array, *rest: Any, **kwargs: Any) -> Array:
        options = dict(zip(positions, rest, strict=False)) | kwargs
        if not options.keys() <= {*positions, "keepdims"}:
            raise NoDerivative(f"options {sorted(options)}")
        axis, keepdims = options.get("axis"), bool(options.get("keepdims"))
        wide_g, wide_ans = (spread(value, x.shape, axis, keepdims) for value in (g, ans))
        options["count"] = x.size / max(g.size, 1)
        return np.asarray(rule(wide_g, wide_ans, x, options))

    return per_argument(apply)


def _var(g: Array, ans: Array, x: Array, options: dict[str, Any]) -> Any:
    """2 (x - mean) / (n - ddof)."""
    freedom = options["count"] - (options.get("ddof") or 0)
    return 2.0 * g * (x - x.mean(axis=options.get("axis"), keepdims=True)) / freedom


def _std(g: Array, ans: Array, x: Array, options: dict[str, Any]) -> Any:
    """The variance's derivative over 2 std; taken as 0 where all values are equal."""
    constant = ans == 0
    return np.where(constant, 0.0, _var(g, ans, x, options) / (2.0 * np.where(constant, 1.0, ans)))


def _prod(g: Array, ans: Array, x: Array, options: dict[str, Any]) -> Any:
    """The product of all others, also where some are zero."""
    zero, axis = x == 0, options.get("axis")
    others_zero = zero.sum(axis=axis, keepdims=True) - zero
    nonzero = np.where(zero, 1.0, x)
    return g * np.where(others_zero > 0, 0.0, nonzero.prod(axis=axis, keepdims=True) / nonzero)


def _logsumexp(g: Array, ans: Array, x: Array, options: dict[str, Any]) -> Any:
    """The softmax, weighted by b."""
    weight = options.get("b")
    return g * np.exp(x - ans) * (1.0 if weight is None else weight)


def _softmax(number: int, g: Array, ans: Array, x: Array, axis: Any = None) -> Array:
    """p (g - Σ g p)."""
    return np.asarray(ans * (g - (g * ans).sum(axis=axis, keepdims=True)))


def _log_softmax(number: int, g: Array, ans: Array, x: Array, axis: Any = None) -> Array:
    """g - p Σ g."""
    return np.asarray(g - np.exp(ans) * g.sum(axis=axis, keepdims=True))


RULES: dict[str, CallRule] = {
    "matmul": per_argument(_arrays(_matmul), operands=2),
    "dot": per_argument(_dot, operands=2),
    "outer": per_argument(_outer, operands=2),
    "vdot": per_argument(_vdot, operands=2),
    "sum": _reduction(lambda g, ans, x, options: g),
    "mean": _reduction(lambda g, ans, x, options: g / options["count"]),
    "prod": _reduction(_prod),
    "var": _reduction(_var, ("axis", "dtype", "out", "ddof", "keepdims")),
    "std": _reduction(_std, ("axis", "dtype", "out", "ddof", "keepdims")),
    "logsumexp": _reduction(_logsumexp, ("axis", "b", "keepdims")),
    "softmax": per_argument(_softmax),
    "log_softmax": per_argument(_log_softmax),
}
