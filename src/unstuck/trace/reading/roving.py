"""Rows that are written one at a time, now this and now that: the embedding of a user, the factors of an item.

`W[i] -= rate * d` writes a part of an array.  In a loop over layers, or over all rows, the same round writes the same
part again and again, and each part is best seen as a parameter of its own.  Where the row depends on the sample, most
steps leave most rows alone, and only the whole array has a history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.call import shape_of
from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.indices import same_place

SUMS = ("add", "subtract")
Place = tuple[int, int, int]  # of a part: its first and last element in the array, and how many it has


def mark_roving(nodes: Sequence[Node]) -> None:
    """Mark what writes sums to parts of an array whose places go with no loop around them."""
    by_span: dict[Span, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.op == "scatter" and node.span is not None and np.size(node.args[1]) and _adds_to_part(node):
            by_span[node.span].append(node)
    for group in by_span.values():
        if _is_roving(group):
            for node in group:
                node.roving = True


def _adds_to_part(node: Node) -> bool:
    """Is a sum written, at the place that its first operand was read from, to a smaller part of an array?"""
    whole, where, total = node.args
    if not isinstance(total, Node) or total.op not in SUMS or not isinstance(whole, Node):
        return False
    part = total.args[0]
    read = isinstance(part, Node) and part.op == "gather" and part.args[0] is whole
    return read and shape_of(total.value) != shape_of(node.value) and same_place(part.args[1], where)


def _is_roving(group: Sequence[Node]) -> bool:
    """Are there several places, one of them in several rounds of a loop, or several in the same round of it?"""
    rounds: dict[Place, set[int]] = defaultdict(set)
    places: dict[int, set[Place]] = defaultdict(set)
    for node in group:
        if not node.context:
            return False
        where, number = np.ravel(node.args[1]), node.context[-1][1]
        place = int(where[0]), int(where[-1]), where.size
        rounds[place].add(number)
        places[number].add(place)
    return len(rounds) > 1 and (
        any(len(r) > 1 for r in rounds.values()) or any(len(p) > 1 for p in places.values())
    )
