"""The recorded optimiser as a machine: other gradients go in where the script's own did, and its steps come out.

On the tape, what lies between the gradient of a parameter and its update is a pure function.  Its inputs are the
gradients of several steps in a row; the weights and the constants stay as recorded, and the optimiser remembers nothing
at first.  So it can be run again with gradients of our choice, and with one of its operations altered, whatever the
style in which the script has written it: in place, in dictionaries, or in an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.facts import Array, Span
from unstuck.trace.judging.moments import is_root
from unstuck.trace.reading.steps import Update

Change = Callable[[Node, Callable[[Any], Any]], Any]
"""What an altered operation gives: of the node, and of a function that gives the value of any operand."""
Place = tuple[Span | None, str]

SAME_POWER = 0.1


class NotRun(Exception):
    """An operation of the machine cannot be run with other numbers."""


@dataclass(frozen=True)
class Machine:
    """The optimiser of one parameter over some steps in a row.

    age      how many gradients it had taken before the first of these steps
    updates  of the parameter, step by step
    starts   the id of the first node of each step
    inlets   where the gradient enters in each step: nodes, each with its factor to the true gradient, in units of
             that of the first place
    memories what the optimiser held before the first step
    units    this unit, step by step: a rate that is multiplied early is taken out by it
    rates    the plain numbers by which each step goes, as far as they are known
    region   what depends on the gradients and the memories, in order
    """

    age: int
    updates: tuple[Update, ...]
    starts: tuple[int, ...]
    inlets: tuple[Mapping[Node, float], ...]
    memories: frozenset[Node]
    units: tuple[float, ...]
    rates: tuple[float, ...]
    region: tuple[Node, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the parameter."""
        return np.shape(self.updates[0].after.value)

    @property
    def count(self) -> int:
        """How many numbers the parameter holds."""
        return int(np.prod(self.shape))

    @property
    def divides(self) -> bool:
        """Is there a root in it?"""
        return any(is_root(node) for node in self.region)

    def answers(
        self, gradients: Sequence[Array], altered: Mapping[Place, Change] | None = None
    ) -> list[Array]:
        """The part of the steps that turns with the gradients: without decay, noise and what was there before.

        altered  operations that are done otherwise, at all places of the source that are given
        """
        there = self._run(gradients, altered or {}).after(self.updates)
        back = self._run([-gradient for gradient in gradients], altered or {}).after(self.updates)
        return [(one - other) / 2 for one, other in zip(there, back, strict=True)]

    def pull(self, gradients: Sequence[Array]) -> list[Array]:
        """The part of the steps that does not turn with the gradients."""
        there = self._run(gradients, {}).after(self.updates)
        back = self._run([-gradient for gradient in gradients], {}).after(self.updates)
        before = [np.asarray(update.before.value, float) for update in self.updates]
        return [(one + other) / 2 - old for one, other, old in zip(there, back, before, strict=True)]

    def is_balanced(self, gradients: Sequence[Array], altered: Mapping[Place, Change]) -> bool:
        """Do the operands of each sum grow by one power of the gradients?  Else the larger one hides the other."""
        runs = [self._run([size * each for each in gradients], altered) for size in (1.0, 2.0)]
        for each in runs:
            each.after(self.updates)
        inside = {*self.region, *(node for inlets in self.inlets for node in inlets)}
        inside -= {update.before for update in self.updates}
        sums = [node for node in self.region if node.op in ("add", "subtract")]
        return all(_are_alike([each for each in node.parents() if each in inside], runs) for node in sums)

    def _run(self, gradients: Sequence[Array], altered: Mapping[Place, Change]) -> _Run:
        """The machine, fed with these gradients; each step begins where the recorded one did."""
        values: dict[Node, Any] = {node: np.zeros(np.shape(node.value)) for node in self.memories}
        for inlets, gradient in zip(self.inlets, gradients, strict=True):
            values |= {node: factor * gradient for node, factor in inlets.items()}
        weights = frozenset(update.before for update in self.updates)
        return _Run(frozenset(self.region), weights, values, altered)


class _Run:
    """One run of a machine; values are worked out when they are asked for, and the weights stay as recorded."""

    def __init__(
        self,
        region: frozenset[Node],
        weights: frozenset[Node],
        values: dict[Node, Any],
        altered: Mapping[Place, Change],
    ) -> None:
        self._region, self._weights, self._values, self._altered = region, weights, values, altered
        self._running: set[Node] = set()

    def after(self, updates: Sequence[Update]) -> list[Array]:
        """The parameter after each step."""
        with np.errstate(all="ignore"):
            return [np.asarray(self.made(update.after), float) for update in updates]

    def value(self, item: Any) -> Any:
        """The value of an operand."""
        if not isinstance(item, Node):
            return item
        if item in self._weights or item not in self._region:
            return self._values.get(item, item.value)
        if item not in self._values:
            self._values[item] = self.made(item)
        return self._values[item]

    def made(self, node: Node) -> Any:
        """What an operation of the region gives."""
        if node in self._running:
            raise NotRun
        self._running.add(node)
        change = self._altered.get(place_of(node))
        try:
            if change is not None:
                made = change(node, self.value)
            else:
                made = run(node, {parent: self.value(parent) for parent in node.parents()})
        except (TypeError, ValueError, AttributeError, KeyError, IndexError, ArithmeticError) as error:
            raise NotRun from error
        self._running.discard(node)
        return made


def _are_alike(operands: Sequence[Node], runs: Sequence[_Run]) -> bool:
    """Do these values grow by one power, from the first run to the second, wherever they are something at all?"""
    powers = []
    for node in operands:
        once, twice = (np.abs(np.asarray(each.value(node), float)) for each in runs)
        told = (once > 0) & (twice > 0) & np.isfinite(once) & np.isfinite(twice)
        if np.any(told):
            powers.append(float(np.median(np.log2(twice[told] / once[told]))))
    return not powers or max(powers) - min(powers) < SAME_POWER


def place_of(node: Node) -> Place:
    """What tells the operations of a step apart, and comes back in every step."""
    return node.span, node.op
