"""Good reasons for a factor that changes from step to step: schedules, the number of rows, normalised lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array
from unstuck.trace.evidence import Evidence
from unstuck.trace.judging.matching import STEADY, Match, match
from unstuck.trace.reading.views import LOOKUPS
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
CLOSE = 1e-6
TELLING = 1e-9  # share of the largest element below which one says nothing about its factor
STORES = {"setitem", "scatter", "add.at", "subtract.at", "add", "subtract"}


def is_scheduled(name: str, evidence: Evidence) -> bool:
    """Is the factor steady once the plain number is taken out that the update multiplies the gradient by?"""
    rates = {step.number: step.rates.get(name, 0.0) for step in evidence.steps}
    telling = evidence.verdicts.telling(name)
    factors = [match.scale / rates[number] for number, match in telling.items() if rates.get(number)]
    return len(factors) == len(telling) and _is_steady(factors)


def goes_with_rows(name: str, evidence: Evidence) -> bool:
    """Is the factor steady but for a length of what the parameter is used for, or the square of it?"""
    telling = evidence.verdicts.telling(name)
    factors, shapes = [], []
    for step in evidence.steps:
        users = step.takers[step.updates[name].before] if name in step.updates else ()
        if step.number in telling and users and step.rates.get(name):
            factors.append(telling[step.number].scale / step.rates[name])
            shapes.append(np.shape(users[0].value))
    if len(factors) < len(telling) or len({len(shape) for shape in shapes}) != 1:
        return False
    lengths = [np.array(axis, float) for axis in zip(*shapes, strict=True)]
    return any(_is_steady(np.array(factors) * rows**power) for rows in lengths for power in (1, -1, 2, -2))


def is_normalised(steps: Sequence[Step], name: str) -> bool:
    """Is the gradient divided by, or multiplied with, a number that depends on the gradient itself?

    (What is divided by the gradient is no length of one.)
    """
    return any(
        term.node.op in ("multiply", "true_divide")
        and any(arg in step.tainted and np.size(arg.value) == 1 for arg in term.node.parents())
        and not (term.node.op == "true_divide" and np.size(getattr(term.node.args[0], "value", 0.0)) == 1)
        for step in steps
        if name in step.updates and np.size(step.updates[name].before.value) > 1
        for term in step.updates[name].terms
        if term.node is not step.updates[name].before
    )


def is_cut_to_length(name: str, evidence: Evidence) -> bool:
    """Is a multiple of the true gradient multiplied with a number that depends on it, before an optimiser takes it?"""
    telling = evidence.verdicts.telling(name)
    for step in evidence.steps:
        if name not in step.updates or step.number not in telling or telling[step.number].true.size < 2:
            continue
        true, after = telling[step.number].true, step.updates[name].after
        for node in ancestors([after], oldest=step.nodes[0].id, stop=step.ends - {after}):
            if node.op in ("multiply", "true_divide") and np.shape(node.value) == true.shape:
                arrays = [each for each in node.parents() if np.shape(each.value) == true.shape]
                lengths = [
                    each for each in node.parents() if np.size(each.value) == 1 and each in step.tainted
                ]
                if len(arrays) == len(lengths) == 1:
                    found = match(np.asarray(arrays[0].value, float), true)
                    if min(found.residual, found.mirrored) <= evidence.tolerance:
                        return True
    return False


def _is_steady(numbers: Array | Sequence[float]) -> bool:
    return float(np.ptp(numbers)) <= STEADY * abs(float(np.median(numbers)))


def has_own_rates(name: str, evidence: Evidence) -> bool:
    """Is every number of the written gradient a multiple of the true one, by the same factors in all steps?

    Of a table whose rows are looked up, each row may have another factor in every step: a mean over its occurrences.
    """
    told = [match for match in evidence.verdicts.telling(name).values() if np.any(match.true)]
    rows = _is_table(name, evidence)
    if (
        len(told) < (1 if rows else LEAST_STEPS)
        or told[0].true.size < 2
        or len({match.true.shape for match in told}) > 1
    ):
        return False
    if not all(np.all(np.isfinite(match.written)) and np.all(np.isfinite(match.true)) for match in told):
        return False
    if any(_is_more(match) for match in told):
        return False
    ratios = np.stack([_ratios(match) for match in told])
    if np.nanmin(ratios) < -CLOSE * np.nanmax(np.abs(ratios)):
        return False
    if rows:
        return ratios.ndim == 3 and _is_same(np.moveaxis(ratios, -1, 0))
    if np.nanmin(ratios) <= CLOSE * np.nanmax(ratios) and not _is_masked(name, evidence):
        return False
    seen = np.sum(np.isfinite(ratios), axis=0)
    return bool(np.mean(seen >= LEAST_STEPS) > 0.5) and _is_same(ratios)


def _is_masked(name: str, evidence: Evidence) -> bool:
    """Is the update of every step multiplied by an array from outside that holds some numbers back?"""
    for step in (step for step in evidence.steps if name in step.updates):
        after = step.updates[name].after
        made = ancestors([after], oldest=step.nodes[0].id, stop=step.ends - {after})
        factors = [
            each
            for node in made
            if node.op == "multiply"
            for each in node.parents()
            if each not in step.tainted
        ]
        if not any(np.size(each.value) > 1 and np.any(np.asarray(each.value) == 0) for each in factors):
            return False
    return True


def _is_more(match: Match) -> bool:
    """Is something written where the true gradient is nothing?"""
    nothing = np.abs(match.true) <= TELLING * np.abs(match.true).max()
    return bool(np.any(np.abs(match.written[nothing]) > CLOSE * np.abs(match.written).max(initial=0.0)))


def _ratios(match: Match) -> Array:
    """Written over true, where that is something; else NaN."""
    told = np.abs(match.true) > TELLING * np.abs(match.true).max()
    return np.where(told, match.written / np.where(told, match.true, 1.0), np.nan)


def _is_same(ratios: Array) -> bool:
    """Are these the same along the first axis, wherever they are known, and positive somewhere?"""
    known = np.isfinite(ratios)
    usual = np.nanmax(np.where(known, ratios, -np.inf), axis=0)
    spread = np.where(known, np.abs(ratios - usual), 0.0).max()
    size = np.abs(ratios[known]).max(initial=0.0)
    return bool(size > 0 and spread <= CLOSE * size)


def _is_table(name: str, evidence: Evidence) -> bool:
    """Does the network look up rows of this parameter, and nothing else?"""
    takers = [
        node
        for step in evidence.steps
        if name in step.updates
        for node in step.takers[step.updates[name].before]
        if node not in step.ends and node.op not in STORES
    ]
    return bool(takers) and all(node.op in LOOKUPS for node in takers)
