"""What is at hand in one round of a loop: which of the values that a place makes in turn belong to which round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.explaining.hypotheses import label
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pool import Item, items
from unstuck.trace.reading.losses import Candidate


def at_hand(
    forward: Forward, cotangents: Mapping[Node, Array], loss: Candidate
) -> dict[tuple[str, Span | None, str], list[Item]]:
    """Everything that an operation could use instead of its own operands, by role and place, in order of time."""
    found: dict[tuple[str, Span | None, str], list[Item]] = defaultdict(list)
    for role, node, title, value in items(forward, cotangents, loss):
        found[role, node.span, node.op].append(Item(title, np.asarray(value, float), node))
    for node in forward.step.nodes:
        made = node in forward.step.tainted and node not in forward.nodes and node.op not in ("leaf", "copy")
        if made and node.span is not None and np.ndim(node.value):
            item = Item(label(node), np.asarray(node.value, float), node)
            found["written", node.span, node.op].append(item)
    return {
        key: sorted(some, key=lambda item: item.node.id if item.node is not None else -1)
        for key, some in found.items()
    }


def of_round(found: Sequence[Item], node: Node, rounds: Sequence[Node]) -> Iterator[tuple[int, Item]]:
    """Of the values that one place makes, those that may belong to this round, each with the way in which it does.

    It is the one in the same round of a loop, or else the one with the same number, in reverse (as a backward pass
    goes) or in order.  Where there is one value more than there are rounds, as of layers, one end is left out.
    """
    if len(found) == 1:
        yield 0, found[0]
        return
    depth = max(_common(item.node, node) for item in found if item.node is not None)
    near = [item for item in found if item.node is not None and _common(item.node, node) == depth]
    if len(near) == 1:
        yield 0, near[0]
        return
    mine = [each for each in rounds if _common(each, node) >= depth]
    place, more = mine.index(node), len(near) - len(mine)
    if more in (0, 1):
        for first in range(more + 1):
            yield 2 * first, near[len(near) - 1 - place - first]
            yield 2 * first + 1, near[place + first]


def _common(one: Node, other: Node) -> int:
    """How many loops two values have been made in together, in the same round of each."""
    pairs = zip(one.context, other.context, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
