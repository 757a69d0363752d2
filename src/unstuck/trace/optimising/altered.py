"""One operation of a recorded optimiser, altered: after which alteration is it a known one?

The alterations are slips of the pen: another operator, a square or the old value forgotten, a memory that is read
before, or after, it has taken in this step's gradient.  None makes an optimiser simpler than it is, so that what is
merely unheard of is not taken for something else with a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.trace.optimising.explained import is_balanced, title_of
from unstuck.trace.optimising.family import OVER
from unstuck.trace.optimising.machine import Change, Machine, NotRun, Place, place_of
from unstuck.trace.reading.chains import UPDATING

Valued = Callable[[Any], Any]
OTHER: dict[str, tuple[Callable[..., Any], str]] = {
    "add": (np.subtract, "- instead of +"),
    "subtract": (np.add, "+ instead of -"),
    "multiply": (np.true_divide, "/ instead of *"),
    "true_divide": (np.multiply, "* instead of /"),
}
SQUARING = {"multiply", "power", "square"}
TWO_SIDED = {"subtract", "true_divide"}
NO_MINUS = "no minus sign"
MOST_TRIALS, MOST_NUMBERS = 300, 300_000_000  # alterations, and numbers that all of them may work out


@dataclass(frozen=True)
class Slip:
    """An operation at one place of the source that should be another; `should` says what is meant instead.

    title  the optimiser that it is then
    """

    place: Place
    should: str
    title: str

    def mends(self, machine: Machine) -> bool:
        """Does the same alteration make this machine a known optimiser, too?"""
        return any(
            _title(machine, place, change)
            for place, should, change in _alterations(machine)
            if (place, should) == (self.place, self.should)
        )


def slip(machine: Machine) -> Slip | None:
    """The first alteration of one operation after which the machine is a known optimiser."""
    trials = min(MOST_TRIALS, MOST_NUMBERS // max(1, len(machine.region) * machine.count))
    for place, should, change in islice(_alterations(machine), trials):
        title = _title(machine, place, change)
        if title:
            return Slip(place, should, title)
    return None


def _title(machine: Machine, place: Place, change: Change) -> str:
    try:
        title = title_of(machine, {place: change})
        known = title and (OVER in title or not machine.divides)
        return title if known and is_balanced(machine, {place: change}) else ""
    except NotRun:
        return ""


def _alterations(machine: Machine) -> Iterator[tuple[Place, str, Change]]:
    """Places of the region, with what else could stand there."""
    places: dict[Place, Node] = {}
    for node in machine.region:
        if np.shape(node.value) == machine.shape and node.span is not None:
            places.setdefault(place_of(node), node)
    moments = _Moments(machine)
    kinds = (_operators, partial(_squares, machine), moments.exchanged, moments.forgotten, moments.taken)
    for kind in kinds:
        for place, node in places.items():
            for should, change in kind(node):
                yield place, should, change


# ----- Another operator ---------------------------------------------------------------------------------


def _operators(node: Node) -> Iterator[tuple[str, Change]]:
    if node.op in OTHER and len(node.args) == 2:
        function, should = OTHER[node.op]
        yield should, lambda node, value: function(value(node.args[0]), value(node.args[1]))
    if node.op == "negative":
        yield NO_MINUS, lambda node, value: value(node.args[0])
    if node.op == "add" and len(node.args) == 2:
        yield "a minus before the first part", lambda node, value: _apply(node, value, (1, 0))
    if node.op in TWO_SIDED:
        yield "its operands the other way round", lambda node, value: _apply(node, value, (1, 0))


def _apply(node: Node, value: Valued, order: tuple[int, int]) -> Any:
    function = np.true_divide if node.op == "true_divide" else np.subtract
    return function(value(node.args[order[0]]), value(node.args[order[1]]))


def _squares(machine: Machine, node: Node) -> Iterator[tuple[str, Change]]:
    """The gradient, or its absolute value, where its square belongs; or another exponent than 2."""
    inlets = {each for inlets in machine.inlets for each in inlets}
    if node.op == "power":
        yield "the exponent 2", lambda node, value: np.square(value(node.args[0]))
    for position, argument in enumerate(node.args[:2] if node.op == "multiply" else ()):
        if isinstance(argument, Node) and (argument in inlets or argument.op == "absolute"):
            yield "the square of the gradient", _squared(position)


def _squared(position: int) -> Change:
    def change(node: Node, value: Valued) -> Any:
        operand = node.args[position]
        return run(
            node, {each: value(each) for each in node.parents()} | {operand: np.square(value(operand))}
        )

    return change


# ----- Another moment -----------------------------------------------------------------------------------


class _Moments:
    """The values that one place has made in consecutive steps: what a memory was before, and what it is after."""

    def __init__(self, machine: Machine) -> None:
        self._starts, self._inlets, self._memories = machine.starts, machine.inlets, machine.memories
        self._sums = {node for node in machine.region if node.op in UPDATING} | machine.memories
        self._made = {
            (place_of(node), self._step(node)): node
            for node in machine.region
            if np.shape(node.value) == machine.shape
        }

    def _step(self, node: Node) -> int:
        return sum(start <= node.id for start in self._starts) - 1

    def exchanged(self, node: Node) -> Iterator[tuple[str, Change]]:
        """An operand of this step in place of the same of the step before, or the other way round."""
        for position, argument in enumerate(node.args[:2]):
            if isinstance(argument, Node) and argument.op in UPDATING:
                yield "the value after this step's gradient", self._operand(position, 1)
                yield "the value before this step's gradient", self._operand(position, -1)

    def _operand(self, position: int, later: int) -> Change:
        def change(node: Node, value: Valued) -> Any:
            operand = node.args[position]
            own, now = self._step(node), self._step(operand)
            if (later > 0) != (now < own) or operand not in self._sums:
                raise NotRun
            other = self._made.get((place_of(operand), own if later > 0 else own - 1))
            taken = value(other) if other is not None else np.zeros(np.shape(operand.value))
            return run(node, {each: value(each) for each in node.parents()} | {operand: taken})

        return change

    def forgotten(self, node: Node) -> Iterator[tuple[str, Change]]:
        """A plain number of a sum that should be that share of the old sum, or of the gradient's square."""
        if node.op != "add" or len(node.args) != 2:
            return
        for position, argument in enumerate(node.args):
            if np.ndim(getattr(argument, "value", argument)) == 0:
                yield "that share of its old value", self._times_old(position)

    def _times_old(self, position: int) -> Change:
        def change(node: Node, value: Valued) -> Any:
            old = self._made.get((place_of(node), self._step(node) - 1))
            share = value(node.args[position])
            kept = share * value(old) if old is not None else 0.0
            return kept + value(node.args[1 - position])

        return change

    def taken(self, node: Node) -> Iterator[tuple[str, Change]]:
        """The square of what is remembered of the gradient, where the gradient's own belongs."""
        squared = {each for each in _squared_in(node) if self._remembers(each)} if node.op in SQUARING else ()
        if squared:
            yield "the square of the gradient itself", self._of_gradient(squared)

    def _remembers(self, node: Node) -> bool:
        """Is this a sum to which what it was in the step before belongs?"""
        if node.op not in UPDATING:
            return False
        before = {self._made.get((place_of(node), self._step(node) - 1)), *self._memories}
        operands = {each for part in (node, *node.parents()) for each in part.parents()}
        return not before.isdisjoint(operands)

    def _of_gradient(self, squared: Collection[Node]) -> Change:
        places = {place_of(each) for each in squared}

        def change(node: Node, value: Valued) -> Any:
            inlets = self._inlets[self._step(node)]
            alike = [each for each in inlets if np.shape(each.value) == np.shape(node.value)]
            if not alike:
                raise NotRun

            def taken(part: Node) -> Any:
                if place_of(part) in places:
                    return value(alike[0])
                inner = part.op == "multiply" and any(place_of(each) in places for each in part.parents())
                return run(part, {each: taken(each) for each in part.parents()}) if inner else value(part)

            return run(node, {each: taken(each) for each in node.parents()})

        return change


def _squared_in(node: Node) -> set[Node]:
    """What is squared here, as in `m ** 2` and in `c * m * m`."""
    if node.op != "multiply":
        return {each for each in node.args[:1] if isinstance(each, Node)}
    inner = [
        arg for each in node.args if isinstance(each, Node) and each.op == "multiply" for arg in each.args
    ]
    counts = Counter(each for each in (*node.args, *inner) if isinstance(each, Node))
    return {each for each, count in counts.items() if count > 1}
