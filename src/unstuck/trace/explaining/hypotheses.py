"""What a wrong backward pass may have computed instead: local rules of calculus, altered one at a time.

Each hypothesis says in words what was altered and gives, for every step, the overrides with which the reverse
pass is run again.  Whether it is true is decided by numbers alone: it must reproduce what the script wrote.
An alteration is tried only where it can be the whole truth: where it touches no gradient that is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Rule, backward
from unstuck.facts import Array, Span
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated, Dropped, Linear
from unstuck.trace.judging.trial import Trials
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

Altered = dict[Node, list[Rule]]
Piece = TypeVar("Piece", Activated, Dropped, Linear, Node)
Group = Mapping[int, tuple[Piece, ...]]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One altered rule at one place of the program (all its rounds), or at one layer among several.

    kind       a name that later floors understand, such as "activation-derivative-one"
    text       what the backward pass does according to this hypothesis
    alter      the overrides of a step, by its number
    activated  the activations that it speaks of, by step number
    dropped    likewise, for dropout
    parts      the two rules of a pair
    place      where the script computes what the hypothesis takes as given
    also       other places that a person would look at
    """

    kind: str
    text: str
    alter: Callable[[int], Altered]
    activated: Mapping[int, tuple[Activated, ...]] = field(default_factory=dict)
    dropped: Mapping[int, tuple[Dropped, ...]] = field(default_factory=dict)
    parts: tuple[Hypothesis, ...] = ()
    place: Span | None = None
    also: tuple[Span, ...] = ()
    _made: dict[int, Altered] = field(default_factory=dict, init=False, repr=False)

    def overrides(self, number: int) -> Altered:
        """The altered rules of one step; made once."""
        if number not in self._made:
            with np.errstate(all="ignore"):
                self._made[number] = self.alter(number)
        return self._made[number]


def merged(hypotheses: Iterable[Hypothesis], number: int) -> Altered:
    """The overrides of several hypotheses together in one step; of one edge, the later alteration counts."""
    together: dict[Node, dict[Node, Rule]] = {}
    for hypothesis in hypotheses:
        for node, rules in hypothesis.overrides(number).items():
            edges = together.setdefault(node, {})
            for target, rule in rules:
                if target not in edges or not isinstance(rule, Unaltered):
                    edges[target] = (target, rule)
    return {node: list(edges.values()) for node, edges in together.items()}


@dataclass(frozen=True, eq=False)
class Search:
    """What hypotheses are made from: the forward passes, what was accepted before, and who is right or wrong."""

    trials: Trials
    passes: Mapping[int, Forward]
    accepted: tuple[Hypothesis, ...]
    right: frozenset[str]
    wrong: frozenset[str]
    climbing: frozenset[str] = frozenset()
    _cotangents: dict[int, Mapping[Node, Array]] = field(default_factory=dict, init=False, repr=False)

    @property
    def loss(self) -> Candidate:
        """The loss that is descended."""
        return self.trials.loss

    def step(self, number: int) -> Step:
        """The step with this number."""
        return self.passes[number].step

    def cotangents(self, number: int) -> Mapping[Node, Array]:
        """The derivative of the loss by every value of a step, under what was accepted before."""
        if number not in self._cotangents:
            self._cotangents[number] = self.trials.cotangents(
                self.step(number), merged(self.accepted, number)
            )
        return self._cotangents[number]

    def may_alter(self, forward: Forward, node: Node) -> bool:
        """Would another cotangent of this value change wrong gradients only?"""
        above = forward.upstream.get(node, frozenset())
        return not above.isdisjoint(self.wrong) and above.isdisjoint(self.right)


def groups(
    passes: Mapping[int, Forward],
    pieces: Callable[[Forward], Sequence[Piece]],
    keys: Sequence[Callable[[Forward, Piece], Hashable]],
) -> Iterator[Group[Piece]]:
    """Pieces that share a rule, under each key in turn; the same group is given only once."""
    seen: set[frozenset[Piece]] = set()
    for key in keys:
        found: dict[Hashable, dict[int, list[Piece]]] = defaultdict(lambda: defaultdict(list))
        for number, forward in passes.items():
            for piece in pieces(forward):
                found[key(forward, piece)][number].append(piece)
        for group in found.values():
            members = frozenset(piece for listed in group.values() for piece in listed)
            if members not in seen:
                seen.add(members)
                yield {number: tuple(listed) for number, listed in group.items()}


# ----- Rules --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Unaltered:
    """The true rule from a value to one of its operands."""

    y: Node
    operand: Node

    def __call__(self, g: Array) -> Array:
        """The cotangent of the operand, given that of y."""
        direct = set(self.y.parents())
        stop = direct if self.operand in direct else {self.operand}
        found = backward([(self.y, g)], [self.operand], stop=stop)[0]
        return np.zeros(np.shape(self.operand.value)) if found is None else found


class Scaled:
    """The rule that multiplies the error by a factor."""

    def __init__(self, factor: Array) -> None:
        self.factor = factor

    def __call__(self, g: Array) -> Array:
        """The cotangent times the factor."""
        return g * self.factor


def other_edges(y: Node, operand: Node, forward: Forward) -> list[Rule]:
    """The true rules from y to all its operands but one."""
    parents = dict.fromkeys(parent for parent in y.parents() if parent in forward.upstream)
    return [(parent, Unaltered(y, parent)) for parent in parents if parent is not operand]


def value_of(node: Node) -> Array:
    """The recorded value in float64."""
    return np.asarray(node.value, dtype=np.float64)


def label(node: Node) -> str:
    """What a person would call a value: its name in the source, or the line that made it."""
    if node.names:
        return node.names[-1]
    return f"the value of {line_in_words(node.span)}" if node.span is not None else "a constant"
