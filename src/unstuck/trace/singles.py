"""Parameters that are a single number: what may be said of them beside arrays.

One number agrees in direction with everything of its sign, so alone it proves nothing.  Beside arrays that are all
exact, with one common factor, the loss and the learning rate are known; then its own factor tells, if it is seen
often enough: always the same and negative, the steps go up; not the same, something else is in the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Gradient
from unstuck.trace.evidence import Evidence
from unstuck.trace.explaining.account import ENOUGH_NUMBERS
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.reading.written import Step

ALONE = "a single number, which proves nothing alone"
CHANGES = "its factor to the true gradient changes from step to step, beside arrays whose factor does not"
SUMS = {
    "add",
    "subtract",
    "sum",
    "mean",
    "dot",
    "matmul",
    "einsum",
    "leaf",
    "constant",
    "copy",
    "gather",
    "getitem",
}


def beside_arrays(found: Sequence[Gradient], evidence: Evidence) -> list[Gradient]:
    """The gradients, with what may be said of single numbers that differ and that no hypothesis explains."""
    arrays = [gradient for gradient in found if evidence.verdicts.is_array(gradient.parameter)]
    if any(gradient.status == "wrong" for gradient in arrays):
        return list(found)
    known = bool(arrays) and all(_is_settled(gradient, evidence) for gradient in arrays)
    return [
        _told(gradient, evidence, known)
        if gradient.status == "wrong" and gradient.explanation is None
        else gradient
        for gradient in found
    ]


def _is_settled(gradient: Gradient, evidence: Evidence) -> bool:
    """Is this array exact, or scaled, without any second thought, with a steady factor?"""
    _, spread = evidence.scales.get(gradient.parameter, (1.0, np.inf))
    return gradient.status in ("exact", "scaled") and not gradient.reason and spread <= STEADY


def _told(gradient: Gradient, evidence: Evidence, known: bool) -> Gradient:
    name = gradient.parameter
    scale, spread = evidence.scales.get(name, (0.0, np.inf))
    steps = [step for step in evidence.steps if step.number in evidence.verdicts.telling(name)]
    still = all(_stands_still(step, name) for step in steps)
    if known and len(steps) >= ENOUGH_NUMBERS and still and all(_adds_nothing(step, name) for step in steps):
        text = f"what is added to {name} is 0 in every step, although the loss depends on it: its gradient is missing"
        return replace(gradient, explanation=Explanation("gradient-missing", text, gradient.span), reason="")
    if known and len(steps) >= ENOUGH_NUMBERS and not still and _is_on_the_way(name, steps, evidence):
        if spread <= STEADY and scale < 0:
            text = f"the steps of {name} go up the loss instead of down: the sign is wrong"
            return replace(gradient, explanation=Explanation("sign", text, gradient.span), reason="")
        if spread > STEADY and all(_is_sum(step, name) for step in steps):
            start = _started(gradient, steps, evidence)
            return replace(gradient, explanation=start, reason=CHANGES if start is None else "")
    return replace(gradient, status="cannot-tell", reason=ALONE)


def _started(gradient: Gradient, steps: Sequence[Step], evidence: Evidence) -> Explanation | None:
    """The explanation of a sum that is too large by the same number in every step, if it starts from that number."""
    name, verdicts = gradient.parameter, evidence.verdicts
    reference = next(each for each in verdicts.matches if verdicts.is_array(each) and evidence.explains(each))
    usual, own = verdicts.telling(reference), verdicts.telling(name)
    told = [step for step in steps if step.number in usual and step.rates.get(name)]
    extra = [
        float(np.sum(own[step.number].written - usual[step.number].scale * own[step.number].true))
        / step.rates[name]
        for step in told
    ]
    if len(extra) < ENOUGH_NUMBERS or not extra[-1] or np.ptp(extra) > STEADY * abs(extra[-1]):
        return None
    after = told[-1].updates[name].after
    made = ancestors([after], stop=told[-1].ends - {after})  # the sum may begin where the last step ended
    starts = [node for node in made if node.op == "leaf" and np.allclose(node.value, extra[-1], rtol=STEADY)]
    place = next((node.span for node in starts if node.span is not None), None)
    if place is None:
        return None
    text = f"the sum that becomes the gradient of {name} starts from {extra[-1]:g} instead of 0"
    return Explanation("gradient-not-cleared", text, place, (gradient.span,))


def _stands_still(step: Step, name: str) -> bool:
    return np.array_equal(step.updates[name].after.value, step.updates[name].before.value)


def _adds_nothing(step: Step, name: str) -> bool:
    """Is all that is added to the number 0 itself, not made so by a rate or a mask of 0?"""
    update = step.updates[name]
    others = [term.node for term in update.terms if term.node is not update.before]
    errors = {parent for node in others if node.op == "multiply" for parent in node.parents()} & step.tainted
    masked = any(np.any(error.value) for error in errors)
    return (
        all(term.coefficient for term in update.terms)
        and not masked
        and not any(np.any(node.value) for node in others)
    )


def _is_on_the_way(name: str, steps: Sequence[Step], evidence: Evidence) -> bool:
    """Does the loss depend on the number through the output only?

    What a script computes as its loss may contain a multiplier, say, that is to go up while the weights go down.
    """
    return evidence.verdicts.loss.by_pairs or all(_is_bias(step, name) for step in steps)


def _is_bias(step: Step, name: str) -> bool:
    """Is the number only ever added to arrays, before the update?"""
    before = step.updates[name].before
    uses = [node for node in step.nodes if before in node.parents() and node not in step.ends]
    return bool(uses) and all(node.op == "add" and _joins_array(node, before) for node in uses)


def _joins_array(node: Node, number: Node) -> bool:
    others = [argument for argument in node.parents() if argument is not number]
    return any(np.size(other.value) > 1 or other.op in ("dot", "matmul", "einsum") for other in others)


def _is_sum(step: Step, name: str) -> bool:
    """Does the update add up plain sums: nothing clipped, normalised or rescaled by an optimiser?"""
    update = step.updates[name]
    terms = [term.node for term in update.terms if term.node is not update.before]
    return not step.adaptive and not step.carried[name] and all(node.op in SUMS for node in terms)
