"""Networks whose steps are long loops over single elements are read like those of array operations."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from judged import judged, wrong

from unstuck.autodiff import effort
from unstuck.trace import patience, recorder
from unstuck.trace.explaining.directions import FEW, RightValues
from unstuck.trace.loops import Loop
from unstuck.trace.patience import LONG_ROUND, LONG_TAPE, MOST_NODES, MOST_OF_ROUNDS, Looks
from unstuck.trace.tape.memory import Memory

CONVOLUTION = """\
import numpy as np

rng = np.random.RandomState(0)
N, SIZE, FILTERS, K = 2, 4, 2, 2
OUT = SIZE - K + 1
FLAT = FILTERS * OUT * OUT
filters, shift = rng.randn(FILTERS, K, K) / K, np.zeros(FILTERS)
W, b = rng.randn(2, FLAT) / np.sqrt(FLAT), np.zeros(2)


def batch():
    x, y = rng.rand(N, SIZE, SIZE), rng.randint(2, size=N)
    for n in range(N):
        x[n, rng.randint(SIZE), :] += y[n]
    return x - 0.5, y


def convolved(x):
    out = np.zeros((N, FILTERS, OUT, OUT))
    for n in range(N):
        for f in range(FILTERS):
            for i in range(OUT):
                for j in range(OUT):
                    for u in range(K):
                        for v in range(K):
                            out[n, f, i, j] += x[n, i + u, j + v] * filters[f, u, v]
                    out[n, f, i, j] += shift[f]
    return out


def gradients(x, d):
    d_filters, d_shift = np.zeros_like(filters), np.zeros_like(shift)
    for n in range(N):
        for f in range(FILTERS):
            for i in range(OUT):
                for j in range(OUT):
                    for u in range(K):
                        for v in range(K):
                            d_filters[f, u, v] += d[n, f, i, j] * x[n, i + u, j + v]
                    d_shift[f] += d[n, f, i, j]
    return d_filters, d_shift


for step in range(20):
    x, y = batch()
    z = convolved(x)
    flat = np.maximum(z, 0).reshape(N, FLAT)
    e = np.exp(flat @ W.T + b)
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(N), y] -= 1
    d /= N
    dz = (d @ W).reshape(z.shape) * (z > 0)
    d_filters, d_shift = gradients(x, dz)
    W -= 0.05 * d.T @ flat
    b -= 0.05 * d.sum(axis=0)
    filters -= 0.05 * d_filters
    shift -= 0.05 * d_shift
"""
MOST_EFFORT = 400_000  # operations that are differentiated until the verdict, many times a step's
FAULTS = {
    "reshape(z.shape) * (z > 0)": "reshape(z.shape) * (z > -9)",
    "d[n, f, i, j] * x[n, i + u, j + v]": "d[n, f, i, j] * x[n, i + v, j + u]",
    "d_shift[f] += d[n, f, i, j]": "d_shift[f] = d[n, f, i, j]",
}


def test_a_convolution_by_six_loops_is_right(tmp_path: Path) -> None:
    """Every parameter of the right program is exact."""
    (tmp_path / "net.py").write_text(CONVOLUTION)
    trace = judged(tmp_path / "net.py")
    assert {gradient.parameter: gradient.status for gradient in trace.gradients} == dict.fromkeys(
        ("W", "b", "filters", "shift"), "exact"
    )


@pytest.mark.parametrize("right", FAULTS)
def test_its_faults_are_found(tmp_path: Path, right: str) -> None:
    """What depends on the altered line is wrong, and nothing else is."""
    assert CONVOLUTION.count(right) == 1
    (tmp_path / "net.py").write_text(CONVOLUTION.replace(right, FAULTS[right]))
    names = {gradient.parameter for gradient in wrong(judged(tmp_path / "net.py"))}
    both = {"filters", "shift"}
    assert names == (both if "z >" in right else {"shift"} if "shift" in right else {"filters"})


@pytest.mark.parametrize("right", ["reshape(z.shape) * (z > 0)", "d[n, f, i, j] * x[n, i + u, j + v]"])
def test_the_line_is_told_even_where_nothing_may_be_spent_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str
) -> None:
    """With next to no effort for explanations the verdict stands, with the line and within a bounded effort."""
    monkeypatch.setattr(recorder, "EXPLAINING", 1)
    text = CONVOLUTION.replace(right, FAULTS[right])
    (tmp_path / "net.py").write_text(text)
    before = effort.done()
    trace = judged(tmp_path / "net.py")
    line = 1 + text[: text.index(FAULTS[right])].count("\n")
    told = [each.explanation.span if each.explanation else each.blame for each in wrong(trace)]
    assert told
    assert {span.line for span in told if span is not None} == {line}
    assert effort.done() - before < MOST_EFFORT


def test_the_directions_of_many_arrays_are_found_as_among_few() -> None:
    """Looking up what is close by its shadow on a line finds what comparing with every direction finds."""
    rng = np.random.RandomState(0)
    for size in (2, 3, 9):
        known = list(rng.randn(3 * FEW, size))
        many = RightValues(known)
        few = [RightValues(known[start : start + FEW]) for start in range(0, len(known), FEW)]
        tried = [
            *(factor * each for each in known[:50] for factor in (2.0, -0.5)),
            *(each * (1 + 3e-6 * rng.randn(size)) for each in known[50:100]),
            *rng.randn(50, size),
        ]
        for value in tried:
            signs = {sign for one in few if (sign := one.sign(value))}
            assert {many.sign(value)} - {0} == signs


def test_a_long_round_is_searched_when_it_ends() -> None:
    """A tape of long rounds waits for no doubling; one of short rounds does."""
    memory, looks = Memory(), Looks()
    memory.nodes = range(LONG_TAPE)  # type: ignore[assignment]
    assert looks.due(memory, 3, 10)
    memory.nodes = range(LONG_TAPE + LONG_TAPE // 3)  # type: ignore[assignment]
    assert not looks.due(memory, 4, 10)
    assert looks.due(memory, 4, LONG_ROUND)
    assert not looks.due(memory, 5, LONG_ROUND)


def test_the_time_of_a_search_is_not_that_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes long makes no other one due: two looks at the same sums would agree about them."""
    now = 0.0
    monkeypatch.setattr(patience, "time", SimpleNamespace(perf_counter=lambda: now, process_time=lambda: now))
    memory, looks = Memory(), Looks()
    memory.nodes = range(LONG_TAPE)  # type: ignore[assignment]
    assert looks.due(memory, 3, 10)
    now = 100.0
    looks.ended()
    assert not looks.due(memory, 3, 10)
    now = 200.0
    assert looks.due(memory, 3, 10)


def test_three_long_rounds_are_waited_for() -> None:
    """The search is given up later where rounds are long, but never after more than a few million operations."""
    memory, looks = Memory(), Looks()
    assert looks.most == MOST_NODES
    looks.due(memory, 1, 1_000_000)
    assert 3_000_000 < looks.most < MOST_OF_ROUNDS
    looks.due(memory, 2, 10_000_000)
    assert looks.most == MOST_OF_ROUNDS


def test_a_loop_knows_how_long_its_last_round_was() -> None:
    """The nodes between two rounds count for the first of them; before the first round there is none."""
    loop = Loop(0)
    lengths = []
    for rounds, count in enumerate((100, 130, 190)):
        loop.rounds = rounds
        lengths.append(loop.ended(count))
    assert lengths == [0, 30, 60]
