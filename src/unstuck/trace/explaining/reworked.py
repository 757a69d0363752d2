"""What one place of the backward pass should have computed, told by the gradients that come out with it altered.

The written pass of a step is run again with one operation altered in every round in which it runs (see
`unstuck.trace.explaining.rounds`).  The alteration with which wrong gradients become multiples of the true ones, in
several steps and by the factor that right gradients have, says what is wrong at that place.  Nothing needs to be known
of what the values on the way stand for; so this finds faults inside loops over samples and instants, in gates, and
in errors that are put together from pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from unstuck.autodiff import effort
from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.explaining.alteration import OF_OMISSIONS, Alteration
from unstuck.trace.explaining.alterations import OF_ONE_OPERATION, WITH_OTHER_VALUES, Family
from unstuck.trace.explaining.altered_operands import kept
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, Search, merged
from unstuck.trace.explaining.localise import blamed_span
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.places import place_of
from unstuck.trace.explaining.rounds import Rounds, Site
from unstuck.trace.explaining.uses import Back, Use, constantly, formed
from unstuck.trace.explaining.whole_step import WholeStep
from unstuck.trace.judging.judge import Verdicts, rounding_floor
from unstuck.trace.judging.matching import STEADY, match
from unstuck.trace.reading.written import Step

MOST_STEPS = 4  # in which an alteration must give the truth
LEAST_STEPS = 2
MOST_FURTHER = 12  # steps in which it must hold as well
MOST_RUNS = 400_000  # operations that are run again in one search
MOST_BEFORE = 12  # places before what is blamed that are tried ahead of all others
SAME_SCALE = 1e-4


@dataclass(frozen=True)
class Told:
    """An alteration of an operation, the wrong gradients that it makes right, and whether by the factor of others.

    forward  the pass of the step in which the operation is given
    """

    site: Site
    operation: Node
    forward: Forward
    alteration: Alteration
    names: frozenset[str]
    same_scale: bool


class Reworking:
    """The search for the alteration of one place that makes wrong gradients right.

    telling  the steps on which it is tried;  steps: all, of which some must confirm it
    """

    def __init__(
        self,
        search: Search,
        telling: Sequence[Step],
        steps: Sequence[Step],
        current: Verdicts,
        tolerance: float,
    ) -> None:
        self._search, self._current, self._tolerance = search, current, tolerance
        self._names = sorted(name for name in search.wrong if current.is_array(name))
        self._true: dict[int, dict[str, tuple[Array, float] | None]] = {}
        shortest = sorted(telling, key=lambda each: len(each.nodes))
        made = (self._made(step) for step in shortest if step.number in search.passes)
        self._rounds = list(islice((rounds for rounds in made if self._tells(rounds)), MOST_STEPS))
        self._others = [*steps[:: max(1, len(steps) // MOST_FURTHER)]]

    @property
    def applies(self) -> bool:
        """Is there enough to compare with?  Without an array that is right the loss is not certain, nor its factor."""
        known = any(
            self._current.is_array(name) and self._current.telling(name) for name in self._search.right
        )
        return known and len(self._rounds) >= LEAST_STEPS

    def best(self) -> Told | None:
        """The first alteration that makes all wrong gradients right by the usual factor, or the one that does most."""
        best: Told | None = None
        for site, alteration in self._tried() if self.applies else ():
            told = self._told(site, alteration, self._rounds)
            if told is not None and (best is None or _rank(told) > _rank(best)) and self._lasts(told):
                best = told
                if told.same_scale and told.names >= {*self._names}:
                    break
            if sum(rounds.runs for rounds in self._rounds) > MOST_RUNS or effort.stopped():
                break
        effort.repeat(sum(rounds.runs for rounds in self._rounds))
        return best

    def refutes(self, node: Node, alteration: Alteration) -> bool:
        """Do the gradients stay wrong with this alteration?  Of one that takes other values nothing is said."""
        if not self.applies or alteration.item is not None:
            return False
        return self._told((node.span, node.op), alteration, self._rounds) is None

    def _made(self, step: Step) -> Rounds:
        forward, search = self._search.passes[step.number], self._search
        rounds = Rounds(forward, search.cotangents(step.number), search.loss, self._names, search.right)
        self._true[step.number] = {name: self._truth(step, name) for name in rounds.names}
        return rounds

    def _lasts(self, told: Told) -> bool:
        """Does it make the same gradients right in further steps?"""
        seen = {rounds.step.number for rounds in self._rounds}
        others = [self._made(step) for step in self._others if step.number not in seen]
        further = [rounds for rounds in others if self._tells(rounds)]
        again = self._told(told.site, told.alteration, [*self._rounds, *further])
        return again is not None and again.names >= told.names

    # ----- What is tried ------------------------------------------------------------------------------------

    def _tried(self) -> Iterator[tuple[Site, Alteration]]:
        """At the blamed place and at what it is made of: one operation by itself, then other values; then elsewhere.

        What is missing is missing where a value gets its name rather than before that.
        """
        rounds = self._rounds[0]
        suspects = rounds.suspects()
        place = self.blamed
        blamed = [site for site in suspects if place is not None and _on_line(site[0], place)]
        before = self._before(rounds, blamed, suspects)
        others = [site for site in suspects if site not in (*blamed, *before)]
        yield from self._made_anew(rounds)
        for near in ((blamed, before), (others,)):
            for families in (OF_ONE_OPERATION, WITH_OTHER_VALUES):
                for sites in near:
                    ordered = sorted(sites, key=lambda site: not rounds.operation(site).names)
                    for family in families:
                        for site in sites if families is OF_ONE_OPERATION else ordered:
                            yield from ((site, each) for each in self._generated(family, rounds, site))

    def _made_anew(self, rounds: Rounds) -> Iterator[tuple[Site, Alteration]]:
        """What every round makes that could be kept from the round before; the first may lead to what is right."""
        for site, nodes in rounds.sites.items():
            found = rounds.named_before(site) if len(nodes) > 1 else None
            if found is not None:
                yield site, kept(*found)

    def _generated(self, family: Family, rounds: Rounds, site: Site) -> Iterator[Alteration]:
        return family(rounds.operation(site), WholeStep(rounds, site, self._true[rounds.step.number]))

    def _before(self, rounds: Rounds, blamed: Sequence[Site], suspects: Sequence[Site]) -> list[Site]:
        """The suspects from which the blamed operations are made, the nearest first."""
        found = list(blamed)
        pending = [rounds.sites[site][0] for site in blamed]
        while pending and len(found) - len(blamed) < MOST_BEFORE:
            for parent in pending.pop(0).parents():
                site = parent.span, parent.op
                if site in suspects and site not in found:
                    found.append(site)
                    pending.append(parent)
        return found[len(blamed) :]

    @cached_property
    def blamed(self) -> Span | None:
        """The first place from which nothing right follows."""
        passes = [rounds.forward for rounds in self._rounds]
        known = {each.step.number: merged(self._search.accepted, each.step.number) for each in passes}
        return blamed_span(passes, self._search.loss, known, sorted(self._search.wrong))

    # ----- What comes of it ---------------------------------------------------------------------------------

    def _told(self, site: Site, alteration: Alteration, shown: Sequence[Rounds]) -> Told | None:
        """The wrong gradients that become right in all these steps, if there are any."""
        names = {*self._names}
        factors: dict[str, list[float]] = {name: [] for name in names}
        for rounds in shown:
            found = rounds.gradients(site, alteration)
            names = {name for name in names if self._fits(rounds, name, found, factors[name])}
            if not names:
                return None
        steady = {name for name in names if _spread(factors[name]) <= STEADY}
        if not steady:
            return None
        same = all(abs(np.median(factors[name]) - 1) < SAME_SCALE for name in steady)
        same = same or not alteration.signed  # the true errors have a factor of their own
        return Told(site, shown[0].operation(site), shown[0].forward, alteration, frozenset(steady), same)

    def _fits(
        self, rounds: Rounds, name: str, found: Mapping[str, Mapping[str, Array]], factors: list[float]
    ) -> bool:
        """Is the gradient right in this step with the alteration?  Notes its factor."""
        true = self._true[rounds.step.number].get(name)
        if true is None:
            return True
        readings = found.get(name, {})
        told = [match(written, *true) for written in readings.values()]
        right = [
            each for each in told if not each.vacuous and each.scale > 0 and each.residual <= self._tolerance
        ]
        if right:
            factors.append(right[0].scale / self._reference(rounds.step))
        return bool(right) or (bool(told) and all(each.vacuous for each in told))

    def _truth(self, step: Step, name: str) -> tuple[Array, float] | None:
        node = step.updates[name].before
        found = self._search.cotangents(step.number)
        true = found.get(node)
        if true is None or not np.any(true) or not np.all(np.isfinite(true)):
            return None
        return true, rounding_floor(node, step.taken_with(node), found)

    def _tells(self, rounds: Rounds) -> bool:
        return any(true is not None for true in self._true[rounds.step.number].values())

    def _reference(self, step: Step) -> float:
        """The factor of a right gradient in this step; 1 where there is none."""
        for name in sorted(self._search.right):
            table = self._current.telling(name)
            if self._current.is_array(name) and step.number in table:
                return table[step.number].scale
        return 1.0


def _on_line(one: Span | None, other: Span) -> bool:
    return one is not None and one.path == other.path and one.line == other.line


def _rank(told: Told) -> tuple[int, bool]:
    return len(told.names), told.same_scale


def _spread(factors: Sequence[float]) -> float:
    return (max(factors) - min(factors)) / max(factors) if factors else np.inf


@dataclass(frozen=True, eq=False)
class Reworked(Forced):
    """The hypothesis that the written gradients are right but for one operation."""


def hypothesis_of(told: Told, search: Search, current: Verdicts) -> Reworked:
    """The hypothesis that some gradients are as written because of one place where something else should stand."""
    kind, text = told.alteration.kind, told.alteration.text
    parts = [_as_written(search, current, name, kind, text) for name in sorted(told.names)]

    def alter(number: int) -> Altered:
        return merged(parts, number)

    node = told.operation
    place = place_of(node, told.alteration, told.forward)
    made = (told.alteration.lacking or node).span  # in a function, perhaps, whose value is named elsewhere
    apart = kind in OF_OMISSIONS and made is not None and place is not None and made.line != place.line
    also = (made,) if apart and made is not None else ()
    return Reworked(kind, text, alter, place=place, also=also, lent=not told.alteration.signed)


def _as_written(search: Search, current: Verdicts, name: str, kind: str, text: str) -> Hypothesis:
    """This gradient taken as it is written."""

    def rule(number: int, uses: Sequence[Use]) -> Sequence[Back | None]:
        told = current.matches[name].get(number)
        if told is None:
            return []
        shape = np.shape(uses[0].operand.value) if uses else ()
        whole = told.written.reshape(shape) if np.size(told.written) == np.prod(shape) else told.written
        return [constantly(whole if use is uses[0] else np.zeros(()), use.operand) for use in uses]

    return formed(search, kind, text, [name], rule)
