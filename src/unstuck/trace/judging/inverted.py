"""Steps that are divided by the gradient: `w -= rate / gradient` instead of `w -= rate * gradient`.

The proof is the divisor: it is the true gradient, number by number, in every step that says anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Explanation
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.matching import STEADY, Match, match
from unstuck.trace.reading.written import Step

LEAST_NUMBERS = 4  # in all steps together, that a divisor and the gradient must have in common


def inverted(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Explanation | None:
    """The explanation of an update whose step is a number divided by the gradient; None without that proof."""
    known = {
        number: match
        for number, match in verdicts.matches.get(name, {}).items()
        if np.all(np.isfinite(match.true)) and np.any(match.true)  # what was written may be infinite
    }
    told = [(step, known[step.number]) for step in steps if step.number in known]
    found = [_quotient(step, name, truth, tolerance) for step, truth in told]
    enough = sum(truth.true.size for _, truth in told) >= LEAST_NUMBERS
    if not enough or not all(found) or found[-1] is None or found[-1].span is None:
        return None
    if verdicts.size(name) == 1 and not _go_together([node for node in found if node is not None], told):
        return None
    text = f"the step of {name} is divided by its gradient: the smaller the slope, the longer the step"
    after = steps[-1].updates[name].after.span
    uses = (after,) if after not in (None, found[-1].span) else ()
    return Explanation("operator", text, found[-1].span, uses)


def _go_together(quotients: Sequence[Node], told: Sequence[tuple[Step, Match]]) -> bool:
    """Is the divisor one and the same multiple of the gradient in every step?  (Any number is one in a single step.)"""
    factors = [
        np.asarray(node.args[1].value).item() / truth.true.item()
        for node, (_, truth) in zip(quotients, told, strict=True)
        if np.any(truth.true)
    ]
    return bool(factors) and float(np.ptp(factors)) <= STEADY * abs(float(np.median(factors)))


def under_inverted(steps: Sequence[Step], tolerance: float) -> Verdicts | None:
    """The verdicts under the loss by whose gradient the steps of an array are divided; None without one."""
    divided = [name for step in steps[:1] for name in step.updates if _divides(step, name)]
    for loss in dict.fromkeys(loss for step in steps for loss in step.losses) if divided else ():
        verdicts = judge(steps, loss)
        if any(
            verdicts.is_array(name) and inverted(name, steps, verdicts, tolerance) is not None
            for name in divided
        ):
            return verdicts
    return None


def _divides(step: Step, name: str) -> bool:
    """Is something in the update divided by a value that depends on the parameters?"""
    nodes = [term.node for term in step.updates[name].terms]
    return any(node.op == "true_divide" and not step.tainted.isdisjoint(node.parents()) for node in nodes)


def _quotient(step: Step, name: str, truth: Match, tolerance: float) -> Node | None:
    """The division of a value that does not depend on the parameters by the gradient, if the update adds one."""
    for term in step.updates[name].terms:
        node = term.node
        if node.op != "true_divide" or len(node.args) != 2:
            continue
        numerator, divisor = node.args
        fixed = not (isinstance(numerator, Node) and (numerator in step.tainted or np.ndim(numerator.value)))
        if (
            fixed
            and isinstance(divisor, Node)
            and divisor in step.tainted
            and _is_gradient(divisor, truth, tolerance)
        ):
            return node
    return None


def _is_gradient(divisor: Node, truth: Match, tolerance: float) -> bool:
    """Is this value, or what it is a multiple of, the true gradient?"""
    if np.size(divisor.value) != truth.true.size:
        return False
    found = match(np.asarray(divisor.value, float), truth.true)
    return not found.vacuous and min(found.residual, found.mirrored) <= tolerance
