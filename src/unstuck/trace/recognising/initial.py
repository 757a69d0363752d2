"""How were the weights drawn?  Read from the first recorded values.

The engine has to start its networks as the script starts its own, but a few dozen numbers do not tell 0.1 from
0.0987; a bound is therefore taken to be the roundest number that the draws allow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.facts import Array, Init


def inits(layers: Sequence[Array]) -> tuple[Init, ...]:
    """The distribution that each layer's first weights look drawn from, with bounds in two digits.

    Uniform or normal is decided by likelihood over all layers together: a program draws them in one way.
    """
    drawn = [np.asarray(values, float).ravel() for values in layers]
    varied = [values for values in drawn if np.ptp(values) > 0]
    uniform = -sum(len(values) * np.log(np.ptp(values)) for values in varied)
    normal = -sum(len(values) * (np.log(values.std()) + 0.5 * np.log(2 * np.pi * np.e)) for values in varied)
    make = _uniform if uniform >= normal else _normal
    return tuple(
        make(values) if np.ptp(values) > 0 else Init("constant", float(values[0])) for values in drawn
    )


def _uniform(values: Array) -> Init:
    bound = _symmetric_bound(values)
    if bound:
        return Init("uniform", -bound, bound)
    margin = float(np.ptp(values)) / max(len(values) - 1, 1)
    return Init(
        "uniform", _two_digits(float(values.min()) - margin), _two_digits(float(values.max()) + margin)
    )


def _normal(values: Array) -> Init:
    mean, sd = float(values.mean()), float(values.std())
    centred = 0.0 if abs(mean) < 3 * sd / np.sqrt(len(values)) else _two_digits(mean)
    return Init("normal", centred, _two_digits(sd))


def _symmetric_bound(values: Array) -> float | None:
    """b if the values may be drawn uniformly from [-b, b): the roundest that 99 of 100 such draws allow."""
    n, largest = len(values), float(np.abs(values).max())
    top = largest * 0.01 ** (-1 / n)
    other = min(float(-values.min()), float(values.max()))
    if ((1 + other / largest) / 2) ** n < 0.005:
        return None
    for digits in (1, 2):
        step = 10.0 ** (np.floor(np.log10(largest)) - digits + 1)
        bound = float(np.ceil(largest / step - 1e-9) * step)
        if bound <= top:
            return float(f"{bound:.{digits}g}")
    return None


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
