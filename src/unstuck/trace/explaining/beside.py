"""What is at hand in one round of a loop: which of the values that a place makes in turn belong to which round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.explaining.hypotheses import label
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pool import Item, items
from unstuck.trace.reading.losses import Candidate

Context = tuple[tuple[int, int], ...]
Thing = TypeVar("Thing")


def at_hand(
    forward: Forward, cotangents: Mapping[Node, Array], loss: Candidate
) -> dict[tuple[str, Span | None, str], Placed[Item]]:
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
        key: Placed[Item](
            sorted(some, key=lambda item: item.node.id if item.node is not None else -1), _node_of
        )
        for key, some in found.items()
    }


def _node_of(item: Item) -> Node | None:
    return item.node


class Placed(Generic[Thing]):
    """Things that one place makes, in order of time, found by the rounds of the loops in which they were made."""

    def __init__(self, things: Sequence[Thing], node_of: Callable[[Thing], Node | None]) -> None:
        self.things = things
        self._node_of = node_of

    @cached_property
    def _among(self) -> Mapping[Context, Sequence[Thing]]:
        """By round of a loop, and of the loops around it: what was made in it."""
        found: dict[Context, list[Thing]] = defaultdict(list)
        for thing in self.things:
            node = self._node_of(thing)
            if node is not None:
                for depth in range(len(node.context) + 1):
                    found[node.context[:depth]].append(thing)
        return dict(found)

    @cached_property
    def _places(self) -> dict[Context, Mapping[Node | None, int]]:
        return {}

    def deepest(self, node: Node) -> Context:
        """The innermost round in which this node was made together with one of the things."""
        context = node.context
        return next(
            (context[:depth] for depth in range(len(context), 0, -1) if context[:depth] in self._among), ()
        )

    def among(self, round_: Context) -> Sequence[Thing]:
        """The things made in this round."""
        return self._among.get(round_, ())

    def place(self, round_: Context, node: Node) -> int:
        """Which of those it is that belongs to this node."""
        if round_ not in self._places:
            made = enumerate(map(self._node_of, self._among[round_]))
            self._places[round_] = {each: place for place, each in made}
        return self._places[round_][node]


def of_round(found: Placed[Item], node: Node, rounds: Placed[Node]) -> Iterator[tuple[int, Item]]:
    """Of the values that one place makes, those that may belong to this round, each with the way in which it does.

    It is the one in the same round of a loop, or else the one with the same number, in reverse (as a backward pass
    goes) or in order.  Where there is one value more than there are rounds, as of layers, one end is left out.
    """
    if len(found.things) == 1:
        yield 0, found.things[0]
        return
    round_ = found.deepest(node)
    near = found.among(round_)
    if len(near) == 1:
        yield 0, near[0]
        return
    place, more = rounds.place(round_, node), len(near) - len(rounds.among(round_))
    if more in (0, 1):
        for first in range(more + 1):
            yield 2 * first, near[len(near) - 1 - place - first]
            yield 2 * first + 1, near[place + first]
