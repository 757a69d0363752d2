"""Which functions of a number, as the last of a network, have a loss whose error before them is output minus target?

Any that rises has one.  But a script that follows it knows it by name: the sigmoid and the hyperbolic tangent for
classes, the exponential function for counts, each of something linear, and targets that such an output can come to.
Of `2 / (1 + exp(-z)) - t` nobody knows what it is meant for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from unstuck.autodiff.activations import expit
from unstuck.facts import Array

FEW = 3  # numbers that are always on one line
ENDS = 1e-2  # share of the range of the outputs at either end where an inverse function magnifies rounding
CLOSE, ROUNDINGS = (
    1e-4,
    8,
)  # misfit of an output, beside so many units in its last place: it may have been clipped


class Link(NamedTuple):
    """An output function between its bounds, and its inverse."""

    function: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    low: float
    high: float


def _itself(value: Array) -> Array:
    return value


LINKS = (
    Link(_itself, _itself, -np.inf, np.inf),
    Link(expit, lambda p: np.log(p / (1 - p)), 0.0, 1.0),
    Link(np.tanh, np.arctanh, -1.0, 1.0),
    Link(np.exp, np.log, 0.0, np.inf),
)


def is_canonical(before: Array, output: Array, target: Array) -> bool:
    """Is the output one of these functions of something linear in what is before it, with targets in its range?"""
    rounding = float(np.finfo(output.dtype).eps) if output.dtype.kind == "f" else 0.0
    z, h, goal = (np.ravel(np.asarray(each, float)) for each in (before, output, target))
    finite = np.isfinite(z) & np.isfinite(h)
    within = CLOSE + ROUNDINGS * rounding
    return any(
        bool(np.all((goal >= link.low - within) & (goal <= link.high + within)))
        and _is_link(link, z[finite], h[finite], within)
        for link in LINKS
    )


def _is_link(link: Link, z: Array, h: Array, within: float) -> bool:
    width = link.high - link.low if np.isfinite(link.high - link.low) else 1.0
    middle = (h > link.low + ENDS * width) & (h < link.high - ENDS * width)
    if np.any((h < link.low - within) | (h > link.high + within)):
        return False
    line = link.inverse(h[middle])
    if len(line) < FEW:  # outputs that are saturated, or single: a slope of one, up or down
        ways = (link.function(sign * z) for sign in (1.0, -1.0))
        return any(bool(np.all(np.abs(way - h) <= within * np.maximum(1.0, np.abs(h)))) for way in ways)
    basis = np.stack([z[middle], np.ones(len(line))], axis=1)
    slope, start = np.linalg.lstsq(basis, line, rcond=None)[0]
    with np.errstate(over="ignore"):
        found = link.function(slope * z + start)
    return bool(np.all(np.abs(found - h) <= within * np.maximum(1.0, np.abs(h))))
