"""Expressions evaluated in passing: what would another expression compute, where this statement stands?

Before a statement that is probed the program calls `__u__.probe`, which evaluates every expression with the names
that are in scope, on the real values, while recording sleeps; random numbers that are drawn on the way are put
back.  It is done at the first execution and then at growing distance, as often as is needed to see different steps,
and not so often that it takes long.  What has failed once is not tried again.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Probe
from unstuck.trace.tape.runtime import Runtime

GROWTH = 2  # of the number of executions from one evaluation to the next
MOST_NUMBERS = 4_000_000  # that all values of one probe may hold together


@dataclass(frozen=True)
class Event:
    """One evaluation: which probe, where on which tape, and a value for each expression (None: it failed)."""

    number: int
    nodes: Sequence[Node]
    place: int
    values: tuple[Array | None, ...]


class Probing:
    """Evaluates the expressions of probes; takes the place of a runtime's `probe`."""

    def __init__(self, probes: Sequence[Probe], runtime: Runtime, loops: Sized) -> None:
        self.events: list[Event] = []
        self._runtime = runtime
        self._loops = loops
        self._codes = [[_compiled(text) for text in probe.texts] for probe in probes]
        self._shapes = [_compiled(probe.shape) for probe in probes]
        self._executed = [0] * len(probes)
        self._next = [0.0] * len(probes)
        self._room = [MOST_NUMBERS] * len(probes)

    def __call__(self, number: int, /) -> None:
        """The statement of this probe is about to be executed."""
        executed = self._executed[number]
        self._executed[number] += 1
        if executed < self._next[number] or self._room[number] < 0:
            return
        self._next[number] = max(executed + 1, executed * GROWTH)
        frame = sys._getframe(1)
        names = {**frame.f_globals, **frame.f_locals}
        memory, runtime = self._runtime.memory, self._runtime
        deaf, runtime.on, runtime.deaf = runtime.deaf, False, frozenset(range(len(self._loops)))
        drawn, shuffled = np.random.get_state(), random.getstate()
        try:
            like = _value(self._shapes[number], names)
            values = tuple(_fitting(_value(code, names), like) for code in self._codes[number])
        finally:
            runtime.on, runtime.deaf = True, deaf
            np.random.set_state(drawn)
            random.setstate(shuffled)
        self._codes[number] = [
            code if value is not None else None
            for code, value in zip(self._codes[number], values, strict=True)
        ]
        self._room[number] -= sum(value.size for value in values if value is not None)
        self.events.append(Event(number, memory.nodes, len(memory.nodes), values))


def _compiled(text: str) -> CodeType | None:
    try:
        return compile(text, "<probe>", "eval")
    except (SyntaxError, ValueError):
        return None


def _fitting(value: Array | None, like: Array | None) -> Array | None:
    """The value in the shape of another array; None where it does not fit."""
    if value is None or like is None:
        return value
    try:
        return np.broadcast_to(value, like.shape)
    except ValueError:
        return None


def _value(code: CodeType | None, names: dict[str, Any]) -> Array | None:
    """A copy of what the expression computes; None where it fails or is no array of numbers."""
    if code is None:
        return None
    try:
        with np.errstate(all="ignore"):
            value = np.array(eval(code, names))
    except Exception:  # whatever a wrong expression does
        return None
    return value.astype(float) if value.dtype.kind in "fiub" else None
