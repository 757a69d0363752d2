"""Single numbers that are updated in the same steps, judged together.

A gradient that is one number proves nothing alone: it agrees in direction with everything of its sign.  But the
statement that updates many numbers multiplies all of their gradients by one rate, whatever the rate is in this
step, and other statements by a rate that is a constant multiple of it.  So where the factors of several numbers
(written over true) rise and fall together from step to step, these numbers are as good as an array that holds them.
The largest set that does so is believed, one whose factors do not change at all before any other; what does not go
with it keeps what is left over.  A factor of a number's own that stays the same is none of its faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from unstuck.facts import Array, Span
from unstuck.trace.judging.matching import STEADY, Match, Table
from unstuck.trace.judging.numbers import Number

LEAST = 3  # numbers that are updated in the same steps, or that go together, to stand for an array
MOST_TRIED = 64  # numbers with which the others may go, spread over all
AT_ONCE = 2**16  # factors of a number, relative to another's in a step, that are compared at once


class Group(NamedTuple):
    """What is known about one of several numbers: how many there are, and how many go with it."""

    size: int
    agreeing: int


class Misfit(NamedTuple):
    """By number (or by reference and number): how far its factor is from going with others (0 to 1), and its sign.

    NaN where no step says anything about both.
    """

    off: Array
    turned: Array

    @property
    def agrees(self) -> Array:
        """Which numbers go with the others."""
        return (self.off <= STEADY) & ~self.turned


Numbers = Mapping[int, Mapping[str, Number]]  # the parameters that are single numbers, by step


def together(tables: Mapping[str, Table], numbers: Numbers) -> tuple[dict[str, Table], dict[str, Group]]:
    """The matches, those of numbers that do not go with the others with what is left over; and the groups."""
    sites = {name: number.span for each in numbers.values() for name, number in each.items()}
    names = [name for name in sites if any(not match.vacuous for match in tables.get(name, {}).values())]
    result = dict(tables)
    if len(names) < LEAST:
        return result, {}
    result |= {name: _without_bounds(name, tables[name], numbers) for name in names}
    misfit = _misfit(_ratios(names, result, numbers), [sites[name] for name in names])
    agrees, groups = misfit.agrees, {}
    for name, agreeing, off, turned in zip(names, agrees, *misfit, strict=True):
        groups[name] = Group(len(names), int(agrees.sum()) if agreeing else 0)
        if np.isnan(off):
            result[name] = {step: replace(match, vacuous=True) for step, match in result[name].items()}
        elif not agreeing:
            result[name] = dict(_left_over(result[name], float(off), bool(turned)))
    return result, groups


def _without_bounds(name: str, table: Table, numbers: Numbers) -> Table:
    """The matches of a number; where it steps to a bound, and elsewhere by its gradient, they say nothing."""
    fixed = {step for step in table if name in numbers.get(step, {}) and numbers[step][name].fixed}
    if not 0 < len(fixed) < len(table):
        return table
    return {step: replace(match, vacuous=True) if step in fixed else match for step, match in table.items()}


def _ratios(names: Sequence[str], tables: Mapping[str, Table], numbers: Numbers) -> Array:
    """Written over true, without the rate, by step and number; NaN where a step says nothing about a number."""
    steps = sorted(numbers)
    ratios = np.full((len(steps), len(names)), np.nan)
    for column, name in enumerate(names):
        for row, step in enumerate(steps):
            match, number = tables[name].get(step), numbers[step].get(name)
            if match is not None and number is not None and not match.vacuous:
                ratios[row, column] = match.scale / number.rate
    return ratios


def _misfit(ratios: Array, sites: Sequence[Span]) -> Misfit:
    """How each number goes with the set that is believed."""
    count = ratios.shape[1]
    tried = np.unique(np.linspace(0, count - 1, min(count, MOST_TRIED)).round().astype(int))
    places = list(dict.fromkeys(sites))
    alike = np.asarray([places.index(span) for span in sites])
    alone = _beside(ratios, np.ones((1, len(ratios))), alike)
    own = (alone.off + alone.turned)[0, tried]
    beside = _beside(ratios, ratios[:, tried].T, alike)
    agreeing = beside.agrees.sum(axis=1)
    best = np.lexsort((-tried, -own, agreeing, (agreeing >= LEAST) & (own <= STEADY)))[-1]
    if own[best] <= STEADY:  # the rate is the same in all steps, so that no step need be shared
        return Misfit(alone.off[0], alone.turned[0])
    return Misfit(beside.off[best], beside.turned[best])


def _beside(ratios: Array, references: Array, alike: Array) -> Misfit:
    """The largest deviation of each number's factor, relative to each reference's, from being one constant.

    ratios      by step and number; references by reference and step; the result is by reference and number

    Numbers that share only one step with a reference have one factor there if one statement updates them (they
    are `alike`, by its number); what shares none says nothing for the reference.  A search asks this thousands of
    times, so all references are dealt with at once, as many as fit in the processor's cache.
    """
    at_once = max(1, AT_ONCE // max(1, ratios.size))
    found = [
        _beside_some(ratios, references[first : first + at_once], alike)
        for first in range(0, len(references), at_once)
    ]
    return Misfit(*map(np.concatenate, zip(*found, strict=True)))


def _beside_some(ratios: Array, references: Array, alike: Array) -> Misfit:
    with np.errstate(all="ignore"):
        relative = ratios / references[:, :, None]
    known = np.isfinite(relative)
    shared = known.sum(axis=1)
    relative[~known] = np.nan
    middle = _middles(relative, shared)
    for site in np.unique(alike[(shared == 1).any(axis=0)]):
        columns = alike == site
        once = shared[:, columns] == 1
        own = np.where(once, middle[:, columns], np.nan)
        of_all = _middles(own[:, :, None], once.sum(axis=1)[:, None])
        middle[:, columns] = np.where(once, of_all, middle[:, columns])
    across = middle[:, None]
    with np.errstate(all="ignore"):
        off = np.abs(relative - across) / np.maximum(np.abs(relative), np.abs(across))
    worst = np.max(np.where(known, off, 0.0), axis=1)
    return Misfit(np.where(shared == 0, np.nan, np.where(middle != 0, worst, 1.0)), middle < 0)


def _middles(values: Array, counts: Array) -> Array:
    """The median along the second of three axes, on which so many are no NaN; 0 where there are none.

    (`np.nanmedian` takes far longer for a few numbers.)
    """
    ordered = np.sort(values, axis=1)  # NaN comes last
    least = np.maximum(counts, 1)[:, None]
    lower, upper = (np.take_along_axis(ordered, at, axis=1)[:, 0] for at in ((least - 1) // 2, least // 2))
    return np.where(counts > 0, (lower + upper) / 2, 0.0)


def _left_over(table: Table, off: float, turned: bool) -> Iterator[tuple[int, Match]]:
    """The matches of a number that does not go with the others, or only with the other sign."""
    rest, mirrored = (1.0, off) if turned else (off, 1.0)
    for step, match in table.items():
        told = replace(match, residual=max(match.residual, rest), mirrored=max(match.mirrored, mirrored))
        yield step, match if match.vacuous else told
