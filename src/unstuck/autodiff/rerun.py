"""Run one recorded operation again, with other values for some of its operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array

# What an operation may say to values that it was not written for, functions of the user's own included.
NOT_RUN = (ArithmeticError, AttributeError, KeyError, IndexError, TypeError, ValueError)


def run(node: Node, values: Mapping[Node, Any]) -> Any:
    """What an operation gives when some of its operands take other values."""

    def resolved(item: Any) -> Any:
        if isinstance(item, Node):
            return values.get(item, item.value)
        return [resolved(part) for part in item] if isinstance(item, list) else item

    args = [resolved(item) for item in node.args]
    kwargs = {
        key: resolved(item) for key, item in node.kwargs.items() if key not in ("index", "out", "dtype")
    }
    function: Callable[..., Any] = (
        node.fn if node.op == "vectorize" and node.fn else STRUCTURAL.get(node.op) or _function(node.op)
    )
    return function(*args, **kwargs)


def _function(name: str) -> Callable[..., Any]:
    """The NumPy function of this name, else that of scipy.special, which only those who need it pay for."""
    found = getattr(np, name, None) or getattr(np.linalg, name, None)
    if found is None:
        import scipy.special

        found = getattr(scipy.special, name)
    return found  # type: ignore[no-any-return]


def _stored(base: Any, index: Any, value: Any) -> Array:
    result = np.array(base, dtype=np.float64)
    result[index] = value
    return result


def _scattered(base: Any, flat: Array, value: Any) -> Array:
    result = np.array(base, dtype=np.float64, order="C")  # in any other order reshape would make a copy
    result.reshape(-1)[flat] = value
    return result


def _spread(sign: float) -> Callable[..., Array]:
    """np.add.at (+1) or np.subtract.at (-1), as a function of the array before it."""

    def spread(base: Any, index: Any, value: Any) -> Array:
        result = np.array(base, dtype=np.float64)
        np.add.at(result, index, sign * np.asarray(value, dtype=np.float64))
        return result

    return spread


STRUCTURAL: dict[str, Callable[..., Any]] = {
    "copy": lambda value: value,
    "array": lambda items: np.array(items, dtype=np.float64),
    "getitem": lambda base, index: np.asarray(base)[index],
    "setitem": _stored,
    "add.at": _spread(1.0),
    "subtract.at": _spread(-1.0),
    "gather": lambda base, flat: np.asarray(base).reshape(-1)[flat],
    "scatter": _scattered,
    "reshape": lambda base, *shape, **options: np.asarray(base).reshape(*shape, **options),
    "item": lambda base, *index: np.asarray(base).item(*index),
}
