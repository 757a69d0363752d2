"""Reads the machine of a parameter off the tape: where its gradient enters, and what is made of it until the update.

The gradient enters at the last values, on the way to the update, that are multiples of the true one in every step.
That tells a gradient from what an optimiser remembers, because gradients point elsewhere in every step, and the first
is all that it remembers then.  Those of a single number
do not, nor do those of the two biases of a softmax, which are each other's negative: there everything is a multiple of
the gradient, and it enters where that of another parameter does, or where the factor is the same in every step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array
from unstuck.trace.judging.matching import STEADY, Match, match
from unstuck.trace.optimising.machine import Machine, Place, place_of
from unstuck.trace.reading.numerators import CLIPS
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.written import Step

LEAST_STEPS, MOST_STEPS = 3, 8
MOST_NODES = 2_000
MOST_NUMBERS = 20_000_000  # of all operations together
Entries = dict[Node, float]


def machines(
    name: str,
    steps: Sequence[Step],
    truths: Mapping[int, Match],
    tolerance: float,
    others: Collection[Machine] = (),
) -> list[Machine]:
    """The machine in each stretch of consecutive steps, where it can be read.

    truths  the gradients, by step number
    others  machines of other parameters, which may stand at the same places
    """
    like = {place_of(node) for other in others for inlets in other.inlets for node in inlets}
    found = [_machine(name, stretch, truths, tolerance, like) for stretch in _stretches(name, steps, truths)]
    return [machine for machine in found if machine is not None]


def _stretches(name: str, steps: Sequence[Step], truths: Mapping[int, Match]) -> Iterator[list[Step]]:
    """The first steps of each window that tell something, one after the other, where there are enough."""
    stretch: list[Step] = []
    for step in (*steps, None):
        told = step is not None and name in step.updates and step.number in truths
        follows = step is not None and told and stretch and _before(step, name) is _after(stretch[-1], name)
        if stretch and not follows:
            if len(stretch) >= LEAST_STEPS:
                yield stretch[:MOST_STEPS]
            stretch = []
        if step is not None and told:
            stretch.append(step)


def _before(step: Step, name: str) -> Node:
    return step.updates[name].before


def _after(step: Step, name: str) -> Node:
    return step.updates[name].after


def _machine(
    name: str, steps: Sequence[Step], truths: Mapping[int, Match], tolerance: float, like: set[Place]
) -> Machine | None:
    updates = [step.updates[name] for step in steps]
    told = [truths[step.number] for step in steps]
    factors = [_factors(*each, tolerance) for each in zip(updates, steps, told, strict=True)]
    if all(_are_parallel(told[0], other, tolerance) for other in told[1:]):
        entries = like | _steady(factors, [step.rates.get(name, 0.0) for step in steps])
        factors = [{node: f for node, f in each.items() if place_of(node) in entries} for each in factors]
    everywhere = set.intersection(*({place_of(node) for node in each} for each in factors))
    factors = [{node: f for node, f in each.items() if place_of(node) in everywhere} for each in factors]
    met = [_last(each, update) for each, update in zip(factors, updates, strict=True)]
    common = set.intersection(*({place_of(node) for node in each} for each in met))
    if not common:
        return None
    units = [abs(next(f for node, f in each.items() if place_of(node) in common)) for each in met]
    inlets = [{node: f / unit for node, f in each.items()} for each, unit in zip(met, units, strict=True)]
    starts = tuple(step.nodes[0].id for step in steps)
    memories, region = _region(updates, {node for each in inlets for node in each}, starts[0])
    if len(region) > MOST_NODES or len(region) * np.size(updates[0].after.value) > MOST_NUMBERS:
        return None
    rates = tuple(step.rates.get(name, 0.0) for step in steps)
    return Machine(
        steps[0].number, tuple(updates), starts, tuple(inlets), memories, tuple(units), rates, tuple(region)
    )


# ----- Where the gradient enters ------------------------------------------------------------------------


def _factors(update: Update, step: Step, truth: Match, tolerance: float) -> Entries:
    """All values on the way to the update that are multiples of the gradient, with their factors, in order."""
    start, shape = step.nodes[0].id, np.shape(update.after.value)
    behind = ancestors([update.after], oldest=start, stop=step.ends - {update.after}) - step.ends
    like = sorted((node for node in behind if np.shape(node.value) == shape), key=lambda node: node.id)
    found = {node: _factor(node, truth, tolerance) for node in like}
    return {node: factor for node, factor in found.items() if factor}


def _factor(node: Node, truth: Match, tolerance: float) -> float:
    """By what the true gradient is multiplied here, before it is clipped; 0 for what is no multiple of it."""
    found = match(np.asarray(node.value, float), truth.true)
    if not found.vacuous and min(found.residual, found.mirrored) <= tolerance:
        return found.scale
    if node.op in CLIPS and isinstance(node.args[0], Node):
        return _factor(node.args[0], truth, tolerance)
    return 0.0


def _are_parallel(one: Match, other: Match, tolerance: float) -> bool:
    found = match(one.true, other.true)
    return min(found.residual, found.mirrored) <= tolerance


def _steady(factors: Sequence[Entries], rates: Sequence[float]) -> set[Place]:
    """The places whose factor is the same in every step, but for the rate by which each step goes."""
    series: dict[Place, list[float]] = {}
    for each in factors:
        for node, factor in each.items():
            series.setdefault(place_of(node), []).append(factor)
    whole = {place: np.array(values) for place, values in series.items() if len(values) == len(factors)}
    paces = [np.ones(len(rates)), *([np.array(rates)] if all(rates) else [])]
    return {place for place in whole if any(_is_same(whole[place] / pace) for pace in paces)}


def _is_same(values: Array) -> bool:
    return bool(np.ptp(values) <= STEADY * abs(values[0]))


def _last(factors: Entries, update: Update) -> Entries:
    """Those of the values from which no other one is made that leads to the update."""
    found: Entries = {}
    pending, seen = [update.after], {update.after}
    oldest = min((node.id for node in factors), default=update.after.id)
    while pending:
        for node in pending.pop().parents():
            if node in seen or node.id < oldest or node is update.before:
                continue
            seen.add(node)
            if node in factors:
                found[node] = factors[node]
            else:
                pending.append(node)
    return dict(sorted(found.items(), key=lambda item: item[0].id))


# ----- What is made of it -------------------------------------------------------------------------------


def _region(updates: Sequence[Update], inlets: set[Node], start: int) -> tuple[frozenset[Node], list[Node]]:
    """What the optimiser held before the first step, and everything from there and from the gradients to the updates.

    The weights themselves are no part of the way.  A memory is what is made again where it was made before.
    """
    weights = {update.before for update in updates}
    behind: set[Node] = set()
    for update in updates:
        behind |= ancestors([update.after], oldest=start, stop=(weights | inlets) - {update.after})
    ordered = sorted(behind, key=lambda node: node.id)
    places = {place_of(node) for node in _reached(ordered, inlets, weights)}
    older = {parent for node in behind - inlets for parent in node.parents() if parent.id < start} - weights
    memories = frozenset(node for node in older if place_of(node) in places)
    return memories, _reached(ordered, inlets | memories, weights)


def _reached(ordered: Sequence[Node], sources: set[Node], weights: set[Node]) -> list[Node]:
    """Those of the nodes that depend on the sources, and not through the weights alone."""
    reached, found = set(sources), []
    for node in ordered:
        ways = [parent for parent in node.parents() if parent not in weights]
        if node not in reached and not reached.isdisjoint(ways):
            reached.add(node)
            found.append(node)
    return found
