"""Compare the written gradients with the true ones, step by step, and find the loss that they descend.

What counts is the relative residual that is left after the best positive factor per parameter, not the cosine
(real faults reach a cosine of 0.9995).  The loss is the candidate that explains most weights exactly in every
step; with the loss known, a parameter whose residual stays is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Adjoints, NoRule, adjoints
from unstuck.facts import Array
from unstuck.trace.judging.matching import Match, Table, Tables, chosen, match
from unstuck.trace.judging.numbers import Number, numbers_of
from unstuck.trace.judging.together import LEAST, Group, together
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

TOLERANCE = 1e-6  # relative residual of a right gradient in float64: observed 0 to 1e-9, faults from 2e-3
TOLERANCE_SINGLE = 2e-3  # the same for programs that compute in float32
NEGLIGIBLE = 1e-9  # share of its usual size below which a gradient says nothing
PICKING = {"getitem", "gather", "take"}  # each element of their result is one of the parameter's
ROUNDINGS = 8  # units in the last place by which a sum may be off, relative to the sizes of what is summed


@dataclass(frozen=True)
class Verdicts:
    """All matches under one loss: matches[name][step number].

    unknown  why the gradient of a parameter cannot be derived
    groups   of single numbers that one statement updates together
    passing  parameters whose gradient was met on the way to updates that are no multiples of it
    """

    loss: Candidate
    matches: dict[str, dict[int, Match]]
    unknown: dict[str, str]
    groups: Mapping[str, Group] = field(default_factory=dict)
    passing: frozenset[str] = frozenset()

    def telling(self, name: str) -> dict[int, Match]:
        """The steps in which this parameter has a gradient at all."""
        return {number: match for number, match in self.matches.get(name, {}).items() if not match.vacuous}

    def of(self, names: Collection[str]) -> Verdicts:
        """The same for a part of the parameters."""
        unknown = {name: why for name, why in self.unknown.items() if name in names}
        return Verdicts(
            self.loss,
            {name: self.matches[name] for name in self.matches if name in names},
            unknown,
            self.groups,
        )

    def is_array(self, name: str) -> bool:
        """Does this parameter hold more than one number, or is it one of several that are updated together?"""
        return name in self.groups or self.size(name) > 1

    def size(self, name: str) -> int:
        """How many numbers this parameter holds."""
        return max((match.true.size for match in self.matches.get(name, {}).values()), default=0)

    def proves(self, name: str, tolerance: float) -> bool:
        """Is so much explained exactly, in this parameter and what goes with it, that it cannot be an accident?"""
        together = self.groups[name].agreeing if name in self.groups else 0
        return max(together, self.size(name)) >= LEAST and self.explains(name, tolerance)

    def residual(self, name: str) -> float:
        """The worst relative residual; infinite when no step tells anything or the sign is wrong."""
        telling = self.telling(name).values()
        return max((match.residual if match.scale > 0 else np.inf for match in telling), default=np.inf)

    def explains(self, name: str, tolerance: float) -> bool:
        """Is the written gradient a positive multiple of the true one in every telling step?"""
        return self.residual(name) <= tolerance

    def spread(self, name: str) -> float:
        """How much the factor of this parameter varies over the steps, relative to its median."""
        scales = [match.scale for match in self.telling(name).values()]
        return (
            float(np.ptp(scales) / abs(np.median(scales))) if np.any(scales) and np.median(scales) else np.inf
        )

    def explains_all(self, tolerance: float) -> bool:
        """Is every parameter that has a gradient at all explained?"""
        return all(self.explains(name, tolerance) for name in self.matches if self.telling(name))

    def explains_any(self, tolerance: float) -> bool:
        """Is some array, or one of several numbers that are updated together, explained?"""
        return any(self.is_array(name) and self.explains(name, tolerance) for name in self.matches)

    def climbs(self, name: str, tolerance: float) -> bool:
        """Is the written gradient a negative multiple of the true one in every telling step?"""
        telling = self.telling(name).values()
        return bool(telling) and all(match.mirrored <= tolerance for match in telling)


def judge(steps: Sequence[Step], loss: Candidate, ties: float | None = None) -> Verdicts:
    """Match every parameter in every step under one loss; `ties` chooses the subgradient at kinks."""
    judged = {}
    for step in steps:
        proposal = step.losses.get(loss)
        if proposal is not None:
            found = adjoints(proposal.seeds, step.wrt(), stop=step.ends, ties=ties)
            judged[step.number] = {name: matches(step, name, found) for name in step.updates}
    return verdicts_of(loss, judged, {step.number: numbers_of(step, loss) for step in steps})


Judged = Mapping[str, Mapping[str, Match] | NoRule]
"""Of one step, by parameter: the match of each reading of the update, or the operation without a rule."""


def matches(step: Step, name: str, found: Adjoints) -> Mapping[str, Match] | NoRule:
    """The written gradient of one parameter in one step, in all its readings, against the derived one."""
    node = step.updates[name].before
    true = found.of(node)
    if true is None:
        return found.unknown[node]
    part = step.updates[name].part
    true = true if part is None else np.ravel(true)[part]
    floor = rounding_floor(node, step.taken_with(node), found.cotangents)
    return {kind: match(written, true, floor) for kind, written in step.written[name].items()}


def verdicts_of(
    loss: Candidate, judged: Mapping[int, Judged], numbers: Mapping[int, Mapping[str, Number]]
) -> Verdicts:
    """The verdicts over steps that were judged one by one; `numbers` are the parameters that are single numbers."""
    readings: dict[str, Tables] = {}
    unknown: dict[str, str] = {}
    for number, step in judged.items():
        for name, found in step.items():
            if isinstance(found, NoRule):
                unknown[name] = f"{found.op} has no derivative rule"
                continue
            tables = readings.setdefault(name, {})
            for kind, each in found.items():
                tables.setdefault(kind, {})[number] = each
    known = {name: tables for name, tables in readings.items() if name not in unknown}
    usual, groups = together({name: _usual(table) for name, table in chosen(known).items()}, numbers)
    return Verdicts(loss, usual, unknown, groups)


def rounding_floor(
    parameter: Node, takers: Iterable[tuple[Node, float]], cotangents: Mapping[Node, Array]
) -> float:
    """What rounding alone can leave of a gradient that should vanish: eps times the sizes of what is summed.

    (The gradient of a bias before a batch normalisation is zero in theory and noise in practice.)
    """
    sums = [0.0]
    for node, others in takers:
        g = cotangents.get(node)
        if g is not None:
            summed = _most_of_one(g, parameter) if node.op in PICKING else g.size
            sums.append(float(np.abs(g).max(initial=0.0)) * summed * others)
    return ROUNDINGS * _epsilon(parameter) * max(sums)


def _most_of_one(g: Array, parameter: Node) -> float:
    """How many elements of the cotangent of some rows can meet in one element of the parameter."""
    row = max(1, math.prod(np.shape(parameter.value)[1:]))
    return float(max(1.0, g.size / row))


def _epsilon(parameter: Node) -> float:
    """The relative rounding error of the numbers that the script computes with."""
    kind = np.asarray(parameter.value).dtype
    return float(np.finfo(kind if kind == np.float32 else np.float64).eps)


def _usual(table: Table) -> Table:
    """The same matches; those whose gradients are below any rounding of their usual size say nothing."""
    told = [m for m in table.values() if not m.vacuous]
    if len(told) < 2:
        return table
    usual = [float(median(np.abs(array(m)).max() for m in told)) for array in (_written, _true)]
    tiny = {
        number: replace(m, vacuous=True)
        for number, m in table.items()
        if np.abs(m.written).max() < NEGLIGIBLE * usual[0] and np.abs(m.true).max() < NEGLIGIBLE * usual[1]
    }
    return table | tiny


def _written(found: Match) -> Array:
    return found.written


def _true(found: Match) -> Array:
    return found.true


def relative_scales(verdicts: Verdicts, reference: str) -> dict[str, tuple[float, float]]:
    """Factor of each parameter relative to the reference's in the same step: (median, relative spread)."""
    base = verdicts.telling(reference)
    result = {}
    for name in verdicts.matches:
        table = verdicts.telling(name)
        ratios = [table[n].scale / base[n].scale for n in table if n in base and base[n].scale > 0]
        if ratios:
            middle = float(np.median(ratios))
            result[name] = middle, float(np.ptp(ratios) / abs(middle)) if middle else np.inf
    return result


def tolerance_of(steps: Sequence[Step]) -> float:
    """The relative residual that rounding can leave in this program."""
    values = [update.before.value for step in steps for update in step.updates.values()]
    return TOLERANCE_SINGLE if any(np.asarray(value).dtype == np.float32 for value in values) else TOLERANCE
