"""Where outputs meet targets: the differences with which a written backward pass begins.

A meeting is `output - target` in either order, or a one-hot target taken in place from the probabilities.  What
the difference is multiplied by next, if it varies among the elements, weights their losses: class weights, the
mask of padded sequences, the advantage of an action.  A target that depends on the parameters itself, as in
temporal-difference learning, may be held constant on purpose; such meetings are marked, and believed last.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array


@dataclass(frozen=True, eq=False)
class Pair:
    """An output and the target that it is compared with.

    weight  of each element's loss
    held    which operand of the difference is the target, where it depends on the parameters and counts as constant
    """

    output: Node
    target: Array
    weight: Array | float = 1.0
    held: Literal["", "first", "second"] = ""


class Meetings:
    """Follows the nodes of one step in order."""

    def __init__(self, tainted: Collection[Node]) -> None:
        self._tainted = tainted
        self._met: dict[Node, list[Pair]] = {}

    def at(self, node: Node) -> list[Pair]:
        """The pairs that meet in this node, or get their weights here."""
        found = [pair for pair in self._weighted(node) if np.size(pair.output.value) > 1]
        if found:
            return found
        pairs = list(self._pairs(node))
        if pairs:
            self._met[node] = pairs
        return pairs

    def _weighted(self, node: Node) -> Iterator[Pair]:
        """The same pairs, where a difference is multiplied by (or divided by) values that do not depend on it."""
        if node.op not in ("multiply", "true_divide", "copy", "negative"):
            return
        first = node.args[0]
        other = node.args[1] if len(node.args) > 1 else 1.0
        if node.op == "multiply" and not (isinstance(first, Node) and first in self._met):
            first, other = other, first
        if not isinstance(first, Node) or first not in self._met or self._depends(other):
            return
        factor = np.asarray(other.value if isinstance(other, Node) else other, dtype=np.float64)
        if np.shape(node.value) != np.shape(first.value) or factor.size == 0:
            return
        if np.ptp(factor) == 0:  # one factor for all: no weights
            self._met[node] = self._met[first]
            return
        with np.errstate(divide="ignore"):
            weight = 1.0 / factor if node.op == "true_divide" else factor
        pairs = [
            replace(pair, weight=pair.weight * weight) for pair in self._met[first] if _fits(weight, pair)
        ]
        self._met[node] = pairs
        yield from pairs

    def _depends(self, value: object) -> bool:
        return isinstance(value, Node) and value in self._tainted

    def _pairs(self, node: Node) -> Iterator[Pair]:
        if node.op in ("subtract", "add") and len(node.args) == 2:
            yield from self._difference(node)
        elif node.op in ("setitem", "scatter"):
            whole = node.args[0]
            if self._depends(whole) and np.shape(whole.value) == np.shape(node.value):
                implied = np.asarray(whole.value, float) - np.asarray(node.value, float)
                if _is_one_hot(implied):
                    yield Pair(whole, _fitted(implied, np.shape(whole.value)))

    def _difference(self, node: Node) -> Iterator[Pair]:
        left, right = node.args
        for output, other, place in ((left, right, "second"), (right, left, "first")):
            if not self._depends(output):
                continue
            if not isinstance(other, Node) or (np.ndim(other.value) == 0 and not self._depends(other)):
                yield from _constant(node, output, other, place)
                continue
            held = place if self._depends(other) else ""
            sign = -1.0 if node.op == "add" else 1.0  # target + (-output)
            target = sign * np.asarray(other.value, float)
            if node.op == "add" and not any(isinstance(x, Node) and _is_negated(x) for x in (output, other)):
                continue  # output + target is no difference
            if held and (node.op == "add" or np.shape(other.value) != np.shape(output.value)):
                continue
            if np.size(target) != np.size(node.value) and target.size != np.size(output.value):
                continue
            if np.shape(node.value) == np.shape(output.value):
                yield Pair(output, _fitted(target, np.shape(output.value)), held=held)  # type: ignore[arg-type]


def added_target(node: Node, tainted: Collection[Node]) -> Iterator[Pair]:
    """The output and the target of a sum, where both lie between 0 and 1; of `p[rows, labels] += 1` as well."""
    if node.op == "add" and len(node.args) == 2:
        for output, target in (node.args, node.args[::-1]):
            made = (
                isinstance(output, Node)
                and output in tainted
                and np.shape(output.value) == np.shape(node.value)
            )
            given = isinstance(target, Node) and target not in tainted and np.ndim(target.value) > 0
            if made and given and _are_shares(output.value, target.value):
                value = np.asarray(target.value, float)
                yield Pair(output, np.broadcast_to(value, np.shape(output.value)))
    elif node.op in ("setitem", "scatter"):
        whole = node.args[0]
        if isinstance(whole, Node) and whole in tainted and np.shape(whole.value) == np.shape(node.value):
            implied = np.asarray(node.value, float) - np.asarray(whole.value, float)
            if _is_one_hot(implied) and _are_shares(whole.value, implied):
                yield Pair(whole, np.round(implied))


def _are_shares(*values: Array) -> bool:
    """Do all values lie between 0 and 1?"""
    return all(np.all((np.asarray(value) >= 0) & (np.asarray(value) <= 1)) for value in values)


def _is_negated(node: Node) -> bool:
    """Was the value made by turning a sign?"""
    if node.op != "multiply":
        return node.op == "negative"
    factors = [np.asarray(arg.value if isinstance(arg, Node) else arg) for arg in node.args]
    return any(factor.ndim == 0 and factor < 0 for factor in factors)


def _constant(node: Node, output: Node, other: object, place: str) -> Iterator[Pair]:
    """One target for all: `p - 1` where every sample is real.  (`1 - p` is a part of a derivative.)"""
    target = other.value if isinstance(other, Node) else other
    size = np.size(output.value)
    is_number = isinstance(target, int | float | np.number | np.ndarray) and np.ndim(target) == 0
    if (
        node.op == "subtract"
        and is_number
        and (place == "second" or size == 1)
        and np.size(node.value) == size
    ):
        yield Pair(output, np.full(np.shape(output.value), float(target)))  # type: ignore[arg-type]


def _is_one_hot(implied: Array) -> bool:
    """One 1 per sample and 0 elsewhere, with the samples in rows, in columns, or a single one in any shape."""
    rounded = np.round(implied)
    if (
        implied.ndim == 0
        or np.abs(implied - rounded).max() > 1e-6
        or not set(np.unique(rounded)) <= {0.0, 1.0}
    ):
        return False
    return any(bool(np.all(rounded.sum(axis=axis) == 1)) for axis in (None, 0, -1))


def _fitted(target: Array, shape: tuple[int, ...]) -> Array:
    return target.reshape(shape) if target.size == math.prod(shape) else np.broadcast_to(target, shape)


def _fits(weight: Array, pair: Pair) -> bool:
    """Can the weights be spread over the output?"""
    shape = np.shape(pair.output.value)
    return bool(np.broadcast_shapes(weight.shape, shape) == shape)
