"""A pass that is altered by its differences equals a whole pass under the same overrides."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from taping import Tape

from unstuck.autodiff.node import Node
from unstuck.autodiff.reversal import Reversal
from unstuck.autodiff.reverse import Adjoints, adjoints

ONE_OPERAND = ("tanh", "sin", "negative", "transpose", "sign")
TWO_OPERANDS = ("add", "multiply", "matmul", "maximum")
OPERATIONS = st.tuples(
    st.sampled_from(ONE_OPERAND + TWO_OPERANDS), st.integers(0, 40), st.integers(0, 40), st.booleans()
)
ALTERED = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.floats(-2, 2)), max_size=3)


def grown(program: list[tuple[str, int, int, bool]], rng: np.random.Generator) -> Tape:
    """Two 3 x 3 leaves and a chain of operations; each takes the latest value or any two."""
    tape = Tape()
    for _ in range(2):
        tape.leaf(rng.uniform(-0.6, 0.6, size=(3, 3)))
    for op, first, second, onward in program:
        nodes = tape.nodes
        operands = [nodes[-1] if onward else nodes[first % len(nodes)], nodes[second % len(nodes)]]
        tape.call(op, *operands[: 1 if op in ONE_OPERAND else 2])
    return tape


def same(left: Adjoints, right: Adjoints, wrt: list[Node]) -> bool:
    """Equal bits for the wanted nodes, and for all that both have reached."""
    wanted = all(np.array_equal(left.of(node), right.of(node), equal_nan=True) for node in wrt)  # type: ignore[arg-type]
    both = left.cotangents.keys() & right.cotangents.keys()
    return wanted and all(
        np.array_equal(left.cotangents[n], right.cotangents[n], equal_nan=True) for n in both
    )


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(OPERATIONS, min_size=1, max_size=14), ALTERED)
def test_differences_lead_to_the_same_cotangents(
    seed: int, program: list[tuple[str, int, int, bool]], altered: list[tuple[int, int, float]]
) -> None:
    """Whatever rules are altered at whatever places, every cotangent is the one of a whole pass, bit by bit."""
    rng = np.random.default_rng(seed)
    tape = grown(program, rng)
    nodes = tape.nodes
    leaves, seeds = nodes[:2], [(nodes[-1], rng.normal(size=(3, 3)))]
    overrides: dict[Node, Any] = {}
    for place, target, factor in altered:
        number = place % (len(nodes) - 1) + 1
        overrides[nodes[number]] = (nodes[target % number], lambda g, factor=factor: factor * g)
    reversal = Reversal(seeds, leaves)
    assert same(reversal.altered(overrides), adjoints(seeds, leaves, overrides=overrides), leaves)
    assert same(reversal.altered({}), adjoints(seeds, leaves), leaves)


def test_what_an_alteration_does_not_reach_is_the_same_object() -> None:
    """An altered layer leaves the cotangents of the layers behind it as they are, without computing them again."""
    tape = Tape()
    x, w, v = (tape.leaf(np.eye(3)) for _ in range(3))
    h = tape.call("tanh", tape.call("matmul", x, w))
    out = tape.call("matmul", h, v)
    reversal = Reversal([(out, np.ones((3, 3)))], [w, v])
    found = reversal.altered({h: (h.args[0], lambda g: g)})
    assert found.cotangents[v] is reversal.true.cotangents[v]
    assert not np.array_equal(found.cotangents[w], reversal.true.cotangents[w])


def test_a_stop_passes_nothing_on_under_any_override() -> None:
    """An independent input stays one when a rule behind it is altered."""
    tape = Tape()
    w = tape.leaf(np.ones(2))
    z = tape.call("multiply", 2.0, w)
    out = tape.call("multiply", 3.0, z)
    seeds = [(out, np.ones(2))]
    overrides: dict[Node, Any] = {z: (w, lambda g: g)}
    found = Reversal(seeds, [w], stop=[z]).altered(overrides)
    assert np.array_equal(found.of(w), adjoints(seeds, [w], overrides=overrides, stop=[z]).of(w))  # type: ignore[arg-type]
