"""Arrays whose numbers are updated one by one, most of them along the gradient and a few otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Explanation
from unstuck.trace.judging.matching import STEADY

LEAST_STEPS = 3
STORES = {"setitem", "scatter"}
Move = tuple[Array, Array, Array]  # the old value, the new one, and the true gradient


def stray_element(name: str, moves: Sequence[Move], made: Node) -> Explanation | None:
    """The explanation of an element that does not go along its gradient, as at least half of the others do.

    made  the array after the last of the steps, of which each element was stored by a statement of its own
    """
    if len(moves) < LEAST_STEPS:
        return None
    ratios = np.concatenate([_ratios(*move) for move in moves])
    usual = float(np.median(ratios)) if ratios.size else 0.0
    along = np.all([_goes_along(*move, usual) for move in moves], axis=0)
    if np.all(along) or np.mean(along) < 0.5 or along.size < 2:
        return None
    index = tuple(int(i) for i in np.argwhere(~along)[0])
    store = _store_of(made, index)
    if store is None or store.span is None:
        return None
    element = f"{name}[{', '.join(map(str, index))}]"
    text = f"{element} is not moved along its gradient, as the other numbers of {name} are"
    return Explanation("parameter-not-kept", text, store.span)


def _ratios(old: Array, new: Array, true: Array) -> Array:
    """The change of each element over its gradient, where that is something."""
    told = np.abs(true) > STEADY * np.abs(true).max(initial=0.0)
    return np.asarray((new - old)[told] / true[told])


def _goes_along(old: Array, new: Array, true: Array, usual: float) -> Array:
    """For each element: is its change the usual multiple of its gradient?

    (Rates may change: the nearest one counts.)
    """
    ratios = _ratios(old, new, true)
    if not ratios.size:
        return np.ones(np.shape(old), bool)
    factor = ratios[np.argmin(np.abs(ratios - usual))]
    return np.asarray(np.abs(new - old - factor * true) <= STEADY * np.abs(factor * true).max())


def _store_of(made: Node, index: tuple[int, ...]) -> Node | None:
    """The last statement that stored this element."""
    node = made
    while node.op in STORES and isinstance(node.args[0], Node):
        changed = np.asarray(node.value) != np.asarray(node.args[0].value)
        if changed.shape == np.shape(made.value) and changed[index]:
            return node
        node = node.args[0]
    return None
