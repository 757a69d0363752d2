"""One step and one number of a gradient that a person can check by hand: written, derived, and by differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.facts import Array, Witness
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import Match
from unstuck.trace.judging.replay import finite_difference
from unstuck.trace.reading.written import Step

AGREES = 1e-6  # residual of parameters by which the learning rate of a step is read off


@dataclass(frozen=True)
class Example:
    """The written gradient (without the learning rate) and the true one in the most telling step."""

    written: Array
    exact: Array
    witness: Witness | None = None


def example(
    steps: Sequence[Step], explained: Verdicts, verdicts: Verdicts, name: str, reference: str | None
) -> Example:
    """The example of one parameter.

    explained  the verdicts under all accepted explanations
    reference  the parameter whose factor is the learning rate
    """
    telling = verdicts.telling(name)
    if not telling:
        return Example(np.zeros(0), np.zeros(0))
    number = _most_telling(telling)
    found = telling[number]
    written = np.asarray(found.written)
    if written.size != found.true.size:
        return Example(written, found.true)
    scale = _scale_of_step(explained, number, reference)
    written = written.reshape(found.true.shape) / (scale if scale > 0 else 1.0)
    return Example(written, found.true, _witness(steps, verdicts, name, number, written))


def _most_telling(telling: Mapping[int, Match]) -> int:
    """The step with the largest mismatch; among equal ones the first of a usual size."""
    sizes = {number: float(np.abs(found.true).max()) for number, found in telling.items()}
    usual = float(np.median(list(sizes.values())))

    def rank(number: int) -> tuple[float, bool]:
        return round(min(telling[number].residual, 1.0), 3), usual / 10 <= sizes[number] <= usual * 10

    return max(telling, key=rank)


def _scale_of_step(verdicts: Verdicts, number: int, reference: str | None) -> float:
    """The learning rate in this step, as the reference shows it, or else the parameters that agree."""
    if reference is not None and number in verdicts.telling(reference):
        return verdicts.telling(reference)[number].scale
    scales = [
        table[number].scale
        for table in verdicts.matches.values()
        if number in table and table[number].residual < AGREES
    ]
    return float(np.median(scales)) if scales else 1.0


def _witness(steps: Sequence[Step], verdicts: Verdicts, name: str, number: int, written: Array) -> Witness:
    true = verdicts.matches[name][number].true
    gap = np.abs(written - true)
    shown = gap if gap.max() > AGREES * np.abs(true).max() else np.abs(true)
    index = np.unravel_index(int(np.argmax(shown)), true.shape)
    place = tuple(int(i) for i in index)
    step = next(step for step in steps if step.number == number)
    pairs = step.losses[verdicts.loss].pairs
    update = step.updates[name]
    whole = place if update.part is None else (place[0] + update.part.start,)
    difference = finite_difference(verdicts.loss.kind, pairs, update.before, whole, step.ends)
    return Witness(place, float(written[place]), float(true[place]), difference)
