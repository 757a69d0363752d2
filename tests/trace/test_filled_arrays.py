"""Arrays that loops fill one by one: what was written is known by element, and collected where the array is read."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

import numpy as np
import pytest

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import backward
from unstuck.trace.running.runner import Stop
from unstuck.trace.schedule import Clock, Plan
from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.layout import position
from unstuck.trace.tape.runtime import Runtime

PROGRAM = """
import numpy as np
w = np.array([0.5, -1.0, 2.0]) * 1.0
x = np.arange(1.0, 7.0).reshape(2, 3)
for step in range(1):
    out = np.zeros({size})
    for i in range(2):
        for j in range(3):
            {statement}
    read = np.sum(out * np.arange(1.0, {size} + 1.0))
"""


def traced(statement: str, size: int = 2) -> tuple[dict[str, Any], list[Node], list[Any]]:
    """The variables of the program, its tape, and the derivatives of `read` by w and x."""
    text = PROGRAM.format(statement=statement, size=size)
    instrumenter, clock = Instrumenter(), Clock(Plan(full_run=True))
    runtime = Runtime(instrumenter.sites, clock, instrumenter.files)
    names: dict[str, Any] = {"__u__": runtime}
    clock.start(runtime)
    with contextlib.suppress(Stop):
        exec(compile(instrumenter.transform(ast.parse(text), "<program>", text), "<program>", "exec"), names)
    memory = runtime.memory
    ends = [memory.known(names[name]) for name in ("read", "w", "x")]
    assert all(ends)
    read, *leaves = ends
    return names, memory.nodes, backward([(read, np.ones(()))], leaves)  # type: ignore[list-item,arg-type]


@pytest.mark.parametrize("place", ["i", "i - 2", "np.int64(i)"])
@pytest.mark.parametrize("size", [2, 3])
def test_a_filled_array_is_the_sum_written_out(place: str, size: int) -> None:
    """Derivatives pass through elements, whether all of them were written or not, and no array is kept for each."""
    names, nodes, (by_w, by_x) = traced(f"out[{place if size == 2 else 'i'}] += x[i, j] * w[j]", size)
    assert by_w == pytest.approx(np.array([1.0, 2.0]) @ names["x"])
    assert by_x == pytest.approx(np.outer([1.0, 2.0], names["w"]))
    filled = [node for node in nodes if node.op in ("reshape", "scatter") and "out" in "".join(node.names)]
    assert [node.value.tolist() for node in filled] == [names["out"].tolist()]
    assert not [node for node in nodes if node.op == "setitem"]


def test_what_is_overwritten_passes_nothing() -> None:
    """Only the last value that was written to an element counts."""
    names, _, (by_w, _) = traced("out[i] = x[i, j] * w[j]")
    assert by_w == pytest.approx(np.array([0.0, 0.0, names["x"][0, 2] + 2 * names["x"][1, 2]]))


def test_an_array_that_is_read_on_the_way_is_seen_as_it_was() -> None:
    """A whole that is read before it is full has the elements written by then, and is written on as any other."""
    names, nodes, (by_w, _) = traced("out[i] += np.sum(out) + w[j]")
    weights, total = [], np.zeros(2)
    for i in range(2):
        for j in range(3):
            total[i] += total.sum() + names["w"][j]
            weights.append((i, j))
    assert names["out"] == pytest.approx(total)
    step, shifted = 1e-6, []
    for j in range(3):
        w, out = names["w"].copy(), np.zeros(2)
        w[j] += step
        for i, k in weights:
            out[i] += out.sum() + w[k]
        shifted.append((out @ [1.0, 2.0] - names["read"]) / step)
    assert by_w == pytest.approx(np.array(shifted), rel=1e-4)
    assert any(node.op == "setitem" for node in nodes)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64, int])
def test_a_narrow_index_finds_its_place(kind: type) -> None:
    """A label of eight bits picks the element that it picks in NumPy, far behind what eight bits can count."""
    array = np.arange(600.0).reshape(300, 2)
    assert position(array, (299, kind(1))) == array[299, kind(1)]
    assert position(array, (-1, kind(0))) == array[-1, kind(0)]
