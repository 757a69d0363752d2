"""Where outputs meet targets: the differences with which a written backward pass begins.

A meeting is `output - target` in either order, a one-hot target taken in place from the probabilities, a choice
between two differences of one output, or the slope of the binary cross-entropy in two quotients.  What it is
multiplied by next may weight its elements.  A target that depends on the parameters itself, as in temporal-difference
learning, may be held constant on purpose; such meetings are marked, and believed last.  A probability whose target is 0
meets nothing: it is the error as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array
from unstuck.trace.reading.odds import met_in_odds
from unstuck.trace.reading.pairs import BENDING, MOVING, Met, Pair, bent, met, moved

SIGMOIDS = {"true_divide", "reciprocal", "exp", "expit", "multiply", "power", "add", "where", "vectorize"}
DEEPEST = 6  # operations from the value before a sigmoid to its result
SIGMOID_TOLERANCE = 1e-6
LEAST_CLASSES = 3  # of a single row of which the class can be seen


class Meetings:
    """Follows the nodes of one step in order."""

    def __init__(self, tainted: Collection[Node]) -> None:
        self._tainted = tainted
        self._met: dict[Node, list[Met]] = {}  # every way in which a difference can be read

    def at(self, node: Node) -> list[Pair]:
        """The pairs that meet in this node, or get their weights here."""
        if (collected := self._moved(node)) is not None:
            self._met[node] = [collected]
            return []
        weighted = self._weighted(node) or self._bent(node)
        if weighted:
            self._met[node] = weighted
            return [pair for one in weighted for pair in one.pairs]
        pairs = [*self._pairs(node), *self._chosen(node)]
        if pairs:
            self._met[node] = [met(pair) for pair in pairs]
        return pairs

    def _moved(self, node: Node) -> Met | None:
        if node.op not in MOVING:
            return None
        known = {parent: self._met[parent][0] for parent in node.parents() if parent in self._met}
        return moved(node, known) if known else None

    def _weighted(self, node: Node) -> list[Met]:
        """The same differences, where they are multiplied by (or divided by) values that do not depend on them."""
        if node.op == "setitem":
            return self._rescaled(node)
        if node.op not in ("multiply", "true_divide"):
            return []
        first, other = node.args[:2]
        if node.op == "multiply" and not (isinstance(first, Node) and first in self._met):
            first, other = other, first
        if not isinstance(first, Node) or first not in self._met or self._depends(other):
            return []
        factor = np.asarray(other.value if isinstance(other, Node) else other, dtype=np.float64)
        if np.shape(node.value) != np.shape(first.value) or factor.size == 0:
            return []
        if np.ptp(factor) == 0 and (factor.ndim == 0 or np.ndim(first.value) == 0):  # one for all: no weights
            self._met[node] = self._met[first]
            return []
        with np.errstate(divide="ignore"):
            weight = 1.0 / factor if node.op == "true_divide" else factor
        return [one.weighted(weight) for one in self._met[first]]

    def _bent(self, node: Node) -> list[Met]:
        """The differences of which a function is sent back."""
        first = next((each for each in node.parents() if each in self._met), None)
        if first is None or node.op not in BENDING:
            return []
        found = (bent(one, first, node) for one in self._met[first] if not one.pairs[0].held)
        return [one for one in found if one is not None]

    def _rescaled(self, node: Node) -> list[Met]:
        """d[mask] *= weight: the same differences, some of them multiplied."""
        whole, _, value = node.args
        if not isinstance(whole, Node) or whole not in self._met or not isinstance(value, Node):
            return []
        known = [arg for arg in value.parents() if self._depends(arg)] if value.op == "multiply" else []
        if len(known) != 1 or known[0].op not in ("getitem", "gather") or known[0].args[0] is not whole:
            return []
        old, new = np.asarray(whole.value, float), np.asarray(node.value, float)
        weight = np.divide(new, old, out=np.ones(old.shape), where=old != 0)
        return [one.weighted(weight) for one in self._met[whole]]

    def _chosen(self, node: Node) -> Iterator[Pair]:
        """np.where(y == 1, weight * (p - 1), p): two differences of one output, each for some of the samples."""
        if node.op != "where" or len(node.args) != 3 or self._depends(node.args[0]):
            return
        sides = [self._side(side, np.shape(node.value)) for side in node.args[1:]]
        found = [side for side in sides if side is not None]
        outputs = {side.output for side in found}
        differs = any(isinstance(side, Node) and side in self._met for side in node.args[1:])
        if differs and len(outputs) == 1 and len(found) + sum(map(_is_zero, node.args[1:])) == 2:
            one, other = (side or Pair(found[0].output, found[0].target, 0.0) for side in sides)
            where = np.asarray(getattr(node.args[0], "value", node.args[0]), bool)
            yield Pair(
                one.output,
                np.where(where, one.target, other.target),
                np.where(where, one.weight, other.weight),
            )

    def _side(self, side: object, shape: tuple[int, ...]) -> Pair | None:
        """What one side of a choice compares: a difference, or an output as it is, whose target is 0."""
        if not isinstance(side, Node) or np.shape(side.value) != shape or not self._depends(side):
            return None
        known = self._met.get(side)
        if known is None:
            return Pair(side, np.zeros(shape))
        (pair,) = known[0].pairs[:1]
        if len(known[0].pairs) > 1 or np.shape(pair.output.value) != shape:
            return None
        return replace(pair, weight=_factors(np.asarray(side.value, float), pair))

    def _depends(self, value: object) -> bool:
        return isinstance(value, Node) and value in self._tainted

    def _pairs(self, node: Node) -> Iterator[Pair]:
        if node.op in ("subtract", "add") and len(node.args) == 2:
            yield from self._difference(node)
            yield from met_in_odds(node, self._tainted)
        elif node.op in ("setitem", "scatter"):
            whole = node.args[0]
            if self._depends(whole) and np.shape(whole.value) == np.shape(node.value):
                implied = np.asarray(whole.value, float) - np.asarray(node.value, float)
                if _is_one_hot(implied):
                    yield Pair(whole, _fitted(implied, np.shape(whole.value)))

    def _difference(self, node: Node) -> Iterator[Pair]:
        left, right = node.args
        if node.op == "add" and not any(isinstance(x, Node) and _is_negated(x) for x in node.args):
            return  # output + target is no difference
        for output, other, place in ((left, right, "second"), (right, left, "first")):
            if not self._depends(output):
                continue
            if not isinstance(other, Node) or (np.ndim(other.value) == 0 and not self._depends(other)):
                yield from _constant(node, output, other, place)
                continue
            held = place if self._depends(other) else ""
            sign = -1.0 if node.op == "add" else 1.0  # target + (-output)
            target = sign * np.asarray(other.value, float)
            if held and (node.op == "add" or np.shape(other.value) != np.shape(output.value)):
                continue
            if np.size(target) != np.size(node.value) and target.size != np.size(output.value):
                continue
            if np.shape(node.value) == np.shape(output.value):
                yield Pair(output, _fitted(target, np.shape(output.value)), held=held)  # type: ignore[arg-type]


def added_target(node: Node, tainted: Collection[Node]) -> Iterator[Pair]:
    """The output and the target of a sum, where both lie between 0 and 1; of `p[rows, labels] += 1` as well.

    Beside a target with one 1 in each row the output may be any: nobody trains it to be -1 at the right class.
    """
    if node.op == "add" and len(node.args) == 2:
        for output, target in (node.args, node.args[::-1]):
            made = (
                isinstance(output, Node)
                and output in tainted
                and np.shape(output.value) == np.shape(node.value)
            )
            given = isinstance(target, Node) and target not in tainted and np.ndim(target.value) > 0
            if made and given and (_are_shares(output.value, target.value) or _are_classes(target.value)):
                value = np.asarray(target.value, float)
                yield Pair(output, np.broadcast_to(value, np.shape(output.value)))
    elif node.op in ("setitem", "scatter"):
        whole = node.args[0]
        if isinstance(whole, Node) and whole in tainted and np.shape(whole.value) == np.shape(node.value):
            implied = np.asarray(node.value, float) - np.asarray(whole.value, float)
            if _is_one_hot(implied) and _are_shares(whole.value, implied):
                yield Pair(whole, np.round(implied))


def without_target(
    step: Iterable[Node], backward: Collection[Node], met: Collection[Node], oldest: int
) -> Iterator[Pair]:
    """Sigmoids that no output which meets a target is computed from, but gradients are: their target is 0."""
    within = ancestors(met, oldest=oldest)
    for node in step:
        if node in backward and node not in within and node.op in SIGMOIDS and _is_sigmoid(node):
            yield Pair(node, np.zeros(np.shape(node.value)))


def _is_sigmoid(node: Node) -> bool:
    """Is the value 1 / (1 + exp(-z)) of an earlier value, z or its negative?"""
    current: Node | None = node
    if _is_beyond(node.value):
        return False
    for _ in range(DEEPEST):
        inputs = current.parents() if current is not None else ()
        current = next((p for p in inputs if np.shape(p.value) == np.shape(node.value)), None)
        if current is None:
            return False
        if any(_agrees(sign * np.asarray(current.value, float), node.value) for sign in (1.0, -1.0)):
            return True
    return False


def _is_beyond(value: object) -> bool:
    """Is the first element no value of a sigmoid?  That leaves out most."""
    first = next(iter(np.ravel(value)[:1]), 0.0)  # type: ignore[call-overload]
    return isinstance(first, np.floating) and not 0.0 <= first <= 1.0 + 2 * SIGMOID_TOLERANCE


def _agrees(z: Array, p: Array) -> bool:
    """Is p the sigmoid of z?  Most are told apart by their first elements."""
    if not z.size or not _is_near(float(z.flat[0]), float(np.asarray(p).flat[0])):
        return not z.size
    with np.errstate(over="ignore"):
        return bool(np.allclose(1.0 / (1.0 + np.exp(-z)), p, rtol=SIGMOID_TOLERANCE, atol=0.0))


def _is_near(z: float, p: float) -> bool:
    """The same for one element, with room for the rounding of another exponential function."""
    room = 2 * SIGMOID_TOLERANCE
    if not 0.0 <= p <= 1.0 + room:
        return False
    try:
        return abs(1.0 / (1.0 + math.exp(-z)) - p) <= room * p
    except OverflowError:
        return p == 0.0


def _are_classes(target: Array) -> bool:
    """One row for each sample, with a single 1 among zeros; of several, the rows are not all the same."""
    value = np.asarray(target, float)
    one_hot = value.ndim == 2 and set(np.unique(value)) == {0.0, 1.0} and np.all(value.sum(axis=1) == 1)
    single = len(value) == 1 and value.size >= LEAST_CLASSES
    return bool(one_hot and (single or (value.shape[1] > 1 and np.any(value != value[0]))))


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
    """One 1 per sample and 0 elsewhere, with the samples in rows, in columns, or a single one in any shape.

    Of samples with one output each, any may have the target 1.
    """
    rounded = np.round(implied)
    if (
        implied.ndim == 0
        or np.abs(implied - rounded).max() > 1e-6
        or not set(np.unique(rounded)) <= {0.0, 1.0}
    ):
        return False
    single = max(implied.shape) == implied.size > 1 and bool(np.any(rounded))
    return single or any(bool(np.all(rounded.sum(axis=axis) == 1)) for axis in (None, 0, -1))


def _fitted(target: Array, shape: tuple[int, ...]) -> Array:
    return target.reshape(shape) if target.size == math.prod(shape) else np.broadcast_to(target, shape)


def _is_zero(side: object) -> bool:
    return isinstance(side, int | float | np.number | np.ndarray) and not np.any(side)


def _factors(value: Array, pair: Pair) -> Array:
    """What a difference was multiplied by; one factor for all counts without its sign, as `1 - p` does for `p - 1`."""
    difference = np.asarray(pair.output.value, float) - pair.target
    factors = np.divide(value, difference, out=np.ones(value.shape), where=difference != 0)
    told = factors[difference != 0]
    return np.asarray(np.abs(factors) if told.size and np.allclose(told, told.flat[0]) else factors)
