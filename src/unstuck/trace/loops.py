"""The loops of a program that run right now, one inside the other, and which of them lie within a training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Loop:
    """One running loop: its number, rounds so far, and the arithmetic count at its entry.

    nodes   on the tape when its running round began
    around  the loops that it runs in, each with its running round
    """

    number: int
    rounds: int = -1
    arithmetic: int = 0
    nodes: int = 0
    around: tuple[tuple[int, int], ...] = ()

    def ended(self, count: int) -> int:
        """A round begins with so many nodes on the tape; of how many the last one was made, 0 if there was none."""
        length = count - self.nodes if self.rounds > 0 else 0
        self.nodes = count
        return length


class Nest:
    """The running loops, the outermost first.

    inner  loops that were met inside a training step only
    """

    def __init__(self) -> None:
        self.running: list[Loop] = []
        self.inner: set[int] = set()
        self._outer: set[int] = set()  # and those that were met anywhere else

    def __len__(self) -> int:
        return len(self.running)

    @property
    def context(self) -> tuple[tuple[int, int], ...]:
        """Number and round of every running loop."""
        if not self.running:
            return ()
        loop = self.running[-1]
        return (*loop.around, (loop.number, loop.rounds))

    def enter(self, number: int, arithmetic: int) -> None:
        """A loop begins."""
        self.running.append(Loop(number, -1, arithmetic, around=self.context))

    def leave(self, number: int) -> None:
        """A loop has ended, and with it all that ran inside."""
        depth = self._depth(number)
        if depth is not None:
            del self.running[depth:]

    def innermost(self, number: int, arithmetic: int) -> Loop:
        """The loop of this number: those inside it were left without a word, or it was never entered."""
        if not self.running or self.running[-1].number != number:
            depth = self._depth(number)
            if depth is None:
                self.enter(number, arithmetic)
            else:
                del self.running[depth + 1 :]
        return self.running[-1]

    def met(self, numbers: Sequence[int], step_loop: int | None) -> None:
        """Loops that run inside each other: those within the step loop need not be announced between windows."""
        depth = numbers.index(step_loop) if step_loop in numbers else len(numbers)
        self._outer.update(numbers[: depth + 1])
        self.inner.update(numbers[depth + 1 :])
        self.inner -= self._outer

    def forget(self) -> None:
        """Another training begins: what lay inside a step of the last one may lie anywhere."""
        self.inner, self._outer = set(), set()

    def _depth(self, number: int) -> int | None:
        for depth in range(len(self.running) - 1, -1, -1):
            if self.running[depth].number == number:
                return depth
        return None
