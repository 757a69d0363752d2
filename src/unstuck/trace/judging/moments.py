"""Adam's bias correction: does each step divide both running means by what they lack of their full weight?

A mean that starts from zeros holds, after t steps, 1 - beta ** t of the weight of a full one.  Adam divides the mean
of the gradients and that of their squares by this share.  To leave out both is a variant; to correct one alone, or
by another step's share, is a fault.  What counts is the factor that all of it leaves in the step, wherever it stands
(some write it into the learning rate); a factor that is neither the right one nor one known wrong one is let be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Explanation, Span
from unstuck.trace.judging.statements import statement_about
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import opened, terms_of
from unstuck.trace.reading.written import Step

LEAST_STEPS = 5
OLDEST = 12  # steps over which a mean is followed back to its start
SAME = 1e-6  # relative spread within which two factors go together
SHARE = 1e-9  # by which the weights of old and new may miss a sum of one
FIRST, SECOND = "the mean of the gradients", "the mean of their squares"
NOT_CORRECTED = "is not corrected for its start from zeros in keeping with the steps, although the other is"
AHEAD = "is corrected as if one more step had been taken"
# What is wrong, with which mean; and the steps ahead by which each is corrected (None: by nothing that changes).
WRONG = (
    (FIRST, NOT_CORRECTED, None, 0),
    (SECOND, NOT_CORRECTED, 0, None),
    (FIRST, AHEAD, 1, 0),
    (SECOND, AHEAD, 0, 1),
    ("each running mean", AHEAD, 1, 1),
)


@dataclass(frozen=True)
class Mean:
    """A running mean behind plain factors: factor x mean; `way` are the divisions between it and its use."""

    node: Node
    beta: float
    factor: float
    way: tuple[Node, ...]


def miscorrected(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a bias correction that is wrong in one known way in every step; None without one."""
    told = [(step, pair) for step in steps if (pair := _means(step, step.updates[name])) is not None]
    if len(told) < max(LEAST_STEPS, len(steps) // 2):
        return None
    ages = {_age(mean.node) for mean in told[0][1]}
    if len(ages) != 1 or None in ages:
        return None
    counts = np.array([step.number - told[0][0].number for step, _ in told]) + float(ages.pop() or 0)
    found = [pair for _, pair in told]
    betas = {(round(first.beta, 12), round(second.beta, 12)) for first, second in found}
    if len(betas) != 1:
        return None
    factors = np.array([abs(first.factor) / np.sqrt(second.factor) for first, second in found])
    beta = next(iter(betas))
    right = [(0, 0), (None, None)]
    if any(_goes_with(factors, counts, beta, each) for each in right):
        return None
    fitting = [fault for fault in WRONG if _goes_with(factors, counts, beta, fault[2:])]
    if len(fitting) != 1:
        return None
    subject, predicate, *_ = fitting[0]
    mean = found[-1][subject == SECOND]
    span, used = _place(mean), steps[-1].updates[name].after.span
    uses = (used,) if used not in (None, span) else ()
    text = f"in the step of {name}, {subject} {predicate}"
    return Explanation("optimiser", text, span, uses) if span is not None else None


def _goes_with(
    factors: Array, counts: Array, beta: tuple[float, float], ahead: tuple[int | None, int | None]
) -> bool:
    """Is the factor, up to the learning rate, the one of these corrections?"""
    lacking = [
        np.ones_like(counts) if more is None else 1 - each ** (counts + more)
        for each, more in zip(beta, ahead, strict=True)
    ]
    ratio = factors * lacking[0] / np.sqrt(lacking[1])
    return float(np.ptp(ratio)) <= SAME * float(np.median(ratio))


def _place(mean: Mean) -> Span | None:
    """Where a mean is corrected; if nothing is done to it, where it gets the name under which it is used."""
    if mean.way:
        return mean.way[0].span
    named = mean.node.names[-1] if mean.node.names else ""
    told = statement_about(mean.node.span, named) if mean.node.span is not None and named else None
    return told or mean.node.span


# ----- What a step is made of ---------------------------------------------------------------------------


def _means(step: Step, update: Update) -> tuple[Mean, Mean] | None:
    """The two means of an update: rate x first / (root of second + epsilon)."""
    for term in update.terms:
        node = term.node
        if node is update.before or node.op != "true_divide" or len(node.args) != 2:
            continue
        above, below = node.args
        if not isinstance(above, Node) or not isinstance(below, Node):
            continue
        first, second = _mean(above, step, term.coefficient), _mean(below, step, 1.0, rooted=True)
        if first is not None and second is not None and first.factor and second.factor > 0:
            return first, second
    return None


def _mean(node: Node, step: Step, factor: float, *, rooted: bool = False) -> Mean | None:
    """The mean behind plain factors, and behind a root if there must be one; the factor then is that of the mean."""
    way: list[Node] = []
    below_root = not rooted
    while True:
        beta = _weight(node, step) if below_root else None
        if beta is not None:
            return Mean(node, beta, factor, tuple(reversed(way)))
        inner = node.args[0] if node.args else None
        if not below_root and _is_root(node) and isinstance(inner, Node):
            below_root, factor, node = True, factor**2, inner
            continue
        parts = [part for part in opened(factor, node) or () if _is_array(part[1])]
        if len(parts) != 1 or node.id < step.nodes[0].id:
            return None
        if below_root and node.op == "true_divide":
            way.append(node)
        factor, node = parts[0]


def _is_root(node: Node) -> bool:
    return node.op == "sqrt" or (
        node.op == "power" and isinstance(node.args[1], float) and node.args[1] == 0.5
    )


def _is_array(node: Node) -> bool:
    """Is this more than a plain number, such as the epsilon of a denominator?"""
    return np.ndim(node.value) > 0 and node.op != "constant"


def _weight(node: Node, step: Step) -> float | None:
    """The weight of the old in a mean of old and new; None for what is no such mean."""
    start = step.nodes[0].id
    if node.op not in ("add", "subtract") or node.id < start:
        return None
    befores = {update.before for update in step.updates.values()}
    parts = terms_of(node, stop=lambda other: other.id < start or other in befores)
    old = [part for part in parts if part.node.id < start and part.node not in befores]
    new = [part.coefficient for part in parts if part not in old]
    if len(old) != 1 or not 0 < old[0].coefficient < 1:
        return None
    beta = old[0].coefficient
    return beta if any(abs(coefficient - (1 - beta)) <= SHARE for coefficient in new) else None


def _age(mean: Node) -> int | None:
    """How many gradients a running mean holds, counted back to the zeros from which it started."""
    for age in range(1, OLDEST):
        parts = terms_of(mean, stop=lambda other, at=mean: (other.span, other.op) == (at.span, at.op))  # type: ignore[misc]
        old = [part.node for part in parts if 0 < part.coefficient < 1 and _is_state(part.node, mean)]
        if len(old) != 1:
            return None
        if not np.any(old[0].value):
            return age
        mean = old[0]
    return None


def _is_state(node: Node, mean: Node) -> bool:
    """Is this an earlier mean, or the zeros before the first?"""
    return (node.span, node.op) == (mean.span, mean.op) or not np.any(node.value)
