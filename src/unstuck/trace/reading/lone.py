"""Models of a few single numbers: `prediction = weight * x`, `weight = weight - rate * (prediction - y) * x`.

Such a program holds nothing but sums and products of numbers, so neither does an activation or a matrix tell its
weights from its counters, nor can an update be taken apart: the old weight comes back in the gradient too, times
numbers that may be the learning rate or the data.  So an update is what one statement says, old value and increment,
and a number is a parameter if its increment was computed from the old value.  Where anything else is carried over from
round to round, the memory of an optimiser, say, nothing is read.  Since a simulation also looks like this, a program
is read so only when nothing else in it trains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Span
from unstuck.trace.reading.chains import Chain, sequences
from unstuck.trace.reading.steps import Steps, Tracked, Update, steps_of
from unstuck.trace.reading.terms import Term

MOST_NODES = 60_000  # of the tape that are looked at
MOST_STEPS = 60
LEAST = 2  # updates


def number_steps(nodes: Sequence[Node]) -> list[Steps]:
    """The trainings of single numbers on a tape, the busiest first."""
    seen = nodes[:MOST_NODES]
    chains, members = _chains(seen)
    found = [_closed(steps) for steps in steps_of(seen, chains, members, LEAST)] if chains else []
    return [steps for steps in found if not _remembers(steps)]


def _chains(nodes: Sequence[Node]) -> tuple[list[Chain], set[int]]:
    """Numbers that are replaced by themselves and an increment that depends on them; and the ids of all that grow."""
    by_span: dict[Span, list[Node]] = defaultdict(list)
    previous: dict[int, Node] = {}
    for node in nodes:
        if node.op in ("add", "subtract") and np.ndim(node.value) == 0 and node.span is not None:
            by_span[node.span].append(node)
            if (old := _old(node)) is not None:
                previous[node.id] = old
    found = [chain for group in by_span.values() for chain in sequences(group, previous, LEAST)]
    trained = [chain for chain in found if len(chain) > LEAST and all(map(_follows, chain[:-1], chain[1:]))]
    return trained, {node.id for chain in found for node in chain}


def _old(node: Node) -> Node | None:
    """The operand that the same statement has made before."""
    operands = node.args if node.op == "add" else node.args[:1]
    return next((arg for arg in operands if isinstance(arg, Node) and arg.span == node.span), None)


def _follows(old: Node, new: Node) -> bool:
    """Was what is added to the old value computed from it?"""
    return old in ancestors([part for part in new.parents() if part is not old], oldest=old.id)


def _remembers(steps: Steps) -> bool:
    """Does an increment depend on anything that an earlier round has computed, other than the numbers themselves?"""
    first = min(each.start for each in steps.ranges.values())
    for key in steps.keys:
        updates = [each.updates[key] for each in steps.parameters if key in each.updates]
        known = {update.before for update in updates}
        added = [term.node for update in updates for term in update.terms if term.node is not update.before]
        start = steps.ranges[key].start
        older = [
            node for node in ancestors(added, stop=known) - known if node.id < start and node.op != "leaf"
        ]
        if any(node.id >= first for node in older):
            return True
    return False


def _closed(steps: Steps) -> Steps:
    """The first of the steps, with updates of two terms: the old value, and what one statement adds to it."""
    keys = steps.keys[:MOST_STEPS]
    parameters = tuple(
        Tracked(
            each.name, each.span, {key: _two_terms(each.updates[key]) for key in keys if key in each.updates}
        )
        for each in steps.parameters
    )
    return replace(steps, keys=keys, parameters=parameters)


def _two_terms(update: Update) -> Update:
    new = update.after
    sign = -1.0 if new.op == "subtract" else 1.0
    added = next(part for part in reversed(new.parents()) if part is not update.before)
    return Update(update.before, new, (Term(1.0, update.before), Term(sign, added)), closed=True)
