"""Good reasons for a factor that changes from step to step: schedules, the number of rows, normalised lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array
from unstuck.trace.evidence import Evidence
from unstuck.trace.judging.matching import STEADY, match
from unstuck.trace.reading.written import Step


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
