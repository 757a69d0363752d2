"""Parameters are called what their author would call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from unstuck.trace.reading.names import parameter_names, paths_of


class Layer:
    """An object that can be called, as layers often can."""

    def __init__(self) -> None:
        self.W = np.ones((2, 3))
        self.b = np.zeros(3)

    def __call__(self, x: Any) -> Any:
        return x @ self.W + self.b


@dataclass(slots=True)
class Slotted:
    """An object without a dictionary."""

    W: Any


def path(target: Any, *namespaces: dict[str, Any], loop_variables: tuple[str, ...] = ()) -> str | None:
    """The path of one object."""
    return paths_of({id(target): target}, namespaces, loop_variables).get(id(target))


def test_the_shortest_path_from_the_main_program_wins() -> None:
    """A global variable comes before an item of a container, and that before a local variable."""
    W = np.ones(3)
    assert path(W, {"params": [W], "W1": W}, {"w": W}) == "W1"
    assert path(W, {"params": {"W1": W}}, {"w": W}) == "params['W1']"


def test_objects_lists_and_dictionaries_are_searched() -> None:
    """Also objects that can be called, and objects with slots."""
    layers = [Layer(), Layer()]
    net = type("Net", (), {})()
    net.layers, net.head = layers, (Slotted(np.ones(4)),)
    assert path(layers[1].b, {"net": net}) == "net.layers[1].b"
    assert path(net.head[0].W, {"net": net}) == "net.head[0].W"


def test_a_loop_variable_comes_last() -> None:
    """`w` of a running loop is not the name of the last layer."""
    weights = [np.ones(2), np.ones(3)]
    space = {"w": weights[1], "layer": {"W": weights[1]}, "weights": weights}
    assert path(weights[1], space, loop_variables=("w", "layer")) == "weights[1]"
    assert path(weights[1], {"w": weights[1]}, loop_variables=("w",)) == "w"


def test_a_view_is_found_by_its_memory() -> None:
    """`W[...] -= ...` updates a view; its name is that of the array with the same memory and shape."""
    W = np.ones((2, 3))
    assert path(W[...], {"W": W}) == "W"
    assert path(W[0], {"W": W}) == "W"
    assert path(W[0], {"W": W, "row": W[0]}) == "row"
    assert path(W[0], {"other": np.ones(3)}) is None


def test_variables_of_closures_are_found() -> None:
    """What only an inner function keeps is called as that function calls it."""

    def layer() -> Any:
        W = np.ones(2)
        return lambda x: x @ W

    forward = layer()
    assert path(forward.__closure__[0].cell_contents, {"forward": forward}) == "W"


def test_cycles_and_crowds_are_no_trouble() -> None:
    """Objects that refer to each other, and long lists, end the search."""
    a: dict[str, Any] = {}
    a["self"] = a
    crowd = [[float(i)] for i in range(100_000)]
    W = np.ones(1)
    assert path(W, {"a": a, "crowd": crowd, "z": {"W": W}}) == "z['W']"


@pytest.mark.parametrize(
    ("texts", "paths", "names"),
    [
        (["self.w", "self.b"], ["net.w", "net.b"], ("self.w", "self.b")),
        (["param #1", "param #2"], ["net.W", "net.b"], ("net.W", "net.b")),
        (["self.W #1", "self.W #2"], ["net.layers[0].W", ""], ("net.layers[0].W", "self.W #2")),
        (["W", "b"], ["", ""], ("W", "b")),
        (["w #1", "w #2"], ["x", "x"], ("w #1", "w #2")),
    ],
)
def test_the_final_name(texts: list[str], paths: list[str], names: tuple[str, ...]) -> None:
    """An attribute of self keeps its name, others get their path, and no two parameters share one."""
    assert parameter_names(texts, paths) == names
