"""The quick rules say, bit by bit, what the tables of derivative rules say, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unstuck.autodiff.call import Call, Part
from unstuck.autodiff.node import Node
from unstuck.autodiff.quick import QUICK, quick
from unstuck.autodiff.rerun import run
from unstuck.autodiff.rules import contributions

rng = np.random.RandomState(0)
TABLE = rng.randn(3, 4)
PLACES = np.array([[0, 1], [5, 5]])
CASES: list[tuple[str, tuple[Any, ...]]] = [
    *((op, (1.5, np.float64(-2.0))) for op in ("add", "subtract", "multiply")),
    *((op, (TABLE, TABLE[::-1])) for op in ("add", "subtract", "multiply")),
    ("sum", (TABLE,)),
    ("sum", (np.float64(3.0),)),
    ("getitem", (TABLE, (1, slice(0, 3)))),
    ("getitem", (TABLE, -1)),
    ("getitem", (TABLE, (2, 3))),
    ("gather", (TABLE, PLACES)),
    ("setitem", (TABLE, (1, 2), 4.0)),
    ("setitem", (TABLE, (-1, 0), np.float64(4.0))),
    ("array", (1.0, np.float64(-3.0), 0.5)),
]
OTHERS: list[tuple[str, tuple[Any, ...]]] = [
    ("multiply", (TABLE, 2.0)),
    ("add", (TABLE, TABLE[0])),
    ("subtract", (TABLE.astype(np.float32), TABLE.astype(np.float32))),
    ("multiply", (TABLE, TABLE > 0)),
    ("getitem", (TABLE, np.array([0, 0]))),
    ("setitem", (TABLE, 1, TABLE[0])),
    ("sum", (rng.randn(100),)),
]


def recorded(op: str, values: tuple[Any, ...]) -> tuple[Node, list[Node]]:
    """A node on the tape of this operation, and its operands: all values but indices."""
    whole = {"getitem": 1, "gather": 1}.get(op, len(values))
    operands = [
        Node(number, "leaf", None, (), {}, value, None)
        for number, value in enumerate(values[:whole])
        if not (op == "setitem" and number == 1)
    ]
    ordered = iter(operands)
    args = tuple(
        value if number >= whole or (op == "setitem" and number == 1) else next(ordered)
        for number, value in enumerate(values)
    )
    args = ([*args],) if op == "array" else args
    node = Node(len(values), op, None, args, {}, None, None)
    node.value = run(node, {})
    return node, operands


def plain(passed: Any) -> list[tuple[int, Any, bytes]]:
    """Contributions as numbers: the operand, the place, and every bit of the cotangent."""
    return [
        (operand.id, str(part.index), np.asarray(part.g, float).tobytes())
        if isinstance(part, Part)
        else (operand.id, np.shape(part), np.asarray(part, float).tobytes())
        for operand, part in passed
    ]


@pytest.mark.parametrize("ties", [None, 0.5])
@pytest.mark.parametrize(("op", "values"), CASES, ids=str)
def test_quick_rules_say_what_the_tables_say(op: str, values: tuple[Any, ...], ties: float | None) -> None:
    """For every choice of operands whose cotangents are wanted."""
    node, operands = recorded(op, values)
    g = np.asarray(rng.randn(*np.shape(node.value)))
    for wanted in range(2 ** len(operands)):
        active = {operand for place, operand in enumerate(operands) if wanted >> place & 1}
        told = quick(node, g, active, ties)
        assert told is not None
        assert plain(told) == plain(contributions(Call(node, g, active, ties)))


@pytest.mark.parametrize(("op", "values"), OTHERS, ids=str)
def test_other_forms_are_left_to_the_tables(op: str, values: tuple[Any, ...]) -> None:
    """Broadcasting, other precisions, masks, and indices that are arrays."""
    node, operands = recorded(op, values)
    assert quick(node, np.ones(np.shape(node.value)), set(operands), None) is None


def test_the_copy_of_a_mask_has_kinks() -> None:
    """A product with a comparison that was cast to numbers asks the tables which subgradient is meant."""
    x = Node(0, "leaf", None, (), {}, TABLE, None)
    mask = Node(1, "greater", None, (x, 0.0), {}, TABLE > 0, None)
    cast = Node(2, "copy", None, (mask,), {}, (TABLE > 0).astype(float), None)
    product = Node(3, "multiply", None, (x, cast), {}, TABLE * (TABLE > 0), None)
    assert quick(product, np.ones(TABLE.shape), {x}, 0.5) is None
    assert quick(product, np.ones(TABLE.shape), {x}, None) is not None


def test_there_is_a_case_for_every_quick_rule() -> None:
    """So that none is without a test."""
    assert {op for op, _ in CASES} == set(QUICK)
