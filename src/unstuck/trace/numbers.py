"""Networks all of whose parameters are single numbers: what may be said of them.

One number agrees in direction with everything of its sign, so that no single step proves anything.  Over many steps it
does: the written gradients of one number, in the order of the steps, are a vector, and so are the true ones.  Where
one factor turns the one into the other as exactly as it would with an array, the loss and the learning rate are known;
then a number whose factor comes and goes has something else in its gradient.  Where the rate itself changes, the
numbers are measured by one of them, and what most of them share is the rate.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Gradient
from unstuck.trace.evidence import Evidence
from unstuck.trace.explaining.account import ENOUGH_NUMBERS
from unstuck.trace.judging.matching import Match, match
from unstuck.trace.reading.written import Step
from unstuck.trace.singles import ALONE, CHANGES

CHANGES_BESIDE = CHANGES.replace("arrays", "numbers")
LEAST_SHARING = 3  # numbers that must share a factor to be believed where it changes from step to step
RESCALING = {"sqrt", "power", "absolute", "sign", "clip", "max", "min", "maximum", "minimum", "norm", "where"}


@dataclass(frozen=True)
class Rate:
    """What the numbers that are right have in common: the factor of each step, and who has it."""

    factors: Mapping[int, float]
    shared_by: frozenset[str]


def among_numbers(found: Sequence[Gradient], evidence: Evidence) -> list[Gradient]:
    """The gradients of a network without arrays: right by a factor that they share, wrong beside it, or unknown."""
    names = [gradient.parameter for gradient in found]
    rate = _rate(names, evidence)
    return [_told(gradient, rate, evidence) for gradient in found]


def _rate(names: Sequence[str], evidence: Evidence) -> Rate | None:
    """One factor for all steps if some number shows it, else that of a number with which most others go."""
    steps = [step.number for step in evidence.steps]
    constant = _shared(dict.fromkeys(steps, 1.0), names, evidence)
    if constant.shared_by:
        return constant
    factors = [{n: m.scale for n, m in _telling(name, evidence).items() if m.scale > 0} for name in names]
    best = max(
        (_shared(each, names, evidence) for each in factors),
        key=lambda rate: len(rate.shared_by),
        default=None,
    )
    return best if best is not None and len(best.shared_by) >= LEAST_SHARING else None


def _shared(factors: Mapping[int, float], names: Collection[str], evidence: Evidence) -> Rate:
    return Rate(factors, frozenset(name for name in names if _follows(name, factors, evidence)))


def _telling(name: str, evidence: Evidence) -> dict[int, Match]:
    return evidence.verdicts.telling(name)


def _follows(name: str, factors: Mapping[int, float], evidence: Evidence) -> bool:
    """Is the number moved by these factors times its true gradient, up to one constant, in enough steps?"""
    told = [number for number in _telling(name, evidence) if number in factors]
    enough = len(told) >= ENOUGH_NUMBERS and len(told) == len(_telling(name, evidence))
    return enough and _misfit(name, factors, evidence) <= evidence.tolerance


def _misfit(name: str, factors: Mapping[int, float], evidence: Evidence) -> float:
    """What is left of the written gradients of all steps after one factor, relative to the largest of them."""
    told = {number: each for number, each in _telling(name, evidence).items() if number in factors}
    written = np.array([float(each.written.sum()) / factors[number] for number, each in told.items()])
    whole = match(written, np.array([float(each.true.sum()) for each in told.values()]))
    return whole.residual if whole.scale > 0 and not whole.vacuous else 1.0


def _told(gradient: Gradient, rate: Rate | None, evidence: Evidence) -> Gradient:
    name = gradient.parameter
    told, right = _telling(name, evidence), ("exact", "scaled")
    if gradient.status == "not-applicable" or not any(np.any(each.true) for each in told.values()):
        return gradient
    if rate is None:
        few = f"a single number, of which only {len(told)} recorded steps say anything, which prove nothing"
        return replace(gradient, status="cannot-tell", reason=few if len(told) < ENOUGH_NUMBERS else ALONE)
    if name in rate.shared_by:
        return gradient if gradient.status in right else replace(gradient, status="exact", reason="")
    gradient = replace(gradient, residual=_misfit(name, rate.factors, evidence))
    steps = [step for step in evidence.steps if step.number in told]
    if len(steps) < ENOUGH_NUMBERS or not all(_is_plain(name, step, evidence) for step in steps):
        return replace(gradient, status="cannot-tell", reason=ALONE)
    if gradient.explanation is None and evidence.verdicts.climbs(name, evidence.tolerance):
        text = f"the steps of {name} go up the loss instead of down: the sign is wrong"
        gradient = replace(gradient, explanation=Explanation("sign", text, gradient.span))
    return replace(gradient, status="wrong", reason="" if gradient.explanation else CHANGES_BESIDE)


def _is_plain(name: str, step: Step, evidence: Evidence) -> bool:
    """Is what is added a product or sum of what the network computed, with nothing that an optimiser does to it?

    What a condition of Python chose (a bound, say) leaves no trace but a constant.
    """
    update = step.updates[name]
    added = [term.node for term in update.terms if term.node is not update.before]
    seeds: list[Node] = [node for node, _ in step.losses[evidence.verdicts.loss].seeds]
    behind = ancestors(added, oldest=step.nodes[0].id) - ancestors(seeds, oldest=step.nodes[0].id)
    rescaled = any(node.op in RESCALING for node in behind)
    return any(node in step.tainted for node in added) and not rescaled and not step.carried[name]
