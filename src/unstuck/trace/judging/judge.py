"""Compare the written gradients with the true ones, step by step, and find the loss that they descend.

What counts is the relative residual that is left after the best positive factor per parameter, not the cosine
(real faults reach a cosine of 0.9995).  The loss is the candidate that explains most weights exactly in every
step; with the loss known, a parameter whose residual stays is wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Adjoints, NoRule, adjoints
from unstuck.facts import Array
from unstuck.trace.judging.matching import STEADY, Match, Table, Tables, chosen, match
from unstuck.trace.judging.numbers import Number, numbers_of
from unstuck.trace.judging.penalties import is_penalty_alone
from unstuck.trace.judging.together import LEAST, Group, together
from unstuck.trace.reading.losses import HELD, MOST_PLACES, PREFERENCE, Candidate
from unstuck.trace.reading.written import Step

TOLERANCE = 1e-6  # relative residual of a right gradient in float64: observed 0 to 1e-9, faults from 2e-3
TOLERANCE_SINGLE = 2e-3  # the same for programs that compute in float32
LONG = 60_000  # nodes in the steps on which every loss is tried
FINALISTS = 3  # losses that are judged on all steps, besides equals of the best
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


def best_loss(steps: Sequence[Step], tolerance: float, *, pairs_only: bool = False) -> Verdicts | None:
    """The candidate that explains most weights in every step; ties go to the simpler loss.

    Every candidate is tried on a few steps, and the best of them on all, until one explains everything.
    `pairs_only` leaves out the scalars that the script computes itself.  That a target is held constant although
    it depends on the parameters is believed only where no other loss explains anything, and this one all; and a
    penalty is taken for the loss only where there is no other.
    """
    losses = {loss for step in steps for loss in step.losses if loss.by_pairs or not pairs_only}
    losses = {loss for loss in losses if not is_penalty_alone(steps, loss)} or losses
    counts = Counter(loss for step in steps for loss in step.losses)
    losses = {loss for loss in losses if counts[loss] > 1} or losses
    found = None
    for places in range(MOST_PLACES):  # a sum is believed only where it explains more than its parts
        more = [loss for loss in losses if loss.kind not in HELD and len(loss.more) == places]
        best = _best_of(more, steps, tolerance)
        if best is not None and (
            found is None or _numbers(best, steps, tolerance) > _numbers(found, steps, tolerance)
        ):
            found = best
        if found is not None and found.explains_all(tolerance):
            return found
    if found is None or not any(found.explains(name, tolerance) for name in found.matches):
        guessed = _best_of([loss for loss in losses if loss.kind in HELD], steps, tolerance)
        if guessed is not None and guessed.explains_all(tolerance):
            return guessed
    return found


def _best_of(losses: Sequence[Candidate], steps: Sequence[Step], tolerance: float) -> Verdicts | None:
    """The first of these losses that explains everything, or else the one that explains most."""
    few, long = _few(steps)
    ranks = {loss: _rank(judge(few, loss), few, tolerance) for loss in losses}
    ranked = sorted(losses, key=lambda loss: (ranks[loss], loss.span), reverse=True)
    finalists: list[Verdicts] = []
    for loss in ranked:
        if len(finalists) >= FINALISTS and (long or ranks[loss][0] < ranks[ranked[0]][0]):
            break
        if long and any(ranks[loss][0] < _numbers(best, steps, tolerance) for best in finalists):
            break  # what explains less in few steps explains no more in all
        finalists.append(judge(steps, loss))
        if finalists[-1].explains_all(tolerance):
            break
    return max(finalists, key=lambda verdicts: _rank(verdicts, steps, tolerance), default=None)


def _few(steps: Sequence[Step]) -> tuple[list[Step], bool]:
    """Some steps over the whole run, on which every loss is tried; of long steps fewer, and that they are long."""
    chosen = list(steps[:: max(1, len(steps) // 3)])[:4]
    long = sum(len(step.nodes) for step in chosen) > LONG
    while len(chosen) > 1 and sum(len(step.nodes) for step in chosen) > LONG:
        chosen.pop()
    return chosen, long


def _numbers(verdicts: Verdicts, steps: Sequence[Step], tolerance: float) -> int:
    return _rank(verdicts, steps, tolerance)[0]


def _rank(
    verdicts: Verdicts, steps: Sequence[Step], tolerance: float
) -> tuple[int, bool, int, int, int, float, bool, int]:
    """Numbers explained (in arrays: a single number proves nothing), from the output on, how, then derivable, ...

    Then follow how many take part, similar, steady, and preferred.

    What is explained upside down counts as well, for a layer may climb what the others descend; but of a value that
    the script computes only beside something that is explained, and if that is nearer to the output.  Such a value may
    be maximised, but only where nothing else explains as much.  For one sample with one
    output several losses differ by a factor only: then it is the one whose factor is the same in every step.
    """
    arrays = [name for name in verdicts.matches if verdicts.is_array(name)]
    sizes = {name: verdicts.size(name) for name in arrays}
    right = [name for name in arrays if verdicts.explains(name, tolerance)]
    turned = [name for name in arrays if verdicts.climbs(name, tolerance)]
    explained, mirrored = (sum(sizes[name] for name in names) for names in (right, turned))
    from_output = True
    if verdicts.loss.by_pairs:
        how, explained = (1 if mirrored and not explained else 2), explained + mirrored
    else:
        how = 0 if verdicts.loss.kind == "maximised" else 2
        if right and turned:
            explained += mirrored
            from_output = max(right + turned, key=lambda name: _first_use(steps, name)) in right
    cosines = [
        match.cosine for table in verdicts.matches.values() for match in table.values() if not match.vacuous
    ]
    similar = float(np.mean(cosines)) if cosines else -1.0
    judged = arrays or list(verdicts.matches)
    steady = any(verdicts.explains(name, tolerance) and verdicts.spread(name) < STEADY for name in judged)
    preferred = -PREFERENCE.index(verdicts.loss.kind)
    apart = sum(_takes_no_part(table) for table in verdicts.matches.values())
    return explained, from_output, how, -len(verdicts.unknown), -apart, round(similar, 6), steady, preferred


def _first_use(steps: Sequence[Step], name: str) -> int:
    """When the network first takes this parameter: the id of the node, in the first step that updates it."""
    step = next(step for step in steps if name in step.updates)
    return min((node.id for node in step.takers[step.updates[name].before]), default=-1)


def _takes_no_part(table: Table) -> bool:
    """Is a gradient written in some step, and the true one zero in all of them?"""
    told = [match for match in table.values() if not match.vacuous]
    return bool(told) and not any(np.any(match.true) for match in told)
