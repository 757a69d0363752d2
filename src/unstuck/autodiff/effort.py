"""Work that is counted, not timed: how many recorded operations were differentiated or run again so far.

A search that is given so many operations takes the same decisions on a slow or busy machine as on a fast one.  An
operation on large arrays counts for several.
"""

from __future__ import annotations

from collections.abc import Iterable

from unstuck.autodiff.node import Node

BYTES = 50_000  # of a result: with so many, an operation takes twice as long as one on numbers
_done = 0


def done() -> int:
    """The operations since the process began; differences of it are what a piece of work has cost."""
    return _done


def count(nodes: Iterable[Node]) -> None:
    """These have just been visited."""
    global _done
    _done += sum(1 + getattr(node.value, "nbytes", 0) // BYTES for node in nodes)
