"""True gradients on the way to updates that are no multiples of them.

Where no loss explains what the updates add, the backward pass may still be right: an optimiser that is broken takes
the gradients and makes something else of them.  The proof is a place of the source that makes, for every array, the
true gradient under one loss in every step, and from which the update is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.matching import STEADY, Match, Table, match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

LEAST_STEPS, TESTED = 3, 6
MOST_LOSSES = 8
Place = tuple[object, str]


def passing(steps: Sequence[Step], tolerance: float) -> Verdicts | None:
    """The verdicts on what passes by on the way to the updates, under the first loss that it proves; or None."""
    if len(steps) < LEAST_STEPS:
        return None
    for loss in _tried(steps):
        known = [step for step in steps if loss in step.losses]
        few = known[:TESTED]
        if len(few) >= LEAST_STEPS and _seen(few, judge(few, loss), tolerance) is not None:
            return _seen(known, judge(known, loss), tolerance)
    return None


def _tried(steps: Sequence[Step]) -> list[Candidate]:
    """The losses of which single places show, those first that the script computes."""
    losses = dict.fromkeys(loss for step in steps[:TESTED] for loss in step.losses if not loss.more)
    return sorted(losses, key=lambda loss: loss.by_pairs)[:MOST_LOSSES]


def _seen(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Verdicts | None:
    """The verdicts with what passes by as the written gradients, if that is right for all arrays."""
    tables: dict[str, Table] = {}
    for name in verdicts.matches:
        if verdicts.is_array(name):
            found = _table(name, steps, verdicts, tolerance)
            if found is None:
                return None
            tables[name] = found
    if not tables or verdicts.unknown:
        return None
    return replace(verdicts, matches=verdicts.matches | tables, passing=frozenset(tables))


def _table(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Table | None:
    """The matches at the last place that makes this gradient, or a fixed multiple of it, in all steps."""
    telling = verdicts.telling(name)
    told = [step for step in steps if step.number in telling and name in step.updates]
    tables = [dict(_multiples(name, step, telling[step.number], tolerance)) for step in told]
    if len(tables) < LEAST_STEPS:
        return None
    for place in reversed(tables[0]):
        factors = [table[place].scale for table in tables if place in table]
        if len(factors) == len(tables) and float(np.ptp(factors)) <= STEADY * abs(factors[0]):
            mine = {step.number: table[place] for step, table in zip(told, tables, strict=True)}
            return verdicts.matches[name] | mine
    return None


def _multiples(name: str, step: Step, truth: Match, tolerance: float) -> Iterator[tuple[Place, Match]]:
    """Every value on the way to the update that is a positive multiple of the true gradient, with its place."""
    update, shape = step.updates[name], truth.true.shape
    behind = ancestors([update.after], oldest=step.nodes[0].id, stop=step.ends - {update.after})
    for node in sorted(behind & step.tainted, key=_age):
        if np.shape(node.value) == shape and node not in step.ends:
            found = match(np.asarray(node.value, float), truth.true)
            if found.scale > 0 and found.residual <= tolerance and not found.vacuous:
                yield (node.span, node.op), found


def _age(node: Node) -> int:
    return node.id
