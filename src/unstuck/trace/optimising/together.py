"""Single numbers under an optimiser: do their steps keep time with those of an array, or follow a rule of their own?

A single number goes along every direction.  But a direction gives it a size as well, and what is left of a step, once
that is taken out, is the rate of this step.  Rates that do not change, or change as those of an array in the program
do, or as the script's own and the corrections for a start from zeros do, show that the direction is the right one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from unstuck.facts import Array
from unstuck.trace.optimising.explained import answers, constants, family
from unstuck.trace.optimising.family import FITS
from unstuck.trace.optimising.machine import Machine


def keeps_time(number: Machine, arrays: Sequence[Machine]) -> bool:
    """Has the number, by one of the known directions, steady rates, or those of an array times a constant?"""
    own = family(number).rates(answers(number))
    beside = [*_expected(number)]
    for other in arrays:
        if other.age == number.age and len(other.updates) == len(number.updates):
            beside.append(_rates(other))
    return any(bool(np.any(_are_steady(own / rates))) for rates in beside)


def _expected(number: Machine) -> Iterator[Array]:
    """Rates that do not change, or are the script's own, without a correction of the bias and with each that fits."""
    count = len(number.updates)
    ages = np.arange(number.age + 1, number.age + 1 + count)
    weights = [1 - share**ages for share in constants(number)]
    for pace in (np.ones(count), *([np.array(number.rates)] if all(number.rates) else [])):
        yield pace
        for below in weights:
            yield from (pace / below, pace * np.sqrt(below))
            yield from (pace * np.sqrt(above) / below for above in weights)


def _rates(machine: Machine) -> Array:
    """The rates of an array along the first direction that it goes."""
    known, moves = family(machine), answers(machine)
    return np.asarray(known.rates(moves)[known.titles.index(known.title(moves))])


def _are_steady(rates: Array) -> Array:
    """Which of these rows are positive, and the same in every step where they are known?"""
    low, high = np.nanmin(rates, axis=1), np.nanmax(rates, axis=1)
    return np.asarray((low > 0) & (high - low <= FITS * high))
