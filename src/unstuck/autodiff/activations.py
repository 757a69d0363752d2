"""Which activation function is this?  Recognised from the numbers that went in and came out.

Programs call their activations `nonlin`, `squash` or nothing at all, so names do not help; values do.
A function is recognised only when it, and no other one of the table, maps the recorded z to the recorded h.
Where the values cannot decide (ReLU of positive numbers is linear), the answer is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unstuck.facts import Array

Elementwise = Callable[[Array], Array]
FEW = 32  # numbers that a function is tried on first


@dataclass(frozen=True, slots=True)
class Activation:
    """An elementwise function h = f(z).

    name         as in `unstuck.facts.Recipe`: relu, leaky-relu, sigmoid, ...
    function     z -> f(z)
    derivative   z -> f'(z); at a kink the value 0 or the smaller slope, as programs usually have it
    from_output  h -> f'(z), where h determines it; None otherwise
    parameter    the slope of leaky-relu, the α of elu; None for all others
    turned       is it h = f(-z), of a z that a program has negated before: 1 / (1 + exp(-x @ w - b))?  What is
                 called the derivative is f'(-z) then, without the minus
    """

    name: str
    function: Elementwise
    derivative: Elementwise
    from_output: Elementwise | None
    parameter: float | None = None
    turned: bool = False


def expit(z: Array) -> Array:
    """1 / (1 + exp(-z)), by tanh so that nothing overflows (scipy.special would cost every start half a second)."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))


def softmax(z: Array, axis: int = -1) -> Array:
    """exp(z) over its sum along the axis, which may overflow nowhere."""
    shifted = np.exp(z - z.max(axis=axis, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=axis, keepdims=True))


def _normal_share(z: Array) -> Array:
    """The normal distribution function."""
    return np.asarray(0.5 * _ERFC(-z * math.sqrt(0.5)), dtype=np.float64)


_ERFC = np.frompyfunc(math.erfc, 1, 1)  # scipy.special would do, at the price of its import


def leaky_relu(slope: float) -> Activation:
    """max(z, 0) + slope · min(z, 0)."""
    return Activation(
        "leaky-relu",
        lambda z: np.where(z > 0, z, slope * z),
        lambda z: np.where(z > 0, 1.0, slope),
        (lambda h: np.where(h > 0, 1.0, slope)) if slope >= 0 else None,
        slope,
    )


def elu(alpha: float) -> Activation:
    """z for positive z, α (eᶻ - 1) otherwise (Clevert, Unterthiner, Hochreiter 2016)."""
    return Activation(
        "elu",
        lambda z: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0))),
        lambda h: np.where(h > 0, 1.0, h + alpha),
        alpha,
    )


def _gelu_slope(z: Array) -> Array:
    return np.asarray(_normal_share(z) + z * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def _silu_slope(z: Array) -> Array:
    s = expit(z)
    return np.asarray(s * (1 + z * (1 - s)))


_FIXED = (
    Activation("linear", lambda z: z, np.ones_like, np.ones_like),
    Activation("relu", lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0, lambda h: (h > 0) * 1.0),
    Activation(
        "sigmoid",
        expit,
        lambda z: expit(z) * expit(-z),
        lambda h: h * (1 - h),
    ),
    Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda h: 1 - h**2),
    Activation("softplus", lambda z: np.logaddexp(0, z), expit, lambda h: -np.expm1(-h)),
    Activation("gelu", lambda z: z * _normal_share(z), _gelu_slope, None),
    Activation("silu", lambda z: z * expit(z), _silu_slope, None),
)
_TURNED = Activation(
    "sigmoid", lambda z: expit(-z), lambda z: expit(z) * expit(-z), lambda h: h * (1 - h), turned=True
)
ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in _FIXED}
"""The functions without a parameter, by name; `leaky_relu` and `elu` make the others."""


def match(z: Any, h: Any) -> Activation | None:
    """The one activation function that maps z to h, or None when there is none or more than one.

    Compared to 1e-9 (1e-5 for float32) relative to the larger of 1 and |h|.  The slope of a leaky ReLU and
    the α of an ELU are estimated.
    """
    tolerance = _tolerance(z, h)
    z, h = np.asarray(z), np.asarray(h)
    if z.shape != h.shape or z.size == 0 or z.dtype.kind not in "fiu" or h.dtype.kind not in "fiu":
        return None
    z, h = z.astype(np.float64), h.astype(np.float64)
    with np.errstate(all="ignore"):
        candidates = [*_FIXED, *_estimated(z, h)]
        found = [one for one in candidates if _maps(one, z.ravel(), h.ravel(), tolerance)]
        if not found and _maps(_TURNED, z.ravel(), h.ravel(), tolerance):
            return _TURNED
    if len(found) != 1 or (found[0].name == "relu" and not (z > 0).any()):
        return None
    return found[0]


def is_softmax(z: Any, p: Any, axis: int | None = -1) -> bool:
    """Whether p = softmax(z) along the axis (None: over all elements), which must hold >= 2 classes."""
    tolerance = _tolerance(z, p)
    z, p = np.asarray(z, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if z.shape != p.shape or z.ndim == 0 or (z.size if axis is None else z.shape[axis]) < 2:
        return False
    raised = np.exp(z - z.max(axis=axis, keepdims=True))
    return _close(raised / raised.sum(axis=axis, keepdims=True), p, tolerance)


@dataclass(frozen=True, slots=True)
class DropoutMask:
    """What a dropout mask shows: the share of kept units, and what they are multiplied by."""

    keep: float
    scale: float


def is_dropout_mask(mask: Any) -> DropoutMask | None:
    """The mask's share and scale when it holds 0 and exactly one positive value, each at least once."""
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biuf":
        return None
    kept = mask[mask != 0]
    if not 0 < kept.size < mask.size or not kept.flat[0] > 0 or (kept != kept.flat[0]).any():
        return None
    return DropoutMask(kept.size / mask.size, float(kept.flat[0]))


def _estimated(z: Array, h: Array) -> list[Activation]:
    """Leaky ReLU and ELU with the parameter that the most negative z implies, if there is one."""
    lowest = np.unravel_index(np.argmin(z), z.shape)
    if not z[lowest] < 0:
        return []
    slope = float(h[lowest] / z[lowest])
    alpha = float(h[lowest] / np.expm1(z[lowest]))
    # Slopes next to 0 and 1 are ReLU and the identity.
    leaky = [leaky_relu(slope)] if 1e-6 < abs(slope) < 1 - 1e-6 else []
    return leaky + ([elu(alpha)] if alpha > 1e-6 else [])


def _tolerance(*values: Any) -> float:
    single = any(
        np.asarray(value).dtype.itemsize < 8 and np.asarray(value).dtype.kind == "f" for value in values
    )
    return 1e-5 if single else 1e-9


def _maps(activation: Activation, z: Array, h: Array, tolerance: float) -> bool:
    """Does the function map z to h?  A few numbers refute it quickly, but only all of them show it."""
    parts = (slice(FEW), slice(FEW, None))
    return all(_close(activation.function(z[part]), h[part], tolerance) for part in parts)


def _close(computed: Array, recorded: Array, tolerance: float) -> bool:
    return bool(np.all(np.abs(computed - recorded) <= tolerance * np.maximum(1.0, np.abs(recorded))))
