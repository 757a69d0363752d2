"""Written against true numbers: the best factor between two arrays, and which reading of an update it speaks for.

An update can often be read in several ways (with or without weight decay, say).  Usually one reading alone is a
multiple of the true gradient.  Where several are, as for two biases that are each other's negative, the one is
taken whose factor goes with those of the other parameters from step to step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from unstuck.facts import Array

STEADY = 1e-3  # relative spread within which a factor is the same in every step
VANISHED = 1e-12
FITS = 1e-6  # a reading with no larger misfit, or not much larger than the best, is as good as the best


@dataclass(frozen=True)
class Match:
    """Written against true gradient of one parameter in one step: written = scale x true + rest.

    residual  the largest element of the rest relative to the largest written element
    mirrored  the same with a negative scale
    vacuous   both gradients vanish, the step says nothing
    """

    scale: float
    residual: float
    mirrored: float
    cosine: float
    vacuous: bool
    written: Array
    true: Array


Table = dict[int, Match]  # by step number
Tables = dict[str, Table]  # by reading of the update


def match(written: Array, true: Array, floor: float = 0.0) -> Match:
    """The best positive factor from the true to the written gradient, and what it leaves over.

    A true gradient below `floor` is rounding noise: the step says nothing when nothing larger was written, in
    units of the floor, than a learning rate of one would write.  Of a larger one, the floor's share of the
    difference is forgiven: where terms cancel, that much of what is left is noise.
    """
    if written.shape != true.shape and written.size == true.size:
        written = written.reshape(true.shape)
    if written.shape != true.shape:
        return Match(0.0, 1.0, 1.0, 0.0, False, written, true)
    largest, size = _largest(written), _largest(true)
    unusable = not (np.isfinite(largest) and np.isfinite(size))
    noise = size <= floor and largest <= floor
    if unusable or noise or (largest <= VANISHED**2 and size <= VANISHED):
        return Match(1.0, 0.0, 0.0, 1.0, True, written, true)
    if largest == 0 or size == 0:
        return Match(0.0, 1.0, 1.0, 0.0, False, written, true)
    forgiven = floor / size
    if (
        written.size == 1
    ):  # it agrees with every number of its sign; networks of numbers ask this all the time
        slope = 1.0 if (written.item() > 0) == (true.item() > 0) else -1.0
        rest, mirrored = _in_order(slope, 0.0, forgiven)
        return Match(slope * largest / size, rest, mirrored, slope, False, written, true)
    one, other = (
        written.ravel() / largest,
        true.ravel() / size,
    )  # of size 1, so that no product can overflow or vanish
    product, square = _product(other, one), _product(other, other)
    slope = product / square
    cosine = product / float(np.sqrt(square * _product(one, one)))
    one -= np.multiply(other, slope, out=other)
    rest, mirrored = _in_order(slope, _largest(one), forgiven)
    return Match(slope * largest / size, rest, mirrored, cosine, False, written, true)


def _in_order(slope: float, left: float, forgiven: float) -> tuple[float, float]:
    """What a positive and what a negative factor leaves over, where the best one leaves this."""
    left, all_of_it = max(left - forgiven, 0.0), max(1.0 - forgiven, 0.0)
    return (left, all_of_it) if slope > 0 else (all_of_it, left)


def _largest(array: Array) -> float:
    """The largest magnitude among the elements."""
    if array.size == 1:
        return abs(float(array.item()))
    return max(float(array.max(initial=0)), -float(array.min(initial=0)))


def _product(left: Array, right: Array) -> float:
    """The inner product, without the threads that a library would start for it."""
    return float(np.einsum("i,i->", left, right))


# ----- Which reading ------------------------------------------------------------------------------------


def chosen(readings: Mapping[str, Tables]) -> dict[str, Table]:
    """For every parameter the matches of the reading that fits best over all steps, and goes with the others."""
    fitting = {name: _fitting(tables) for name, tables in readings.items()}
    single = [tables[0] for tables in fitting.values() if len(tables) == 1]
    return {
        name: tables[0] if len(tables) == 1 else min(tables, key=lambda table: _unsteadiness(table, single))
        for name, tables in fitting.items()
    }


def _fitting(tables: Tables) -> list[Table]:
    """The readings that fit about as well as the best, each with a match in every step."""
    if len(tables) == 1:
        return list(tables.values())
    whole = [tables["whole"] | table for table in tables.values()]
    misfits = [max(map(_misfit, table.values())) for table in whole]
    enough = max(FITS, 2 * min(misfits)) if min(misfits) <= FITS else min(misfits)
    return [table for table, misfit in zip(whole, misfits, strict=True) if misfit <= enough]


def _misfit(match: Match) -> float:
    return match.residual if match.scale >= 0 else 1 + match.mirrored


def _unsteadiness(table: Table, others: list[Table]) -> float:
    """How much the factor varies from step to step, by itself or relative to those of the other parameters."""
    alone, ratios = [], []
    for number, found in table.items():
        beside = [other[number].scale for other in others if number in other and not other[number].vacuous]
        base = float(median(beside)) if beside else 1.0
        if not found.vacuous and base:
            alone.append(found.scale)
            ratios.append(found.scale / base)
    return min(_relative_spread(alone), _relative_spread(ratios))


def _relative_spread(factors: list[float]) -> float:
    middle = float(median(factors)) if factors else 0.0
    return float(np.ptp(factors)) / abs(middle) if middle else np.inf
