"""How long to wait for what a program has not shown yet.

Waiting is counted in operations, a certain number of bytes of results being as much work as one operation, so that
the same steps are seen on a fast machine and on a busy one.  Clocks are asked only about what the tape does not show,
a program that computes or sleeps between its operations: a hundred times longer than these take themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from unstuck.autodiff.node import Node
from unstuck.trace.tape.memory import Memory

FIRST_LOOK, GROWTH = 500, 1.5  # nodes before the first search for updates, and the factor between searches
LONG, GROWTH_OF_LONG = 20_000, 2.0  # the same where a search takes a good part of a second
# Nodes of a tape, and of a round at whose end it is searched if there were so many of them; the least growth between.
LONG_TAPE, LONG_ROUND, FEW_ROUNDS, LEAST_GROWTH = 100_000, 10_000, 3, 1.25
MOST_NODES, MOST_BYTES = 1_200_000, 2_000_000_000  # on a tape without a training, after which it is given up
ROUNDS_AT_MOST, MOST_OF_ROUNDS = 3.3, 3_600_000  # rounds of the longest loop, where they make more nodes
LARGE_LOOK, LEAST_NODES = 64_000_000, 40  # bytes on the tape after which a search is made with fewer nodes
SLOW = 5.0  # seconds of the processor for so few operations as to be worth a search
BYTES = 2000  # of a result take as long as an operation on numbers
UNSEEN, ASLEEP = 10.0, 30.0  # seconds of the processor, and by the clock, for what the tape does not show


class Looks:
    """When to search the tape for updates: each search costs as much as the tape is long."""

    def __init__(self) -> None:
        self._next = FIRST_LOOK
        self._nodes = self._held = self._longest = 0
        self.most = MOST_NODES  # after which there is no sense in searching on
        self._looked = time.perf_counter(), time.process_time()

    def due(self, memory: Memory, rounds: int, length: int) -> bool:
        """Is it time, when a loop has made so many rounds, the last of so many nodes?  If so, this is a search."""
        count = len(memory.nodes)
        if length > self._longest:  # a few rounds of the longest loop are worth their nodes
            self._longest = length
            self.most = max(MOST_NODES, min(int(ROUNDS_AT_MOST * length), MOST_OF_ROUNDS))
        heavy = count > LEAST_NODES and (memory.held - self._held >= LARGE_LOOK or self._is_slow(count))
        ended = length >= LONG_ROUND and rounds >= FEW_ROUNDS
        whole = ended and count >= max(LONG_TAPE, LEAST_GROWTH * self._nodes)
        if count < self._next and not heavy and not whole:
            return False
        self._next = int(max(count, self._next) * (GROWTH if count < LONG else GROWTH_OF_LONG))
        self._nodes, self._held = count, memory.held
        return True

    def ended(self) -> None:
        """The search has ended: what it took itself is not the program's time."""
        self._looked = time.perf_counter(), time.process_time()

    def _is_slow(self, count: int) -> bool:
        """Has hardly anything been recorded for a long time of computing?"""
        wall, processor = self._looked
        if count - self._nodes >= FIRST_LOOK or time.perf_counter() - wall < SLOW:
            return False
        return time.process_time() - processor >= SLOW


class Wait:
    """The wait for later steps of a training, which begins when it is found.

    steps      how many of its steps are on the tape, made of these nodes
    operations that may be waited for
    """

    def __init__(self, nodes: Iterable[Node], steps: int, operations: int) -> None:
        work = sum(1 + _bytes(node.value) / BYTES for node in nodes)
        self._most = operations * max(1, steps) / max(1.0, work)
        self._began = time.perf_counter(), time.process_time()

    def reaches(self, step: int) -> bool:
        """Is the wait for this step, counted from the first one of the training, short enough?"""
        return step <= self._most

    def seconds(self) -> float:
        """Since it began, by the clock."""
        return time.perf_counter() - self._began[0]

    def is_over(self) -> bool:
        """Has the program taken far longer than its operations account for?"""
        seconds = self.seconds()
        return seconds > ASLEEP or (seconds > UNSEEN and time.process_time() - self._began[1] > UNSEEN)


def _bytes(value: Any) -> int:
    return int(getattr(value, "nbytes", 0))
