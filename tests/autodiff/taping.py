"""A small tape for the tests: runs real functions on real values and notes nodes, as the recorder does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node


def value_of(item: Any) -> Any:
    """The argument tree with nodes replaced by their values."""
    if isinstance(item, Node):
        return item.value
    if isinstance(item, list | tuple):
        return type(item)(value_of(part) for part in item)
    return item


class Tape:
    """Makes nodes with increasing ids."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def leaf(self, value: Any) -> Node:
        return self._note("leaf", None, (), {}, value)

    def call(self, op: str, *args: Any, fn: Callable[..., Any] | None = None, **kwargs: Any) -> Node:
        """Runs `fn` (by default the NumPy function called `op`) and notes it."""
        function = fn or getattr(np, op)
        value = function(*value_of(args), **value_of_mapping(kwargs))
        return self._note(op, function, args, kwargs, value)

    def _note(self, op: str, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> Node:
        node = Node(len(self.nodes), op, fn, args, kwargs, value, None)
        self.nodes.append(node)
        return node


def value_of_mapping(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: value_of(item) for key, item in kwargs.items()}


def finite_difference(
    function: Callable[..., Any],
    values: list[Any],
    number: int,
    cotangent: Any,
    direction: Any,
    step: float = 1e-6,
) -> float:
    """⟨cotangent, J direction⟩ of argument `number` by a central difference."""
    shifted = []
    for sign in (1.0, -1.0):
        moved = list(values)
        moved[number] = np.asarray(values[number], dtype=float) + sign * step * direction
        shifted.append(float(np.sum(cotangent * np.asarray(function(*moved), dtype=float))))
    return (shifted[0] - shifted[1]) / (2 * step)
