"""When the clock listens, and what it lets the program do undisturbed."""

from __future__ import annotations

import ast
import contextlib
import itertools
from typing import Any

import numpy as np
import pytest

from unstuck.trace import patience
from unstuck.trace.running.runner import Stop
from unstuck.trace.schedule import Clock, Plan
from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.runtime import Runtime

PROGRAM = """
import numpy as np
import pytest
rng = np.random.default_rng(0)
X, w = rng.normal(size=(8, 3)), np.zeros(3)
t = X @ np.array([1.0, -2.0, 0.5])
for epoch in range(60):
    for i in range(8):
        y = 0.0
        for k in range(3):
            y = y + X[i, k] * w[k]
        w -= 0.05 * (np.tanh(y) - t[i]) * X[i]
    for i in range(8):
        error = X[i] @ w - t[i]
"""
EPOCHS, ROWS, FEATURES, ERRORS = range(4)  # the loops, in the order of the text


class Listening(Clock):
    """Notes which loops were announced while nothing was recorded."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, lambda _: self.silent.append(self.nest.inner))
        self.silent: list[set[int]] = []
        self.told: set[int] = set()

    def tick(self, number: int, /) -> None:
        if not self.runtime.on:
            self.told.add(number)
        super().tick(number)


def trained(plan: Plan) -> tuple[Listening, dict[str, Any]]:
    """The program under a clock, and its variables."""
    instrumenter, clock = Instrumenter(), Listening(plan)
    runtime = Runtime(instrumenter.sites, clock, instrumenter.files)
    tree = instrumenter.transform(ast.parse(PROGRAM), "<program>", PROGRAM)
    names: dict[str, Any] = {"__u__": runtime}
    clock.start(runtime)
    with contextlib.suppress(Stop):
        exec(compile(tree, "<program>", "exec"), names)
    clock.end()
    return clock, names


def test_only_loops_inside_a_step_fall_silent() -> None:
    """Between windows the step loop, those around it and those beside it are announced, those within it are not."""
    clock, _ = trained(Plan(steps=20, full_run=True))
    assert clock.silent == [{FEATURES}]
    assert clock.told == {EPOCHS, ROWS, ERRORS}


def test_later_windows_hold_whole_steps_of_the_right_rounds() -> None:
    """A window that opens after silence knows between which rounds of which loops it is."""
    clock, _ = trained(Plan(steps=20, later=(100,), length=3, full_run=True))
    window = next(window for window in clock.progress.windows if window.first == 100)
    rounds = {node.context[:2] for node in window.nodes}
    assert rounds == {((EPOCHS, 12), (ROWS, row)) for row in (4, 5, 6)}
    assert {node.context[2:] for node in window.nodes} >= {((FEATURES, k),) for k in range(3)}


def test_silence_changes_nothing() -> None:
    """The program ends with the same bits as without hooks."""
    plain: dict[str, Any] = {}
    exec(PROGRAM, plain)
    _, names = trained(Plan(steps=20, full_run=True))
    assert np.array_equal(names["w"], plain["w"])


def test_waiting_is_counted_in_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly time passes, the same steps are looked at: a machine that is busy sees what an idle one sees."""
    seen = []
    for pace in (0.0, 1e-3):
        ticks = itertools.count()
        monkeypatch.setattr(patience.time, "perf_counter", lambda ticks=ticks, pace=pace: pace * next(ticks))
        clock, _ = trained(Plan(steps=20, later=(100, 300), length=3))
        seen.append([(window.first, len(window.nodes)) for window in clock.progress.windows])
    assert seen[0] == seen[1]
    assert [first for first, _ in seen[0]] == [0, 100, 300]


def test_few_operations_are_worth_no_wait() -> None:
    """Later steps are waited for only if so many operations lie before them."""
    clock, _ = trained(Plan(steps=20, later=(100, 300), length=3, patience=5000))
    assert [window.first for window in clock.progress.windows] == [0, 100]
