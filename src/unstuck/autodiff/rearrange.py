"""Derivatives of everything that only moves numbers: reshape, transpose, concatenate, indexing, padding, ...

One idea serves them all.  Number the elements of the operands 1, 2, 3, ... and run the very same function on
the numbers instead of the values: the result says, for every element, where it came from (0: from nowhere, a
filled-in constant).  The cotangent then goes back to where the elements came from, and adds up where one of
them was copied several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from unstuck.autodiff.call import (
    Call,
    CallRule,
    Contribution,
    NoDerivative,
    Part,
    has_node,
    keywords,
    plain,
    real,
    unbroadcast,
)
from unstuck.autodiff.kinks import subgradient, tied
from unstuck.autodiff.node import Node
from unstuck.facts import Array


class _Numbering:
    """Numbers the elements of the wanted nodes from 1 on; all others get 0."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._blocks: list[tuple[Node, int, int]] = []
        self._next = 1

    def of(self, argument: Any) -> Any:
        """The argument with numbers in place of values."""
        if isinstance(argument, list | tuple) and has_node(argument):
            return type(argument)(self.of(item) for item in argument)
        shape = np.shape(plain(argument))
        if not isinstance(argument, Node) or argument not in self._call.active:
            return np.zeros(shape, dtype=np.intp)
        start, self._next = self._next, self._next + int(np.prod(shape))
        self._blocks.append((argument, start, self._next))
        return np.arange(start, self._next, dtype=np.intp).reshape(shape)

    def send_back(self, origin: Any) -> Iterator[Contribution]:
        """Adds the cotangent of every element of the result to the operand's element with its number."""
        origin, g = np.asarray(origin), self._call.g
        if origin.shape != g.shape:
            raise NoDerivative(f"replaying the call gives shape {origin.shape}, recorded was {g.shape}")
        sums = np.bincount(origin.ravel(), weights=g.ravel(), minlength=self._next)
        for node, start, stop in self._blocks:
            yield node, sums[start:stop].reshape(np.shape(node.value))


def _moves(function: Callable[..., Any], operands: tuple[int, ...] = (0,)) -> CallRule:
    """The rule for a function that moves the elements of the arguments with these numbers."""

    def rule(call: Call) -> Iterator[Contribution]:
        numbering = _Numbering(call)
        arguments = [
            numbering.of(argument) if number in operands else plain(argument)
            for number, argument in enumerate(call.node.args)
        ]
        return numbering.send_back(function(*arguments, **keywords(call.node)))

    return rule


# ----- Changes of shape ---------------------------------------------------------------------------------


def _keeps_order(call: Call) -> Iterator[Contribution]:
    """Shape changes that leave the elements in C order."""
    if call.wants(operand := call.node.args[0]):
        yield operand, call.g.reshape(np.shape(operand.value))


def _reshape(x: Array, *shape: Any, **kwargs: Any) -> Array:
    """np.reshape(x, shape, order) and x.reshape(2, 3) alike."""
    if len(shape) == 2 and isinstance(shape[1], str):
        return np.reshape(x, shape[0], order=shape[1])  # type: ignore[call-overload,no-any-return]
    kwargs.pop("newshape", None), kwargs.pop("shape", None)
    return x.reshape(*shape, **kwargs)


def _in_order(function: Callable[..., Any]) -> CallRule:
    """Reshapes: cheap in C order, by numbers for any other."""
    general = _moves(function)

    def rule(call: Call) -> Iterator[Contribution]:
        orders = [*call.node.args[1:], *call.node.kwargs.values()]
        return (
            general(call)
            if any(isinstance(order, str) and order != "C" for order in orders)
            else _keeps_order(call)
        )

    return rule


def _transpose(call: Call) -> Iterator[Contribution]:
    """x.T, np.transpose(x, (1, 0)) and x.transpose(1, 0)."""
    operand, *axes = call.node.args
    given = axes[0] if len(axes) == 1 else axes or call.node.kwargs.get("axes")
    if call.wants(operand):
        rank = call.g.ndim
        yield (
            operand,
            call.g.T if given is None else call.g.transpose(np.argsort(np.atleast_1d(given) % rank)),
        )


def _pad(x: Array, width: Any, mode: str = "constant", **kwargs: Any) -> Array:
    if mode not in {"constant", "edge", "reflect", "symmetric", "wrap"} or "reflect_type" in kwargs:
        raise NoDerivative(f"pad mode {mode!r} computes new values")
    return np.pad(x, width, mode=mode)  # type: ignore[call-overload,no-any-return]


def _sort(call: Call) -> Iterator[Contribution]:
    operand, *rest = call.node.args
    axis = rest[0] if rest else call.node.kwargs.get("axis", -1)
    order = np.argsort(real(plain(operand)), axis=axis, kind="stable")
    numbering = _Numbering(call)
    return numbering.send_back(np.take_along_axis(numbering.of(operand), order, axis=axis))


def _array(call: Call) -> Iterator[Contribution]:
    """np.array of nested lists; one that is cast to whole numbers passes nothing."""
    return _moves(np.array)(call) if np.asarray(call.node.value).dtype.kind == "f" else iter(())


def _copy(call: Call) -> Iterator[Contribution]:
    """A value passed on, possibly cast; a cast to whole numbers rounds and has derivative zero."""
    operand = call.node.args[0]
    if call.wants(operand) and np.asarray(call.node.value).dtype.kind == "f":
        yield operand, call.g.reshape(np.shape(operand.value))


# ----- Indexing -----------------------------------------------------------------------------------------


def _index(index: Any) -> Any:
    """An index with plain values inside."""
    if isinstance(index, slice):
        return slice(plain(index.start), plain(index.stop), plain(index.step))
    if isinstance(index, tuple):
        return tuple(_index(part) for part in index)
    return plain(index)


def _getitem(call: Call) -> Iterator[Contribution]:
    operand, index = call.node.args
    if call.wants(operand):
        yield operand, Part(_index(index), call.g)


def _setitem(call: Call) -> Iterator[Contribution]:
    """x after x[index] = value: what was overwritten passes nothing on."""
    before, index, value = call.node.args
    where = _index(index)
    if call.wants(before):
        g = call.g.copy()
        g[where] = 0.0
        end = subgradient(call)
        edge = tied(index) if end is not None else None
        if edge is not None and edge.shape == g.shape and np.ndim(plain(value)) == 0:
            g = np.where(edge & (real(before.value) == plain(value)), end * call.g, g)
        yield before, g
    if call.wants(value):
        numbering = _Numbering(call)
        origin = np.zeros(call.g.shape, dtype=np.intp)
        origin[where] = numbering.of(value)
        yield from numbering.send_back(origin)


def _gather(call: Call) -> Iterator[Contribution]:
    """x.ravel()[flat]."""
    operand, flat = call.node.args
    if call.wants(operand):
        shape = np.shape(operand.value)
        yield operand, np.bincount(plain(flat).ravel(), call.g.ravel(), int(np.prod(shape))).reshape(shape)


def _scatter(call: Call) -> Iterator[Contribution]:
    """x after x.ravel()[flat] = value."""
    before, flat, value = call.node.args
    where = np.unravel_index(plain(flat), call.g.shape)
    as_setitem = Node(
        call.node.id, "setitem", None, (before, where, value), {}, call.node.value, call.node.span
    )
    return _setitem(Call(as_setitem, call.g, call.active, call.ties))


def _add_at(sign: float) -> CallRule:
    """x after np.add.at(x, index, value)."""

    def rule(call: Call) -> Iterator[Contribution]:
        before, index, value = call.node.args
        if call.wants(before):
            yield before, call.g
        if call.wants(value):
            yield value, sign * unbroadcast(call.g[_index(index)], np.shape(value.value))

    return rule


_UNARY: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in (
        "broadcast_to", "delete", "diag", "diagflat", "diagonal", "flip", "fliplr", "flipud", "moveaxis",
        "repeat", "resize", "roll", "rollaxis", "rot90", "swapaxes", "take", "take_along_axis", "tile",
        "tril", "triu",
    )
}  # fmt: skip
_JOINING: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in ("block", "column_stack", "concatenate", "dstack", "hstack", "stack", "vstack")
}

RULES: dict[str, CallRule] = {name: _moves(function) for name, function in (_UNARY | _JOINING).items()}
RULES |= {
    "array": _array,
    "append": _moves(np.append, (0, 1)),
    "insert": _moves(np.insert, (0, 2)),
    "pad": _moves(_pad),
    "item": _moves(lambda x, *index: x.item(*index)),
    "reshape": _in_order(_reshape),
    "ravel": _in_order(np.ravel),
    "flatten": _in_order(np.ravel),
    "transpose": _transpose,
    "sort": _sort,
    "getitem": _getitem,
    "setitem": _setitem,
    "gather": _gather,
    "scatter": _scatter,
    "add.at": _add_at(1.0),
    "subtract.at": _add_at(-1.0),
}
RULES |= dict.fromkeys(("squeeze", "expand_dims", "atleast_1d", "atleast_2d", "atleast_3d"), _keeps_order)
RULES |= dict.fromkeys(("copy", "positive", "asarray", "ascontiguousarray", "astype", "float", "real"), _copy)
