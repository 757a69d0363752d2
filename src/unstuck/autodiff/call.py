"""What every derivative rule works with: one recorded call, the cotangent of its result, and small helpers.

The *cotangent* of a value is the gradient of the loss with respect to it, and has its shape.  A rule takes a
`Call` and yields contributions: pairs of an operand node and what this call adds to that operand's
cotangent, either a whole array or, where only a few elements are touched, a `Part`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array


class NoDerivative(Exception):
    """Raised by a rule that cannot differentiate this particular call; the text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A cotangent that is zero outside `index`: add `g` there, repeatedly where an index repeats."""

    index: Any
    g: Array


@dataclass(frozen=True, slots=True)
class Call:
    """A recorded call on the way back.

    node    the call
    g       cotangent of its result, float64, of the result's shape
    active  the nodes whose cotangents are wanted; all other operands are constants
    ties    what passes at a kink: 0, 0.5 or 1 of the way through the subdifferential; None for the convention
            of each function (see `unstuck.autodiff.kinks`)
    """

    node: Node
    g: Array
    active: Container[Node]
    ties: float | None = None

    def wants(self, argument: Any) -> bool:
        """Whether the argument is, or holds, a node whose cotangent is wanted."""
        if isinstance(argument, Node):
            return argument in self.active
        return isinstance(argument, list | tuple) and any(self.wants(item) for item in argument)


Contribution = tuple[Node, Array | Part]
CallRule = Callable[[Call], Iterator[Contribution]]
ArgumentRule = Callable[..., Array]
"""(argnum, g, ans, *args, **kwargs) -> cotangent of the argument number `argnum`."""

# Keywords that choose where and how a result is stored, not what it is.
_STORAGE = frozenset({"out", "dtype", "casting", "subok", "like", "copy", "signature"})


def real(value: Any) -> Array:
    """The value as a float64 array, not copied if it is one; NoDerivative for complex or object values."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if kind not in "fiub":
        raise NoDerivative(f"values of kind {kind!r} are not real numbers")
    return np.asarray(value, dtype=np.float64)


def plain(argument: Any) -> Any:
    """The argument as it was passed: nodes replaced by their values, floats widened to float64."""
    if isinstance(argument, Node):
        argument = argument.value
    elif isinstance(argument, list | tuple):
        return type(argument)(plain(item) for item in argument) if has_node(argument) else argument
    if isinstance(argument, np.ndarray | np.floating) and argument.dtype.kind == "f":
        return np.asarray(argument, dtype=np.float64)
    return argument


def has_node(argument: Any) -> bool:
    """Whether the argument is, or holds, a node."""
    return isinstance(argument, Node) or (
        isinstance(argument, list | tuple) and any(has_node(item) for item in argument)
    )


def keywords(node: Node) -> dict[str, Any]:
    """The keyword arguments that matter to a derivative."""
    kwargs = {key: plain(value) for key, value in node.kwargs.items() if key not in _STORAGE}
    if kwargs.get("where", True) is not True:
        raise NoDerivative("a where= mask leaves elements undefined")
    kwargs.pop("where", None)
    return kwargs


def hand_out(call: Call, argument: Any, g: Array) -> Iterator[Contribution]:
    """Gives the cotangent `g` of one argument to the node it is, or to the nodes in the list it is."""
    if isinstance(argument, Node):
        if argument in call.active:
            yield argument, g
    elif isinstance(argument, list | tuple):
        for item, part in zip(argument, g, strict=True):
            yield from hand_out(call, item, part)


def per_argument(rule: ArgumentRule, operands: int | None = None) -> CallRule:
    """Turns a rule for one argument into a rule for the call.

    `operands` is the number of positional arguments that count; a ufunc may be given its output array as one
    more, which is no operand.
    """

    def apply(call: Call) -> Iterator[Contribution]:
        node = call.node
        arguments = node.args if operands is None else node.args[:operands]
        wanted = [call.wants(argument) for argument in arguments]
        values = [
            real(plain(argument)) if want else plain(argument)
            for argument, want in zip(arguments, wanted, strict=True)
        ]
        kwargs = keywords(node) if node.kwargs else {}
        answer = real(node.value)
        for number, want in enumerate(wanted):
            if want:
                g = rule(number, call.g, answer, *values, **kwargs)
                yield from hand_out(call, arguments[number], g)

    return apply


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of an operand, found quickly for numbers and arrays."""
    shape = getattr(value, "shape", None)
    return shape if shape is not None else () if type(value) is float else np.shape(value)


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sums `g` over the axes along which an operand of this shape was repeated."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    repeated = tuple(
        axis for axis in range(g.ndim) if axis < extra or (shape[axis - extra] == 1 and g.shape[axis] != 1)
    )
    return np.asarray(g.sum(axis=repeated)).reshape(shape)


def spread(g: Array, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Array:
    """Repeats the cotangent of a reduction along the axes that were reduced: the adjoint of summing."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, shape)
