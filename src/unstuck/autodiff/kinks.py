"""Functions with kinks, where the derivative jumps and any value in between is a subgradient.

Programs disagree about the derivative *at* the kink (ReLU at exactly 0), and none of them is wrong.  `ties`
says which subgradient is taken: 0 and 1 are the two ends, 0.5 the middle.  None is the usual convention:

    maximum(a, b), minimum(a, b)   the variable operand gets the fraction `ties`, None = 0 (ReLU'(0) = 0);
                                   with two variable operands the second gets the rest
    clip(x, low, high)             the fraction `ties` passes at a bound, None = 0
    absolute(x)                    slope 2 ties - 1 at 0, None = slope 0 (as in np.sign)
    max(x), min(x) along axes      the first of equal extremes gets all, with 0.5 all equally, with 1 the last;
                                   with EVERY each of them gets all, as in g * (x == x.max()), which is no
                                   subgradient and yet what many programs write; elsewhere that is as 1
    where(c, x, y), c * x          None: as the recorded condition says.  Otherwise, where c compares equal
                                   values and both branches agree, as for maximum
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import numpy as np

from unstuck.autodiff.call import (
    Call,
    CallRule,
    Contribution,
    hand_out,
    keywords,
    plain,
    real,
    spread,
    unbroadcast,
)
from unstuck.autodiff.node import Node
from unstuck.facts import Array

EVERY = 2.0
_ORDERINGS = frozenset({"greater", "greater_equal", "less", "less_equal"})


def _branches(call: Call, first: Any, second: Any, share: Array) -> Iterator[Contribution]:
    """The operand `first` gets the share of g, `second` the rest."""
    for argument, weight in ((first, share), (second, 1.0 - share)):
        if call.wants(argument):
            yield from hand_out(call, argument, unbroadcast(call.g * weight, np.shape(plain(argument))))


def _tied_share(call: Call, first: Any, second: Any) -> float:
    """The share of the first operand at a tie: `ties` belongs to the operand that varies."""
    ties = subgradient(call) or 0.0
    return ties if call.wants(first) else 1.0 - ties


def subgradient(call: Call) -> float | None:
    """The subgradient for functions that know no EVERY."""
    return None if call.ties is None else min(call.ties, 1.0)


def _extreme_of_two(call: Call, first: Any, second: Any, sign: float) -> Iterator[Contribution]:
    x, y = real(plain(first)), real(plain(second))
    share = np.where(x == y, _tied_share(call, first, second), sign * x > sign * y)
    return _branches(call, first, second, share)


def _extreme_of_axis(call: Call, sign: float) -> Iterator[Contribution]:
    """max and min along axes."""
    argument, *rest = call.node.args
    x = real(plain(argument))
    kwargs = keywords(call.node)
    axis = plain(rest[0]) if rest else kwargs.get("axis")
    keepdims = bool(kwargs.get("keepdims", rest[2] if len(rest) > 2 else False))
    hits = x == spread(real(call.node.value), x.shape, axis, keepdims)
    if call.ties == 0.5:
        weight = hits / hits.sum(axis=axis, keepdims=True)
    elif call.ties == EVERY:
        weight = hits
    else:
        axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % max(x.ndim, 1))
        weight = _single_hit(hits, axes, last=call.ties == 1)
    yield from hand_out(call, argument, spread(call.g, x.shape, axis, keepdims) * weight)


def _single_hit(hits: Array, axes: tuple[int, ...], last: bool) -> Array:
    """Keeps only the first (or last) True along the axes taken together, in C order."""
    behind = range(hits.ndim - len(axes), hits.ndim)
    moved = np.moveaxis(hits, axes, tuple(behind))
    lines = moved.reshape(*moved.shape[: hits.ndim - len(axes)], -1)
    ordered = lines[..., ::-1] if last else lines
    single = ordered & (np.cumsum(ordered, axis=-1) == 1)
    single = single[..., ::-1] if last else single
    return np.moveaxis(single.reshape(moved.shape), tuple(behind), axes)


def _extreme(sign: float) -> CallRule:
    """max or min: of an array along axes, or the builtin one of several numbers."""

    def rule(call: Call) -> Iterator[Contribution]:
        if call.node.fn not in (builtins.max, builtins.min):
            return _extreme_of_axis(call, sign)
        numbers = call.node.args if len(call.node.args) > 1 else call.node.args[0]
        if isinstance(numbers, tuple) and len(numbers) == 2:
            return _extreme_of_two(call, numbers[0], numbers[1], sign)
        return _extreme_of_list(call, numbers)

    return rule


def _extreme_of_list(call: Call, numbers: Any) -> Iterator[Contribution]:
    """The builtin max or min of many numbers: the element that it returned gets all."""
    hits = real(plain(numbers)) == real(call.node.value)
    weight = hits / hits.sum() if call.ties == 0.5 else _single_hit(hits, (0,), last=subgradient(call) == 1)
    return hand_out(call, numbers, call.g * weight)


def _absolute(call: Call) -> Iterator[Contribution]:
    x = real(plain(call.node.args[0]))
    end = subgradient(call)
    at_zero = 0.0 if end is None else 2.0 * end - 1.0
    yield from hand_out(call, call.node.args[0], call.g * np.where(x == 0, at_zero, np.sign(x)))


def _clip(call: Call) -> Iterator[Contribution]:
    """clip(x, low, high) as minimum(maximum(x, low), high), bounds None or missing included."""
    argument, *bounds = call.node.args[:3]
    kwargs = call.node.kwargs
    low = bounds[0] if bounds else kwargs.get("a_min", kwargs.get("min"))
    high = bounds[1] if len(bounds) > 1 else kwargs.get("a_max", kwargs.get("max"))
    x = real(plain(argument))
    floor = -np.inf if low is None else real(plain(low))
    roof = np.inf if high is None else real(plain(high))
    below, above = x < floor, np.maximum(x, floor) > roof
    edge = (x == floor) | (x == roof)
    passing = np.where(edge & ~above, subgradient(call) or 0.0, ~below & ~above)
    shares = ((argument, passing), (low, below & ~above), (high, above))
    for operand, share in shares:
        if call.wants(operand):
            yield from hand_out(call, operand, unbroadcast(call.g * share, np.shape(plain(operand))))


def tied(condition: Any) -> Array | None:
    """Where a recorded ordering (a > b and the like, also cast) compared equal values; None otherwise."""
    while isinstance(condition, Node) and condition.op == "copy":
        condition = condition.args[0]
    if isinstance(condition, Node) and condition.op in _ORDERINGS:
        return np.asarray(np.equal(plain(condition.args[0]), plain(condition.args[1])))
    return None


def _where(call: Call) -> Iterator[Contribution]:
    condition, first, second = call.node.args[:3]
    share = np.asarray(plain(condition), dtype=bool).astype(np.float64)
    edge = tied(condition) if call.ties is not None else None
    if edge is not None:
        agree = edge & np.equal(plain(first), plain(second))
        share = np.where(agree, _tied_share(call, first, second), share)
    return _branches(call, first, second, share)


def _factor(call: Call, factor: Any, other: Any) -> Array:
    """What `other` is multiplied by; a mask is softened to `ties` where it switches and `other` is 0."""
    values = real(plain(factor))
    end = subgradient(call)
    if end is None or (edge := tied(factor)) is None:
        return values
    return np.where(edge & np.equal(plain(other), 0), end, values)


def _multiply(call: Call) -> Iterator[Contribution]:
    first, second = call.node.args[:2]
    for operand, factor in ((first, second), (second, first)):
        if call.wants(operand):
            g = call.g * _factor(call, factor, operand)
            yield from hand_out(call, operand, unbroadcast(g, np.shape(plain(operand))))


RULES: dict[str, CallRule] = {
    "multiply": _multiply,
    "maximum": lambda call: _extreme_of_two(call, call.node.args[0], call.node.args[1], 1.0),
    "minimum": lambda call: _extreme_of_two(call, call.node.args[0], call.node.args[1], -1.0),
    "max": _extreme(1.0),
    "min": _extreme(-1.0),
    "absolute": _absolute,
    "clip": _clip,
    "where": _where,
}
RULES |= {"fmax": RULES["maximum"], "fmin": RULES["minimum"], "amax": RULES["max"], "amin": RULES["min"]}
RULES |= {"abs": RULES["absolute"], "fabs": RULES["absolute"]}
