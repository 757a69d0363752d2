"""Single numbers that one statement updates, judged together.

A gradient that is one number proves nothing alone: it agrees in direction with everything of its sign.  But a
statement that updates many numbers multiplies all of their gradients by one rate, whatever the rate is in this
step.  So where the factors of several numbers (written over true) rise and fall together from step to step, these
numbers are as good as an array that holds them.  Of the numbers of one statement the largest set that does so is
believed; what does not go with it keeps what is left over.  A factor of a number's own that stays the same is none of
its faults (half the rate for the hidden layer, say).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from unstuck.facts import Array, Span
from unstuck.trace.judging.matching import Match, Table

STEADY = 1e-3  # relative spread within which a factor is the same in every step
LEAST = 3  # numbers that one statement updates, or that go together, to stand for an array
MOST_TRIED = 64  # numbers with which the others may go, spread over all of a statement


class Group(NamedTuple):
    """What is known about one of several numbers: how many its statement updates, and how many go with it."""

    size: int
    agreeing: int


def together(
    tables: Mapping[str, Table], sites: Mapping[str, Span]
) -> tuple[dict[str, Table], dict[str, Group]]:
    """The matches, those of numbers that do not go with the others of their statement with what is left over.

    sites  where each single number is updated
    """
    result, groups = dict(tables), {}
    for names in _of_one_statement(tables, sites):
        ratios = _ratios([tables[name] for name in names])
        off = _misfits(ratios)
        believed = np.flatnonzero(off <= STEADY)
        for index, name in enumerate(names):
            agreeing = len(believed) if off[index] <= STEADY else 0
            groups[name] = Group(len(names), agreeing)
            if not agreeing:
                result[name] = dict(_left_over(tables[name], float(off[index])))
    return result, groups


def _of_one_statement(tables: Mapping[str, Table], sites: Mapping[str, Span]) -> Iterator[list[str]]:
    """The names of at least a few numbers that are updated at one place and have a gradient in some step."""
    found: dict[Span, list[str]] = defaultdict(list)
    for name, span in sites.items():
        if any(not match.vacuous for match in tables.get(name, {}).values()):
            found[span].append(name)
    yield from (names for names in found.values() if len(names) >= LEAST)


def _ratios(tables: list[Table]) -> Array:
    """Written over true by step and number; NaN where a step says nothing about a number."""
    steps = sorted({step for table in tables for step in table})
    ratios = np.full((len(steps), len(tables)), np.nan)
    row = {step: index for index, step in enumerate(steps)}
    for column, table in enumerate(tables):
        for step, match in table.items():
            if not match.vacuous:
                ratios[row[step], column] = match.scale
    return ratios


def _misfits(ratios: Array) -> Array:
    """How far the factor of each number is from going with those of the largest set that goes together (0 to 1)."""
    count = ratios.shape[1]
    tried = range(count) if count <= MOST_TRIED else np.linspace(0, count - 1, MOST_TRIED).astype(int)
    found = [(_spreads(ratios, ratios[:, index]), index) for index in tried]
    own = _spreads(ratios, np.ones(len(ratios)))

    def order(item: tuple[Array, int]) -> tuple[int, float]:
        """Most numbers first; of equal sets the one whose factor itself is steadier."""
        return int(np.sum(item[0] <= STEADY)), -float(own[item[1]])

    return max(found, key=order)[0]


def _spreads(ratios: Array, reference: Array) -> Array:
    """By number: the largest deviation of its factor, relative to the reference's, from being one constant.

    What shares one step only with the reference must have the same factor there, since the statement is the same;
    what shares none says nothing against it.
    """
    with np.errstate(all="ignore"):
        relative = ratios / reference[:, None]
    known = np.isfinite(relative)
    shared = known.sum(axis=0)
    middle = np.ones(ratios.shape[1])
    several = shared > 1
    if several.any():
        middle[several] = np.nanmedian(np.where(known, relative, np.nan)[:, several], axis=0)
    with np.errstate(all="ignore"):
        off = np.abs(relative - middle) / np.maximum(np.abs(relative), np.abs(middle))
    worst = np.max(np.where(known, off, 0.0), axis=0)
    return np.where((middle > 0) & (shared > 0), worst, 1.0)


def _left_over(table: Table, off: float) -> Iterator[tuple[int, Match]]:
    """The matches of a number that does not go with the others."""
    for step, match in table.items():
        told = not match.vacuous
        yield step, replace(match, residual=max(match.residual, off), mirrored=1.0) if told else match
