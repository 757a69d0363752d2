"""What a read of a part of an array, or a store into one, gives with another part, or when it adds up instead."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.alteration import Alteration, Value, applied, number, title, with_args
from unstuck.trace.explaining.pool import Pool

STORES = {"setitem", "scatter"}


def masks(node: Node) -> Iterator[Alteration]:
    """x[mask] = value, for the elements that the mask leaves out."""
    if node.op == "setitem" and isinstance(node.args[1], np.ndarray) and node.args[1].dtype == bool:
        text = "the elements that are set here are those that should be left as they are"
        yield Alteration("activation-derivative-wrong", text, _inverted)


def _inverted(node: Node, pool: Pool) -> Array:
    whole, mask, *rest = node.args
    return applied(with_args(node, (whole, ~mask, *rest)))


# ----- Neighbours ---------------------------------------------------------------------------------------


def indices(node: Node) -> Iterator[Alteration]:
    """The neighbour of an element or a row that is read."""
    if node.op == "getitem" and isinstance(node.args[1], int | np.integer):
        at = int(node.args[1])
        for shift in (1, -1):
            if at + shift >= 0 or at < 0:
                text = f"the element {at} of {title(node.args[0])} stands where its neighbour belongs"
                yield Alteration("wrong-operand", text, _shifted(shift))
    elif node.op == "gather" and isinstance(node.args[0], Node):
        for axis in _fixed(node):
            for shift in (1, -1):
                text = f"a part of {title(node.args[0])} is read where its neighbour belongs"
                yield Alteration("wrong-operand", text, _moved(axis, shift))


def _shifted(shift: int) -> Value:
    return lambda node, pool: applied(with_args(node, (node.args[0], node.args[1] + shift)))


def _fixed(node: Node) -> list[int]:
    """The axes of an array along which a part of it has one place only."""
    shape = np.shape(node.args[0].value)
    flat = np.asarray(node.args[1])
    if not flat.size or len(shape) < 1:
        return []
    places = np.unravel_index(flat.ravel(), shape)
    return [axis for axis, at in enumerate(places) if shape[axis] > 1 and at.min() == at.max()]


def _moved(axis: int, shift: int) -> Value:
    """The part one further along an axis; as with negative indices, the last is the neighbour of the first."""

    def value(node: Node, pool: Pool) -> Array:
        shape = np.shape(number(node.args[0]))
        places = list(np.unravel_index(np.asarray(node.args[1]), shape))
        places[axis] = (places[axis] + shift) % shape[axis]
        return applied(with_args(node, (node.args[0], np.ravel_multi_index(places, shape))))

    return value


# ----- Sums ---------------------------------------------------------------------------------------------


def added_up(node: Node) -> Iterator[Alteration]:
    """x[part] = value that should be x[part] += value."""
    if node.op in STORES and isinstance(node.args[0], Node) and len(node.args) == 3:
        whole = title(node.args[0])
        text = f"this overwrites what earlier rounds have stored in {whole}: it should be added"
        yield Alteration("gradient-overwritten", text, _added)


def _added(node: Node, pool: Pool) -> Array:
    whole, index, value = node.args
    old = np.asarray(number(whole))
    part = old.reshape(-1)[index] if node.op == "scatter" else old[index]
    return applied(with_args(node, (whole, index, part + number(value))))


def started(node: Node) -> Iterator[Alteration]:
    """An array of equal numbers that should be zeros: what a sum starts from."""
    values = np.asarray(node.value)
    if node.op == "leaf" and values.size > 1 and values.flat[0] and np.ptp(values) == 0:
        text = f"the sum that becomes this gradient starts from {float(values.flat[0]):g} instead of 0"
        yield Alteration("gradient-not-cleared", text, lambda node, pool: np.zeros(np.shape(node.value)))
