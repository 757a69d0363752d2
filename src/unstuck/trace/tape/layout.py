"""What values are to the tape: which are followed, who owns an array's memory, and which part of it a view is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from unstuck.facts import Array

NUMBERS = (
    "fiubc"  # kinds of arrays that are followed; complex ones have no derivative but keep the dependence
)
ARRAYS = {np.ndarray, np.matrix, np.memmap}  # kinds of arrays whose operators we know
TABLES = ("DataFrame", "Series")  # of pandas, which is never imported here: whoever has one has done that
SHARED = 1024  # elements; the positions of views no larger are kept and shared
LARGEST_TABLE = 2_000_000  # elements; a larger one is a constant
ORDINARY = {*ARRAYS, float, int, bool, complex, list, tuple, *np.sctypeDict.values()}  # and of all operands


def flat_indices(owner: Array, view: Array) -> Array | None:
    """Positions of the view's elements in `owner.ravel()` (C order), with the view's shape.

    None when the element types differ, where positions are not defined.
    """
    if owner.dtype != view.dtype or not owner.size:
        return None
    first = view.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    own = owner.shape, owner.strides, owner.flags.c_contiguous
    find = _small if view.size <= SHARED else _positions
    return find(first, view.shape, view.strides, own, owner.itemsize)


def _positions(
    first: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    owner: tuple[tuple[int, ...], tuple[int, ...], bool],
    width: int,
) -> Array:
    """The same for elements of so many bytes, the first of which lies `first` bytes behind that of the owner."""
    offsets = np.array(first)
    for length, stride in zip(shape, strides, strict=True):
        offsets = offsets[..., None] + np.arange(length) * stride
    sides, steps, in_order = owner
    if in_order:
        return np.asarray(offsets // width)
    flat = np.zeros_like(offsets)
    weights = [int(np.prod(sides[axis + 1 :])) for axis in range(len(sides))]
    for axis in sorted(range(len(sides)), key=lambda axis: -steps[axis]):
        if sides[axis] > 1:
            place, offsets = np.divmod(offsets, steps[axis])
            flat += place * weights[axis]
    return flat


@lru_cache(maxsize=2**14)  # loops over samples and places take the same parts of their arrays in every step
def _small(*part: Any) -> Array:
    found = _positions(*part)
    found.flags.writeable = False
    return found


def position(array: Array, index: Any) -> int | None:
    """The place, in C order, of the one element that an index picks; None when it picks anything else."""
    parts, shape = index if type(index) is tuple else (index,), array.shape
    if len(parts) != len(shape):
        return None
    place = 0
    for part, length in zip(parts, shape, strict=True):
        if type(part) is not int and not isinstance(part, np.integer):
            return None
        at = int(part)  # a label of 8 bits would overflow
        place = place * length + (at + length if at < 0 else at)
    return place


def owner_of(array: Array) -> Array:
    """The array that owns the memory; `as_strided` puts a holder between a view and its owner."""
    base = array.base
    while base is not None:
        if isinstance(base, np.ndarray):
            array = base
        elif not isinstance(getattr(base, "base", None), np.ndarray):
            break
        base = base.base
    return array


def is_tracked(value: Any) -> bool:
    """Arrays of numbers and single floats are followed; integers and truth values have no derivative."""
    kind = type(value)
    if kind is float or kind is complex:
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in NUMBERS
    return isinstance(value, np.inexact) or (
        is_table(value) and value.size <= LARGEST_TABLE and array_of(value).dtype.kind in NUMBERS
    )


def is_table(value: Any) -> bool:
    """Is this a DataFrame or a Series of pandas?"""
    kind = type(value)
    return kind.__name__ in TABLES and kind.__module__.partition(".")[0] == "pandas"


def array_of(value: Any) -> Any:
    """The array that a table stands for; any other value unchanged."""
    return value.to_numpy() if is_table(value) else value


def is_strange(value: Any) -> bool:
    """An array with rules of its own (masked, of objects, of a class of the user's)."""
    return isinstance(value, np.ndarray) and (type(value) not in ARRAYS or value.dtype.kind == "O")


def same_memory(left: Any, right: Any) -> bool:
    """Is the right an array in the memory of the left?"""
    return isinstance(right, np.ndarray) and owner_of(left) is owner_of(right)


def meaning(op: str, operands: tuple[Any, ...], result: Any) -> str:
    """What an operator does for these operands: those of matrices differ, those of strangers are opaque."""
    if not ORDINARY.issuperset(map(type, operands)):
        return op if any(map(is_table, operands)) and ORDINARY.issuperset(map(_plain, operands)) else "opaque"
    if type(result) is np.matrix and op in ("multiply", "power"):
        return "opaque" if op == "power" else "matmul" if all(map(np.ndim, operands)) else "multiply"
    return op


def _plain(operand: Any) -> type:
    return np.ndarray if is_table(operand) else type(operand)
