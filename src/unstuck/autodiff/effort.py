"""Work that is counted, not timed: how many recorded operations were differentiated or run again so far.

A search that is given so many operations takes the same decisions on a slow or busy machine as on a fast one.  An
operation on large arrays counts for several.
"""

from __future__ import annotations

from collections.abc import Iterable

from unstuck.autodiff.node import Node

BYTES = 50_000  # of a result: with so many, an operation takes twice as long as one on numbers
_done = _repeated = 0
_stopped = False


def done() -> int:
    """The operations since the process began; differences of it are what a piece of work has cost."""
    return _done


def over(end: float) -> bool:
    """Has a piece of work that may go on until `done` is `end` used up what it was given?"""
    return _stopped or _done > end


def stop() -> None:
    """Whoever waits for the answer waits no longer: from now on every piece of work has used up what it was given."""
    global _stopped
    _stopped = True


def stopped() -> bool:
    """Was work broken off because nobody waits any longer?  Only then does the answer depend on the machine."""
    return _stopped


def count(nodes: Iterable[Node]) -> None:
    """These have just been visited."""
    global _done
    _done += sum(1 + getattr(node.value, "nbytes", 0) // BYTES for node in nodes)


def spend(operations: int) -> None:
    """Something else has taken about as long as so many operations."""
    global _done
    _done += operations


def repeated() -> int:
    """The operations that were run again with something altered, since the process began."""
    return _repeated


def repeat(operations: int) -> None:
    """So many have just been run again."""
    global _repeated
    _repeated += operations
