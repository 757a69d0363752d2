"""Subgradients at kinks: the conventions, and that `ties` reaches both ends of the subdifferential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from taping import Tape

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import backward

Z = np.array([-1.0, 0.0, 2.0])


def masked(tape: Tape, z: Node, op: str) -> Node:
    return tape.call("multiply", tape.call(op, z, 0), z)


def cast_mask(tape: Tape, z: Node) -> Node:
    mask = tape.call("copy", tape.call("greater", z, 0), fn=lambda m: m.astype(float))
    return tape.call("multiply", z, mask)


def zeroed(tape: Tape, z: Node, op: str) -> Node:
    def write(x: Any, index: Any, value: Any) -> Any:
        x = x.copy()
        x[index] = value
        return x

    return tape.call("setitem", z, tape.call(op, z, 0), 0.0, fn=write)


RELUS: dict[str, tuple[Callable[[Tape, Node], Node], float]] = {
    "maximum(0, z)": (lambda t, z: t.call("maximum", 0, z), 0.0),
    "maximum(z, 0)": (lambda t, z: t.call("maximum", z, 0), 0.0),
    "-minimum(-z, 0)": (lambda t, z: t.call("negative", t.call("minimum", t.call("negative", z), 0)), 0.0),
    "clip(z, 0, None)": (lambda t, z: t.call("clip", z, 0, None), 0.0),
    "(z > 0) * z": (lambda t, z: masked(t, z, "greater"), 0.0),
    "(z >= 0) * z": (lambda t, z: masked(t, z, "greater_equal"), 1.0),
    "z * (z > 0).astype(float)": (cast_mask, 0.0),
    "where(z > 0, z, 0)": (lambda t, z: t.call("where", t.call("greater", z, 0), z, 0), 0.0),
    "where(z >= 0, z, 0)": (lambda t, z: t.call("where", t.call("greater_equal", z, 0), z, 0), 1.0),
    "where(z < 0, 0, z)": (lambda t, z: t.call("where", t.call("less", z, 0), 0, z), 1.0),
    "z[z < 0] = 0": (lambda t, z: zeroed(t, z, "less"), 1.0),
    "z[z <= 0] = 0": (lambda t, z: zeroed(t, z, "less_equal"), 0.0),
}


@pytest.mark.parametrize("ties", [None, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", RELUS)
def test_relu_at_zero(name: str, ties: float | None) -> None:
    """Every way to write ReLU passes the fraction `ties` at 0, and follows its own text by default."""
    relu, default = RELUS[name]
    tape = Tape()
    z = tape.leaf(Z)
    out = relu(tape, z)
    assert out.value == pytest.approx([0.0, 0.0, 2.0])
    (gradient,) = backward([(out, np.full(3, 5.0))], [z], ties=ties)
    assert gradient == pytest.approx([0.0, 5.0 * (default if ties is None else ties), 5.0])


@pytest.mark.parametrize(("ties", "slope"), [(None, 0.0), (0.0, -1.0), (0.5, 0.0), (1.0, 1.0)])
def test_absolute_at_zero(ties: float | None, slope: float) -> None:
    """|x| has slope 0 at 0 by default, and `ties` reaches -1 and 1."""
    tape = Tape()
    z = tape.leaf(Z)
    (gradient,) = backward([(tape.call("absolute", z), np.ones(3))], [z], ties=ties)
    assert gradient == pytest.approx([-1.0, slope, 1.0])


@pytest.mark.parametrize(
    ("ties", "expected"), [(None, [1, 0, 0]), (0.0, [1, 0, 0]), (0.5, [0.5, 0, 0.5]), (1.0, [0, 0, 1])]
)
@pytest.mark.parametrize("op", ["max", "min"])
def test_equal_extremes(op: str, ties: float | None, expected: list[float]) -> None:
    """Of equal extremes the first, all equally, or the last get the cotangent; the shares add up to it."""
    tape = Tape()
    sign = 1.0 if op == "max" else -1.0
    x = tape.leaf(sign * np.array([[3.0, 1.0, 3.0], [3.0, 2.0, 3.0]]))
    (gradient,) = backward([(tape.call(op, x, axis=1), np.array([1.0, 10.0]))], [x], ties=ties)
    assert gradient == pytest.approx(np.outer([1.0, 10.0], expected))


def test_product_with_zeros() -> None:
    """The derivative of a product is the product of the others, with none, one or two zeros among them."""
    tape = Tape()
    x = tape.leaf(np.array([[2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 0.0, 4.0]]))
    (gradient,) = backward([(tape.call("prod", x, axis=1), np.ones(3))], [x])
    assert gradient == pytest.approx(np.array([[12.0, 8.0, 6.0], [0.0, 8.0, 0.0], [0.0, 0.0, 0.0]]))


def test_norm_and_std_at_their_corner_pass_nothing() -> None:
    """The zero vector's norm and a constant's standard deviation get the subgradient 0, not NaN."""
    tape = Tape()
    x = tape.leaf(np.zeros(3))
    for out in (tape.call("norm", x, fn=np.linalg.norm), tape.call("std", x)):
        assert backward([(out, np.ones(()))], [x])[0] == pytest.approx(np.zeros(3))


def test_two_variable_operands_share_a_tie() -> None:
    """Where both operands of maximum vary and are equal, their shares add up to 1."""
    tape = Tape()
    a, b = tape.leaf(np.zeros(2)), tape.leaf(np.array([0.0, 1.0]))
    out = tape.call("maximum", a, b)
    for ties in (None, 0.0, 0.5, 1.0):
        ga, gb = backward([(out, np.ones(2))], [a, b], ties=ties)
        assert ga == pytest.approx([ties or 0.0, 0.0])
        assert gb == pytest.approx([1.0 - (ties or 0.0), 1.0])


def test_leaky_relu_reaches_both_slopes() -> None:
    """maximum(z, 0.1 z) at 0 has slope 0.1 and 1 at the two ends."""
    tape = Tape()
    z = tape.leaf(np.zeros(1))
    out = tape.call("maximum", z, tape.call("multiply", 0.1, z))
    ends = [
        float(g[0])
        for ties in (0.0, 1.0)
        for g in backward([(out, np.ones(1))], [z], ties=ties)
        if g is not None
    ]
    assert sorted(ends) == pytest.approx([0.1, 1.0])


def test_a_threshold_that_jumps_is_no_kink() -> None:
    """(z >= 1) * z jumps at 1, so `ties` leaves its derivative alone."""
    tape = Tape()
    z = tape.leaf(np.array([1.0, 2.0]))
    out = tape.call("multiply", tape.call("greater_equal", z, 1), z)
    for ties in (None, 0.0, 1.0):
        assert backward([(out, np.ones(2))], [z], ties=ties)[0] == pytest.approx([1.0, 1.0])


def test_builtin_max_of_many_numbers() -> None:
    """Python's max of equal floats gives all to the first by default and to the last with ties = 1."""
    tape = Tape()
    numbers = [tape.leaf(v) for v in (1.0, 4.0, 4.0)]
    out = tape.call("max", numbers, fn=max)
    for ties, expected in ((None, [0, 1, 0]), (0.5, [0, 0.5, 0.5]), (1.0, [0, 0, 1])):
        assert backward([(out, np.ones(()))], numbers, ties=ties) == [pytest.approx(v) for v in expected]
