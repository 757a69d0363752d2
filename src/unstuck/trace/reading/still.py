"""Trainings in which nothing moves: gradients are worked out round after round, and no array of the network changes.

There is no update to find.  What there is: arrays from before the loop that the network multiplies its input with, or
adds, and values of the same shape that each round makes from them and uses for nothing.  Each such pair is told as
the update that was meant; whether the value is a gradient is for the judges to say.

A program that measures a network does the same with each of its data once.  So the data must come again: to put them
through a network that has not changed is of no use to anybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import descendants
from unstuck.facts import Array, Span
from unstuck.trace.reading.steps import (
    Key,
    Steps,
    Tracked,
    Update,
    ranges_of,
    step_key,
    step_loop,
)
from unstuck.trace.reading.terms import Term, terms_of
from unstuck.trace.reading.views import CONTRACTIONS, untransposed

LOOKED_AT = 30_000  # nodes of a tape on which such a training shows
LEAST_ROUNDS = 10
MOST_ROUNDS = 12  # that are judged
MOST_BASES = 40  # arrays
MOST_PAIRS = 80  # of arrays and values
Place = tuple[Span | None, str]
Pair = tuple[Node, list[Node]]


def meant(old: object, gradient: object) -> None:
    """Marks an update that the program does not make."""


def still_trainings(nodes: Sequence[Node], least: int = LEAST_ROUNDS) -> list[Steps]:
    """The trainings in which the arrays of a network stand still for so many rounds, one for each loop."""
    nodes = nodes[:LOOKED_AT]
    children = _children(nodes)
    bases = dict(list(_bases(nodes).items())[:MOST_BASES])
    let_go = [(base, dead) for base, loops in bases.items() for dead in _let_go(base, nodes, children, loops)]
    loops = {(base, id(dead)): step_loop([dead]) for base, dead in let_go if len(dead) >= least}
    found = {*loops.values()} - {None}
    by_loop: dict[int, list[Pair]] = defaultdict(list)
    for base, dead in let_go:
        if (
            loops.get((base, id(dead))) is not None
        ):  # of loops inside of each other, the outer one is the step
            by_loop[next(number for number, _ in dead[0].context if number in found)].append((base, dead))
    return [
        _steps(nodes, mine, loop)
        for loop, mine in by_loop.items()
        if _come_again(nodes, {base for base, _ in mine}, loop)
    ]


def _come_again(nodes: Sequence[Node], bases: Collection[Node], loop: int) -> bool:
    """Are all rows that some round puts into the network known from earlier rounds?  (One-hot rows tell nothing.)"""
    made = descendants(bases, nodes)
    rounds: dict[Key, set[bytes]] = defaultdict(set)
    for node in nodes:
        operands = [arg for arg in node.args if isinstance(arg, Node)] if node.op in CONTRACTIONS else []
        key = step_key(node.context, loop)
        if len(operands) != 2 or key is None:
            continue
        for own, other in (operands, operands[::-1]):
            if untransposed(own) in bases and other not in made:
                data = np.atleast_2d(np.asarray(other.value, float))
                rounds[key] |= _rows(data, columns=other is operands[1])
    seen: set[bytes] = set()
    for _, put_in in sorted(rounds.items()):
        if put_in and put_in <= seen:
            return True
        seen |= put_in
    return False


def _steps(nodes: Sequence[Node], pairs: Sequence[Pair], loop: int) -> Steps:
    ranges = ranges_of(nodes, [dead for _, dead in pairs], loop)
    keys = tuple(sorted(ranges))[1 : MOST_ROUNDS + 1]
    tracked = [each for base, dead in pairs for each in _tracked(base, dead, keys, loop)]
    return Steps(loop, keys, ranges, tuple(tracked[:MOST_PAIRS]), frozenset())


def _rows(data: Array, columns: bool) -> set[bytes]:
    return {row.tobytes() for row in (data.T if columns else data) if not np.all((row == 0) | (row == 1))}


def _children(nodes: Sequence[Node]) -> Mapping[Node, Sequence[Node]]:
    found: dict[Node, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in dict.fromkeys(node.parents()):
            found[parent].append(node)
    return found


def _bases(nodes: Sequence[Node]) -> dict[Node, set[int]]:
    """Arrays of fractions that products take, or that are added to products, in several rounds; with the loops."""
    uses: dict[Node, set[Key]] = defaultdict(set)
    for node in nodes:
        operands = node.parents()
        if len(operands) != 2 or not node.context:
            continue
        for own, other in (operands, operands[::-1]):
            base = untransposed(own)
            shape = np.shape(base.value)
            floats = np.asarray(base.value).dtype.kind == "f" and 0 < len(shape) < 3
            layer = node.op in CONTRACTIONS or (node.op == "add" and untransposed(other).op in CONTRACTIONS)
            if floats and layer and len(base.context) < len(node.context):
                uses[base].add(node.context)
    return {
        base: {number for context in contexts for number, _ in context}
        for base, contexts in uses.items()
        if len(contexts) > 1
    }


def _let_go(
    base: Node, nodes: Sequence[Node], children: Mapping[Node, Sequence[Node]], loops: Collection[int]
) -> list[list[Node]]:
    """What is made from an array in its loops, has its shape and is used for nothing, by the place that makes it."""
    found: dict[Place, list[Node]] = defaultdict(list)
    for node in descendants([base], nodes[base.id :]) - {base}:
        inside = any(number in loops for number, _ in node.context)
        if inside and np.shape(node.value) == np.shape(base.value) and node not in children:
            found[node.span, node.op].append(node)
    return [sorted(dead, key=lambda node: node.id) for dead in found.values()]


def _tracked(base: Node, dead: Sequence[Node], keys: Sequence[Key], loop: int) -> Iterator[Tracked]:
    """The meant updates by the first value of each round, by the second, and so on."""
    rounds: dict[Key, list[Node]] = {key: [] for key in keys}
    for node in dead:
        if (key := step_key(node.context, loop)) in rounds:
            rounds[key].append(node)
    span = dead[-1].span
    for several in zip(*rounds.values(), strict=False):
        updates = {key: _update(base, node) for key, node in zip(rounds, several, strict=True)}
        if span is not None:
            yield Tracked(base.names[-1] if base.names else f"line {span.line}", span, updates)


def _update(base: Node, made: Node) -> Update:
    """The update by a value that is the gradient, the step, or already what should have been stored."""
    terms = terms_of(made, stop=lambda node: node is base)
    if len(terms) > 1 and any(term.node is base for term in terms):
        stored = Node(made.id, made.op, meant, made.args, made.kwargs, made.value, made.span, made.names)
        return Update(base, stored, tuple(terms))
    is_step = all(term.coefficient < 0 for term in terms)  # `-rate * gradient`
    op, sign = ("add", 1.0) if is_step else ("subtract", -1.0)
    value = np.asarray(base.value, float) + sign * np.asarray(made.value, float)
    after = Node(made.id, op, meant, (base, made), {}, value, made.span)
    return Update(base, after, (Term(1.0, base), Term(sign, made)))
