"""The rules of the commonest operations in their commonest form: plain float64 operands of one shape.

A tape of a network in Python loops holds hundreds of thousands of sums, products and elements that were read, each of
a few numbers; there the generality of the tables costs ten times as much as the arithmetic.  What is given here is
equal, bit by bit, to what the tables say; what has any other form is left to them.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from unstuck.autodiff.call import Contribution, Part
from unstuck.autodiff.node import Node
from unstuck.facts import Array

_DOUBLE = np.dtype(np.float64)
MOST_SUMMED = 64  # numbers; of more of them no copies of the one cotangent are made
_PLACES = (int, np.int64, np.int32, slice, type(None), type(Ellipsis))
Quick = Callable[[tuple[Any, ...], Array, Container[Node]], Sequence[Contribution] | None]


def quick(node: Node, g: Array, active: Container[Node], ties: float | None) -> Sequence[Contribution] | None:
    """What the node passes to its operands; None where the tables have to be asked."""
    rule = QUICK.get(node.op)
    if rule is None or node.kwargs or node.fn is builtins.sum:
        return None
    if ties is not None and rule is _multiply and any(getattr(arg, "op", "") == "copy" for arg in node.args):
        return None  # the copy of a comparison is a mask with kinks
    return rule(node.args, g, active)


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a float64 array or number; None for anything else."""
    kind = type(value)
    if kind is float or kind is np.float64:
        return ()
    return value.shape if kind is np.ndarray and value.dtype == _DOUBLE else None


def _alike(args: tuple[Any, ...], g: Array) -> bool:
    """Are these two nodes whose values have the shape of g?"""
    return (
        len(args) == 2
        and type(args[0]) is Node
        and type(args[1]) is Node
        and _shape(args[0].value) == g.shape == _shape(args[1].value)
    )


def _add(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    return [(operand, g) for operand in args if operand in active] if _alike(args, g) else None


def _subtract(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    if not _alike(args, g):
        return None
    left, right = args
    passed: list[Contribution] = [(left, g)] if left in active else []
    if right in active:
        passed.append((right, -g))
    return passed


def _multiply(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    if not _alike(args, g):
        return None
    left, right = args
    passed: list[Contribution] = [(left, g * right.value)] if left in active else []
    if right in active:
        passed.append((right, g * left.value))
    return passed


def _sum(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    """The sum of a small array, over all of its axes."""
    if len(args) != 1 or type(args[0]) is not Node or g.shape:
        return None
    shape = _shape(args[0].value)
    if shape is None or math.prod(shape) > MOST_SUMMED:
        return None
    return [(args[0], np.full(shape, g))] if args[0] in active else ()


def _getitem(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    operand, index = args
    parts = index if type(index) is tuple else (index,)
    if type(operand) is not Node or not all(type(part) in _PLACES for part in parts):
        return None
    if any(type(part) is slice and not _is_plain(part) for part in parts):
        return None
    return [(operand, Part(index, g))] if operand in active else ()


def _is_plain(part: slice) -> bool:
    return type(part.start) in _PLACES and type(part.stop) in _PLACES and type(part.step) in _PLACES


def _gather(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    operand, flat = args
    if type(operand) is not Node or type(operand.value) is not np.ndarray or type(flat) is not np.ndarray:
        return None
    if operand not in active:
        return ()
    whole = operand.value
    return [(operand, np.bincount(flat.ravel(), g.ravel(), whole.size).reshape(whole.shape))]


def _setitem(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    """One element of an array is overwritten by a number."""
    before, index, value = args
    parts = index if type(index) is tuple else (index,)
    whole = all(type(part) in _PLACES[:3] for part in parts) and len(parts) == g.ndim
    if not whole or type(before) is not Node or type(value) is not Node or _shape(value.value) != ():
        return None
    passed: list[Contribution] = []
    if before in active:
        rest = g.copy()
        rest[index] = 0.0
        passed.append((before, rest))
    if value in active:
        passed.append((value, np.asarray(0.0 + g[index])))  # + 0: no sum of the tables ends in -0
    return passed


def _array(args: tuple[Any, ...], g: Array, active: Container[Node]) -> Sequence[Contribution] | None:
    """A list of numbers becomes an array, as where loops have filled it one by one."""
    items = args[0] if len(args) == 1 and type(args[0]) is list else []
    if not items or g.shape != (len(items),):
        return None
    if not all(type(item) is Node and _shape(item.value) == () for item in items):
        return None
    return [(item, np.asarray(0.0 + part)) for item, part in zip(items, g, strict=True) if item in active]


QUICK: dict[str, Quick] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "sum": _sum,
    "getitem": _getitem,
    "gather": _gather,
    "setitem": _setitem,
    "array": _array,
}
