"""Find the parameters and the training step on a tape.

The loop whose counter differs between the updates of the parameters is the step loop.  Increments are expanded into
their additive terms, so that momentum, weight decay and clipping fall apart into known pieces; what is left is the
written gradient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from operator import attrgetter

import numpy as np

from unstuck.autodiff.call import shape_of
from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.chains import Chain, Remembered
from unstuck.trace.reading.parameters import parameter_chains
from unstuck.trace.reading.terms import Term, terms_of

Key = tuple[tuple[int, int], ...]
Updated = tuple[Chain, dict[Key, tuple[Node, Node]]]


@dataclass(frozen=True)
class Update:
    """One update of one parameter in one step: after = sum of the terms, `before` among them.

    closed  the terms are not to be taken apart any further
    part    the elements of a vector that are meant; None stands for all
    """

    before: Node
    after: Node
    terms: tuple[Term, ...]
    closed: bool = False
    part: slice | None = None


@dataclass(frozen=True)
class Tracked:
    """A parameter: what the script calls it, where it is updated, and its update in every step by step key."""

    name: str
    span: Span
    updates: dict[Key, Update]


@dataclass(frozen=True)
class Steps:
    """The training steps of one window, in order; `ranges[key]` holds the node ids of a step."""

    loop: int | None
    keys: tuple[Key, ...]
    ranges: dict[Key, range]
    parameters: tuple[Tracked, ...]
    state: frozenset[int]  # ids of optimiser state and accumulators: chains that are no parameters
    offset: int = 0  # rounds of the step loop on this tape before the first of the keys
    trained: frozenset[int] = frozenset()  # ids of all updated values, those of other trainings included
    begun: frozenset[Key] = (
        frozenset()
    )  # the first round on this tape: whole only where the training begins with it


def find_steps(
    nodes: Sequence[Node], least: int = 3, known: Remembered | None = None, share: float = 1.0
) -> list[Steps]:
    """The trainings on a tape, each with its parameters and steps: those of the busiest loop come first.

    Empty when no parameter was updated at least `least` times.  `known` remembers from look to look; a `share` of -1
    finds parameters whose old value is turned by every update, and one of 2 those whose old value is doubled.
    """
    return steps_of(nodes, *parameter_chains(nodes, least, known, share), least)


def steps_of(nodes: Sequence[Node], trained: list[Chain], members: set[int], least: int) -> list[Steps]:
    """The same, given the chains that are parameters, and the ids of all values that are updated."""
    found: list[Steps] = []
    while trained:
        loop = step_loop(trained)
        updated = [(chain, steps) for chain in trained if len(steps := _by_step(chain, loop)) >= least - 1]
        if not updated:
            break
        found.append(_steps(nodes, updated, members, loop))
        taken = {id(chain) for chain, _ in updated}
        trained = [chain for chain in trained if id(chain) not in taken and not _within_step(chain, loop)]
    updated_values = frozenset().union(*(steps.trained for steps in found))
    return [replace(steps, trained=updated_values) for steps in found]


def _within_step(chain: Chain, loop: int | None) -> bool:
    """Do all values of a chain belong to one training step?  (A residual stream adds up from block to block.)"""
    keys = {step_key(node.context, loop) for node in chain}
    return len(keys) == 1 and None not in keys


def _steps(nodes: Sequence[Node], updated: Sequence[Updated], members: set[int], loop: int | None) -> Steps:
    """The steps of one loop, given the chains that it updates and their values in each of its rounds."""
    found = sorted({key for _, steps in updated for key in steps})
    updated = [_with_start(each, loop) for each in updated]
    first = {key for _, steps in updated for key in steps} - {*found}
    found = sorted({*first, *found})
    ranges = ranges_of(nodes, [chain for chain, _ in updated], loop)
    keys = tuple(key for key in found if key in ranges)
    own = {node.id for chain, _ in updated for node in chain}
    alike = _seldom_moved(nodes, [chain for chain, _ in updated])
    rounds = sorted({key for key, _, _ in _stretches(nodes, loop)})
    tracked = tuple(_tracked(chain, steps, keys) for chain, steps in updated)
    offset = rounds.index(keys[0]) if rounds else 0
    names = unique_names(tracked)
    state, trained = frozenset(members - own - alike), frozenset(own | alike)
    return Steps(loop, keys, ranges, names, state, offset, trained, frozenset(first))


def _seldom_moved(nodes: Sequence[Node], chains: Sequence[Chain]) -> set[int]:
    """Ids of single numbers that the statements which move parameters have made: no state of an optimiser."""
    places = {(node.span, node.op) for chain in chains for node in chain if not shape_of(node.value)}
    if not places:
        return set()
    ops = {op for _, op in places}
    numbers = (node for node in nodes if node.op in ops and not shape_of(node.value))
    return {node.id for node in numbers if (node.span, node.op) in places and _goes_on(node, places)}


def _goes_on(node: Node, places: Collection[tuple[Span | None, str]]) -> bool:
    """Is the first operand such a number, or one from outside?  (A helper function may subtract anything.)"""
    first = node.args[0] if node.args else None
    return isinstance(first, Node) and (first.op in ("leaf", "getitem") or (first.span, first.op) in places)


# ----- The step loop ------------------------------------------------------------------------------------


def step_loop(chains: list[Chain]) -> int | None:
    """The loop whose counter differs most often between consecutive updates; of equals the outermost.

    (Where an epoch ends, its counter differs too, but that of the batches differs every time.)
    """
    votes: Counter[int] = Counter()
    for chain in chains:
        for old, new in pairwise(chain):
            for before, after in zip(old.context, new.context, strict=False):
                if before[0] != after[0]:
                    break
                votes[after[0]] += before != after
    return max((loop for loop in votes if votes[loop]), key=lambda loop: votes[loop], default=None)


def step_key(context: Key, loop: int | None) -> Key | None:
    """The loop counters down to the step loop; None outside of it."""
    for depth, (number, _) in enumerate(context):
        if number == loop:
            return context[: depth + 1]
    return None


def contexts_of(nodes: Sequence[Node]) -> Iterator[Key]:
    """The loop counters of nodes in order of time; those of many in a row are given once."""
    for context, _ in groupby(nodes, key=attrgetter("context")):
        yield context


def _by_step(chain: Chain, loop: int | None) -> dict[Key, tuple[Node, Node]]:
    """(value before, value after) of a chain in each step; the first value has no predecessor in the chain."""
    steps: dict[Key, tuple[Node, Node]] = {}
    for index, (old, new) in enumerate(pairwise(chain)):
        key = step_key(new.context, loop) if loop is not None else ((-1, index),)
        if key is not None:
            steps[key] = (steps[key][0] if key in steps else old, new)
    first = step_key(chain[0].context, loop) if loop is not None else None
    if first is not None:
        steps.pop(first, None)
    return steps


def _with_start(updated: Updated, loop: int | None) -> Updated:
    """The same with the update of the first step, if what was there before is known: an array made outside the loop."""
    chain, steps = updated
    total, key = chain[0], step_key(chain[0].context, loop) if loop is not None else None
    operands = [arg for arg in total.args if isinstance(arg, Node)]
    if key is None or total.op not in ("add", "subtract") or len(operands) != 2:
        return updated
    start, other = operands
    outside = start.op == "leaf" or step_key(start.context, loop) is None
    if not outside or other is start or not np.ndim(start.value):
        return updated
    last = [node for node in chain if step_key(node.context, loop) == key][-1]
    return chain, {key: (start, last), **steps}


def ranges_of(nodes: Sequence[Node], chains: Sequence[Chain], loop: int | None) -> dict[Key, range]:
    """The node ids of every round with an update, together with the rounds before it that only add up."""
    if (
        loop is None
    ):  # the rounds of a generator that nothing but `list` goes through, or a function called again
        longest = max(map(len, chains), default=0)
        ends = [
            max(chain[index].id for chain in chains if index < len(chain)) + 1 for index in range(longest)
        ]
        return {((-1, index),): range(*ids) for index, ids in enumerate(pairwise(ends))}
    updated = {step_key(node.context, loop) for chain in chains for node in chain}
    ranges: dict[Key, range] = {}
    start, previous = -1, None
    for key, first, last in _stretches(nodes, loop):
        if start < 0 or (key != previous and previous in updated):
            start = first
        previous = key
        if key in updated:
            ranges[key] = range(start, last + 1)
    return ranges


def _stretches(nodes: Sequence[Node], loop: int | None) -> Iterator[tuple[Key, int, int]]:
    """The step key and the ids of the first and the last of nodes in a row that share their innermost round."""
    for context, shared in groupby(nodes, key=attrgetter("context")):
        key = step_key(context, loop)
        if key is not None:
            row = list(shared)
            yield key, row[0].id, row[-1].id


def _tracked(chain: Chain, steps: dict[Key, tuple[Node, Node]], keys: Sequence[Key]) -> Tracked:
    updates = {}
    for key in keys:
        if key in steps:
            before, after = steps[key]
            updates[key] = Update(before, after, tuple(terms_of(after, stop=_stops_at(before))))
    named = next((node for node in reversed(chain) if node.names), None)
    assert chain[0].span is not None
    return Tracked(named.names[-1] if named else f"line {chain[0].span.line}", chain[0].span, updates)


def _stops_at(before: Node) -> Callable[[Node], bool]:
    return lambda node: node is before or node.id < before.id


def unique_names(tracked: tuple[Tracked, ...]) -> tuple[Tracked, ...]:
    """Layers that share one line of code get a number, in the order of their first update."""
    counts = Counter(item.name for item in tracked)
    seen: Counter[str] = Counter()
    result = []
    for item in sorted(tracked, key=lambda item: min(u.after.id for u in item.updates.values())):
        name = f"{item.name} #{seen[item.name] + 1}" if counts[item.name] > 1 else item.name
        seen[item.name] += 1
        result.append(Tracked(name, item.span, item.updates))
    return tuple(result)
