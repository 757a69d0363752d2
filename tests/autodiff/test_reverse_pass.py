"""The reverse pass as a whole: small networks, random graphs, overrides, stops and unknown operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taping import Tape, finite_difference

from unstuck.autodiff import effort
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors, backward, between, descendants

ONE = np.ones(())


def two_layers(w: Any, b: Any, v: Any, x: Any, y: Any) -> Any:
    """Half the squared error of a network with one tanh layer, in plain NumPy."""
    return 0.5 * np.sum((np.tanh(x @ w + b) @ v - y) ** 2)


def tape_of_two_layers(values: list[Any]) -> tuple[Tape, list[Node], dict[str, Node]]:
    """The same network, recorded."""
    tape = Tape()
    w, b, v, x, y = leaves = [tape.leaf(value) for value in values]
    z = tape.call("add", tape.call("matmul", x, w), b)
    h = tape.call("tanh", z)
    out = tape.call("matmul", h, v)
    loss = tape.call("multiply", 0.5, tape.call("sum", tape.call("power", tape.call("subtract", out, y), 2)))
    return tape, leaves, {"z": z, "h": h, "out": out, "loss": loss}


@pytest.fixture
def values() -> list[Any]:
    rng = np.random.default_rng(3)
    shapes = [(5, 10), (10,), (10, 4), (6, 5), (6, 4)]
    return [rng.normal(size=shape) for shape in shapes]


def test_small_network_agrees_with_finite_differences(values: list[Any]) -> None:
    """The gradients of all five inputs of a two-layer network equal central differences."""
    rng = np.random.default_rng(4)
    _, leaves, named = tape_of_two_layers(values)
    for number, gradient in enumerate(backward([(named["loss"], ONE)], leaves)):
        direction = rng.normal(size=values[number].shape)
        expected = finite_difference(two_layers, values, number, 1.0, direction)
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-7)


def test_seeding_inside_equals_seeding_the_loss(values: list[Any]) -> None:
    """Seeding the output with ∂loss/∂output gives the same gradients as seeding the loss with 1."""
    _, leaves, named = tape_of_two_layers(values)
    at_output = [(named["out"], named["out"].value - values[4])]
    for inner, outer in zip(
        backward(at_output, leaves[:3]), backward([(named["loss"], ONE)], leaves[:3]), strict=True
    ):
        assert inner == pytest.approx(outer)


def test_adjoints_hold_every_node_between(values: list[Any]) -> None:
    """Every node between the loss and a weight gets its cotangent, constants get none."""
    _, leaves, named = tape_of_two_layers(values)
    result = adjoints([(named["loss"], ONE)], leaves[:1])
    assert result.of(named["out"]) == pytest.approx(named["out"].value - values[4])
    assert {named["z"], named["h"], named["out"], leaves[0]} <= set(result.cotangents)
    assert not {leaves[1], leaves[2], leaves[3], leaves[4]} & set(result.cotangents)
    ids = [node.id for node in result.cotangents]
    assert ids == sorted(ids, reverse=True)


def test_override_replaces_the_local_rule(values: list[Any]) -> None:
    """With tanh' overridden by 1, the gradient is xᵀ(δ vᵀ): the hypothesis "derivative omitted"."""
    _, leaves, named = tape_of_two_layers(values)
    delta = named["out"].value - values[4]
    overrides = {named["h"]: (named["z"], lambda g: g)}
    gw, gb, gv = backward([(named["loss"], ONE)], leaves[:3], overrides=overrides)
    assert gw == pytest.approx(values[3].T @ (delta @ values[2].T))
    assert gb == pytest.approx((delta @ values[2].T).sum(axis=0))
    assert gv == pytest.approx(named["h"].value.T @ delta)


def test_override_with_the_true_rule_changes_nothing(values: list[Any]) -> None:
    """An override that states the true derivative reproduces the true gradient."""
    _, leaves, named = tape_of_two_layers(values)
    overrides = {named["h"]: (named["z"], lambda g: g * (1 - named["h"].value ** 2))}
    truth = backward([(named["loss"], ONE)], leaves[:3])
    for changed, true in zip(
        backward([(named["loss"], ONE)], leaves[:3], overrides=overrides), truth, strict=True
    ):
        assert changed == pytest.approx(true)


def test_override_may_serve_several_operands(values: list[Any]) -> None:
    """A matrix product may pass back through newer weights and still give its own weights their gradient."""
    _, leaves, named = tape_of_two_layers(values)
    newer = values[2] + 0.1
    h = named["h"]
    overrides = {named["out"]: [(h, lambda g: g @ newer.T), (leaves[2], lambda g: h.value.T @ g)]}
    gw, gv = backward([(named["loss"], ONE)], [leaves[0], leaves[2]], overrides=overrides)
    delta = named["out"].value - values[4]
    assert gv == pytest.approx(h.value.T @ delta)
    assert gw == pytest.approx(values[3].T @ ((delta @ newer.T) * (1 - h.value**2)))


def test_override_of_wrong_shape_is_refused(values: list[Any]) -> None:
    """A rule whose cotangent does not have the target's shape raises ValueError."""
    _, leaves, named = tape_of_two_layers(values)
    with pytest.raises(ValueError, match="shape"):
        backward([(named["loss"], ONE)], leaves[:1], overrides={named["h"]: (named["z"], lambda g: g.sum())})


def test_override_forward_in_time_is_refused(values: list[Any]) -> None:
    """A cotangent cannot be sent to a node that was computed later: it would be lost."""
    _, leaves, named = tape_of_two_layers(values)
    with pytest.raises(ValueError, match="back in time"):
        backward([(named["loss"], ONE)], leaves[:1], overrides={named["h"]: (named["out"], lambda g: g)})


def test_seed_of_wrong_shape_is_refused(values: list[Any]) -> None:
    """A seed must have the shape of its node's value."""
    _, leaves, named = tape_of_two_layers(values)
    with pytest.raises(ValueError, match="shape"):
        backward([(named["out"], ONE)], leaves[:1])


def test_stop_makes_a_node_an_independent_input(values: list[Any]) -> None:
    """A stopped node gets its cotangent and passes none on."""
    _, leaves, named = tape_of_two_layers(values)
    gw, gz, gv = backward([(named["loss"], ONE)], [leaves[0], named["z"], leaves[2]], stop=[named["h"]])
    assert gw is not None
    assert not gw.any()
    assert gz is not None
    assert not gz.any()
    assert gv is not None
    assert gv.any()


def test_independent_node_has_zero_gradient(values: list[Any]) -> None:
    """A node on which the loss does not depend has zeros of its own shape."""
    tape, _, named = tape_of_two_layers(values)
    stranger = tape.leaf(np.ones((2, 3)))
    (gradient,) = backward([(named["loss"], ONE)], [stranger])
    assert gradient is not None
    assert gradient.shape == (2, 3)
    assert not gradient.any()


def test_inner_node_and_its_ancestor_get_total_derivatives(values: list[Any]) -> None:
    """Asking for a weight and a value computed from it gives both their total derivatives."""
    _, leaves, named = tape_of_two_layers(values)
    gw, gz = backward([(named["loss"], ONE)], [leaves[0], named["z"]])
    assert gz is not None
    assert gw == pytest.approx(values[3].T @ gz)


def test_seeds_and_uses_add_up() -> None:
    """Two seeds on one node, and a node used twice in one call, add their cotangents."""
    tape = Tape()
    x = tape.leaf(3.0)
    square = tape.call("multiply", x, x)
    (gradient,) = backward([(square, ONE), (square, 2 * ONE)], [x])
    assert gradient == pytest.approx(18.0)


def test_seeding_the_wanted_node_returns_the_seed() -> None:
    """The cotangent of a seed node that is itself wanted is its seed."""
    tape = Tape()
    x = tape.leaf(np.arange(3.0))
    (gradient,) = backward([(x, np.array([1.0, 2.0, 4.0]))], [x])
    assert gradient == pytest.approx([1.0, 2.0, 4.0])


def test_unknown_operation_spoils_only_what_lies_behind_it(values: list[Any]) -> None:
    """An opaque call makes its own inputs unknown and leaves all other gradients exact."""
    tape = Tape()
    x, a, b = tape.leaf(np.ones(3)), tape.leaf(np.ones(3)), tape.leaf(np.ones(3))
    hidden = tape.call("opaque", tape.call("multiply", x, a), fn=lambda v: v**2)
    out = tape.call("sum", tape.call("multiply", hidden, b))
    result = adjoints([(out, ONE)], [a, b])
    assert result.of(a) is None
    assert result.of(b) == pytest.approx(hidden.value)
    assert [(missing.op, missing.reason) for missing in result.missing] == [("opaque", "no rule")]
    assert backward([(out, ONE)], [a, b])[0] is None


def test_unknown_operation_off_the_path_does_not_matter() -> None:
    """An opaque call that does not depend on the wanted node is a constant."""
    tape = Tape()
    x, w = tape.leaf(np.ones(3)), tape.leaf(np.arange(3.0))
    out = tape.call("sum", tape.call("multiply", tape.call("opaque", x, fn=np.sinc), w))
    result = adjoints([(out, ONE)], [w])
    assert result.missing == ()
    assert result.of(w) is not None


def test_element_writes_and_reads_in_a_loop() -> None:
    """A vector filled element by element passes each element's cotangent to where it came from."""
    tape = Tape()
    w = tape.leaf(np.array([1.0, 2.0, 3.0]))
    y = tape.leaf(np.zeros(3))

    def write(x: Any, i: int, value: Any) -> Any:
        x = x.copy()
        x[i] = value
        return x

    for i in range(3):
        item = tape.call("getitem", w, i, fn=lambda x, i: x[i])
        y = tape.call("setitem", y, 2 - i, tape.call("multiply", item, item), fn=write)
    out = tape.call("sum", tape.call("multiply", y, np.array([1.0, 10.0, 100.0])))
    (gradient,) = backward([(out, ONE)], [w])
    assert gradient == pytest.approx([200.0, 40.0, 6.0])


def test_python_floats_are_differentiated() -> None:
    """A scalar network of Python floats and math functions gives a 0-d gradient."""
    import math

    tape = Tape()
    w, x = tape.leaf(0.7), 1.5
    z = tape.call("multiply", w, x)
    e = tape.call("exp", tape.call("negative", z, fn=lambda v: -v), fn=math.exp)
    s = tape.call("true_divide", 1.0, tape.call("add", 1.0, e))
    (gradient,) = backward([(s, ONE)], [w])
    sigmoid = 1 / (1 + math.exp(-0.7 * x))
    assert gradient == pytest.approx(x * sigmoid * (1 - sigmoid))


def test_output_buffer_is_no_operand() -> None:
    """What an output array held before the call has no influence, given by keyword or by position."""
    tape = Tape()
    x = tape.leaf(np.arange(3.0))
    buffer = tape.call("multiply", x, 5.0)
    by_keyword = tape.call("exp", x, out=buffer, fn=lambda v, out: np.exp(v))
    by_position = tape.call("add", x, 1.0, buffer, fn=lambda v, w, out: v + w)
    for out, expected in ((by_keyword, np.exp(x.value)), (by_position, np.ones(3))):
        gx, gb = backward([(out, np.ones(3))], [x, buffer])
        assert gx == pytest.approx(expected)
        assert gb == pytest.approx(np.zeros(3))


def test_between_visits_only_the_paths(values: list[Any]) -> None:
    """The slice between the loss and v skips everything older and everything beside."""
    _, leaves, named = tape_of_two_layers(values)
    path = between([named["loss"]], [leaves[2]])
    assert path[0] is named["loss"]
    assert path[-1] is leaves[2]
    assert named["out"] in path
    assert named["h"] not in path


def test_comparisons_end_a_path() -> None:
    """A mask computed from a weight is not on any differentiable path."""
    tape = Tape()
    w = tape.leaf(np.array([1.0, -1.0]))
    mask = tape.call("greater", w, 0)
    out = tape.call("multiply", mask, w)
    assert between([out], [w]) == [out, w]


def test_ancestors_and_descendants_are_each_others_inverse(values: list[Any]) -> None:
    """b is an ancestor of a exactly when a is a descendant of b."""
    tape, _, _ = tape_of_two_layers(values)
    above = {node: ancestors([node]) for node in tape.nodes}
    below = {node: descendants([node], tape.nodes) for node in tape.nodes}
    assert all((b in above[a]) == (a in below[b]) for a in tape.nodes for b in tape.nodes)
    assert ancestors([tape.nodes[-1]], oldest=7) == {node for node in above[tape.nodes[-1]] if node.id >= 7}


# ----- Random graphs ------------------------------------------------------------------------------------

ONE_OPERAND = ("tanh", "sin", "negative", "square", "transpose", "absolute", "arctan")
TWO_OPERANDS = ("add", "subtract", "multiply", "matmul", "maximum", "logaddexp")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(
        st.tuples(st.sampled_from(ONE_OPERAND + TWO_OPERANDS), st.integers(0, 40), st.integers(0, 40)),
        min_size=1,
        max_size=14,
    ),
)
def test_random_graphs_agree_with_finite_differences(seed: int, program: list[tuple[str, int, int]]) -> None:
    """Any program of elementwise and matrix operations on two 3 x 3 leaves agrees with its differences."""
    rng = np.random.default_rng(seed)
    values = [rng.uniform(-0.6, 0.6, size=(3, 3)) for _ in range(2)]

    def run(tape: Tape) -> list[Node]:
        nodes = tape.nodes
        for op, first, second in program:
            operands = [nodes[first % len(nodes)], nodes[second % len(nodes)]]
            # Damped, so that repeated squares neither explode nor make the differences inexact.
            tape.call("multiply", 0.7, tape.call(op, *operands[: 1 if op in ONE_OPERAND else 2]))
        return nodes

    def final(*leaves: Any) -> Any:
        tape = Tape()
        for leaf in leaves:
            tape.leaf(leaf)
        return run(tape)[-1].value

    tape = Tape()
    leaves = [tape.leaf(value) for value in values]
    out = run(tape)[-1]
    cotangent = rng.normal(size=(3, 3))
    for number, gradient in enumerate(backward([(out, cotangent)], leaves)):
        direction = rng.normal(size=(3, 3))
        expected = finite_difference(final, values, number, cotangent, direction, step=1e-7)
        assert gradient is not None
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_work_is_counted_by_operations(values: list[Any]) -> None:
    """The same pass has the same count every time: one for each operation on small arrays that it visits."""
    _, leaves, named = tape_of_two_layers(values)
    costs = []
    for _ in range(2):
        before = effort.done()
        backward([(named["out"], values[4])], leaves[:3])
        costs.append(effort.done() - before)
    assert costs == [7, 7]  # w, b, v and the four operations from them to the output
