"""Directions of arrays: is a value a multiple of one of many that are known?

Of many directions, only those are compared whose shadow on a line is close to that of the value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from unstuck.facts import Array

DIRECTION = 1e-5  # relative difference within which two arrays are one up to a factor
DIRECTION_SINGLE = 2e-3
FEW = 256  # directions that are compared one by one
ROUNDING = 1e-12  # of a shadow on a line
Shapes = tuple[tuple[int, ...], ...]


class RightValues:
    """Directions of all derivatives that a right backward pass can meet, looked up by size.

    A direction is one array, or a sequence of arrays that have one factor in common.
    """

    def __init__(self, directions: Iterable[Array | Sequence[Array]], tolerance: float = DIRECTION) -> None:
        self._tolerance = tolerance
        by_shape: dict[Shapes, list[Array]] = defaultdict(list)
        for direction in directions:
            parts = _parts(direction)
            turned = [part.T for part in parts]
            for shaped in (parts, turned) if any(part.ndim == 2 for part in parts) else (parts,):
                whole = _joined(shaped)
                norm = float(np.linalg.norm(whole))
                if whole.size > 1 and np.isfinite(norm) and norm > 0 and np.ptp(whole) > 0:
                    by_shape[_shapes(shaped)].append(whole / norm)
        self._by_shape = {shape: _directions(found) for shape, found in by_shape.items()}

    def sign(self, value: Array | Sequence[Array]) -> int:
        """+1 or -1 when the value is a positive or negative multiple of one of them, else 0."""
        parts = _parts(value)
        known = self._by_shape.get(_shapes(parts))
        whole = _joined(parts)
        norm = float(np.linalg.norm(whole))
        if known is None or not np.isfinite(norm) or norm == 0:
            return 0
        unit = whole / norm
        near = known.near(unit, self._tolerance * float(np.abs(unit).max()))
        if not len(near):
            return 0
        cosines = near @ unit
        best = int(np.argmax(np.abs(cosines)))
        sign = 1 if cosines[best] > 0 else -1
        close = np.abs(unit - sign * near[best]).max() <= self._tolerance * np.abs(unit).max()
        return sign if close else 0


class Directions:
    """Many directions of one size, in the order of their shadows on a line: what is close has a close shadow."""

    def __init__(self, units: Array) -> None:
        line = np.random.RandomState(0).standard_normal(units.shape[1])
        self._line = line / np.linalg.norm(line)
        shadows = units @ self._line
        order = np.argsort(shadows, kind="stable")
        self._units, self._shadows = units[order], shadows[order]

    def near(self, unit: Array, most: float) -> Array:
        """All that differ by no more than `most` from this one or its negative, and perhaps some others."""
        shadow, width = float(unit @ self._line), most * len(unit) ** 0.5 + ROUNDING
        ends = [(sign * shadow - width, sign * shadow + width) for sign in (1, -1)]
        ranges = [self._shadows.searchsorted(each) for each in ends]
        return np.concatenate([self._units[first:last] for first, last in ranges])


class Few:
    """Some directions of one size: all of them are always looked at."""

    def __init__(self, units: Array) -> None:
        self._units = units

    def near(self, unit: Array, most: float) -> Array:
        """All of them."""
        return self._units


def _directions(found: Sequence[Array]) -> Directions | Few:
    return Few(np.array(found)) if len(found) <= FEW else Directions(np.unique(np.array(found), axis=0))


def _parts(value: Array | Sequence[Array]) -> list[Array]:
    return [np.asarray(part, float) for part in (value if isinstance(value, list | tuple) else (value,))]


def _joined(parts: Sequence[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])


def _shapes(parts: Sequence[Array]) -> Shapes:
    return tuple(tuple(n for n in part.shape if n > 1) for part in parts)
