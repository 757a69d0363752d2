"""Adam's bias correction: does each step divide both running means by the weight that they have gathered?

A mean that starts from zeros and keeps the share beta holds, after t steps, 1 - beta ** t of the weight of a full one.
Adam divides the mean of the gradients and that of their squares by this weight.  To leave out both is a variant; to
correct one alone, or by another step's weight, is a fault.  What counts is the factor that all of it leaves in the
step, wherever it stands (some write it into the learning rate); a factor that is neither the right one nor one known
wrong one is let be.  Where a mean itself is divided by a number that changes from step to step, that number must be
its weight: whatever else it is, and whatever else the mean keeps, the quotient would drift.  And where it is divided by
a number that is made with a power of the share that it keeps, this is meant as its weight, and must be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
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
    """A running mean behind plain factors: factor x mean, which is `share` x its old value + `intake` x what is new.

    way      the places between it and its use where it is corrected, and `divisor` what it is divided by there
    older    how many steps ago it was made
    scales   the places of the way, and those where it is multiplied, which may be by the rate
    """

    node: Node
    share: float
    intake: float
    factor: float
    way: tuple[Node, ...]
    divisor: float
    older: int = 0
    scales: tuple[Node, ...] = ()

    def weight(self, steps: Array) -> Array:
        """The sum of the weights of all gradients that it holds after so many steps from zeros."""
        if self.share == 1:
            return self.intake * (steps - self.older)
        return np.asarray(self.intake * (1 - self.share ** (steps - self.older)) / (1 - self.share))


def miscorrected(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a bias correction that is wrong in every step; None where nothing is proven."""
    told = [(step, pair) for step in steps if (pair := _means(step, step.updates[name])) is not None]
    if len(told) < max(LEAST_STEPS, len(steps) // 2):
        return None
    ages = {age and age + mean.older for mean in told[0][1] if mean.share for age in (_age(mean.node),)}
    constants = {tuple((round(m.share, 12), round(m.intake, 12)) for m in pair) for _, pair in told}
    if len(ages) != 1 or None in ages or len(constants) != 1:
        return None
    counts = np.array([step.number - told[0][0].number for step, _ in told]) + float(ages.pop() or 0)
    pairs = [pair for _, pair in told]
    factors = np.array([abs(first.factor) / np.sqrt(second.factor) for first, second in pairs])
    if any(_goes_with(factors, counts, pairs[0], each) for each in ((0, 0), (None, None))):
        return None
    fitting = [fault for fault in WRONG if _goes_with(factors, counts, pairs[0], fault[2:])]
    if len(fitting) == 1:
        subject, predicate, *_ = fitting[0]
        mean = pairs[-1][subject == SECOND]
        return _noun(name, steps, subject, predicate, _place(mean))
    means = [*zip(*pairs, strict=True)]
    return _drifting(name, steps, means, counts) or _misweighted(name, steps, means, counts)


def _noun(
    name: str, steps: Sequence[Step], subject: str, predicate: str, span: Span | None = None, *others: Span
) -> Explanation | None:
    used = steps[-1].updates[name].after.span
    uses = tuple(place for place in (*others, used) if place not in (None, span))
    text = f"in the step of {name}, {subject} {predicate}"
    return Explanation("optimiser", text, span, uses) if span is not None else None


def _goes_with(
    factors: Array, counts: Array, means: tuple[Mean, Mean], ahead: tuple[int | None, int | None]
) -> bool:
    """Is the factor, up to the learning rate, the one of these corrections?"""
    lacking = [
        np.ones_like(counts) if more is None else mean.weight(counts + more)
        for mean, more in zip(means, ahead, strict=True)
    ]
    return _is_steady(factors * lacking[0] / np.sqrt(lacking[1]))


def _is_steady(numbers: Array) -> bool:
    return float(np.ptp(numbers)) <= SAME * abs(float(np.median(numbers)))


def _drifting(
    name: str, steps: Sequence[Step], means: Sequence[Sequence[Mean]], counts: Array
) -> Explanation | None:
    """The explanation of a mean that is divided by something else than its weight, which changes as that does."""
    for subject, mean in zip((FIRST, SECOND), means, strict=True):
        divisors, weights = np.array([each.divisor for each in mean]), mean[0].weight(counts)
        corrects = _is_correction(divisors, counts)
        if _is_steady(divisors) or _is_steady(weights / divisors) or (subject == FIRST and not corrects):
            continue  # (the first may be divided by a schedule)
        if mean[0].share and _counts_otherwise(divisors, mean[0].share):
            continue
        predicate = (
            f"is divided by {divisors[0]:.4g} after {counts[0]:.0f} steps, where the weights that it gives to all "
            f"gradients sum to {weights[0]:.4g}: the quotient drifts from step to step"
        )
        places = mean[-1].node.span if corrects else None, _place(mean[-1])
        return _noun(name, steps, subject, predicate, *[place for place in places if place is not None])
    return None


def _misweighted(
    name: str, steps: Sequence[Step], means: Sequence[Sequence[Mean]], counts: Array
) -> Explanation | None:
    """The explanation of a mean that is scaled by a number made of a power of its share, which is not its weight."""
    for subject, mean in zip((FIRST, SECOND), means, strict=True):
        weights = mean[0].weight(counts)
        for number, place in enumerate(mean[-1].scales):
            numbers = [
                _powered(each.scales[number], each.share) for each in mean if len(each.scales) > number
            ]
            if len(numbers) < len(mean) or None in numbers:
                continue
            scaled = np.array(numbers, float)
            if _is_steady(scaled) or _is_steady(weights / scaled) or _counts_otherwise(scaled, mean[0].share):
                continue
            predicate = (
                f"is divided by {scaled[0]:.4g} after {counts[0]:.0f} steps, which is made of a power of "
                f"{mean[0].share:g}, where its weights sum to {weights[0]:.4g}"
            )
            return _noun(name, steps, subject, predicate, place.span)
    return None


def _powered(node: Node, share: float) -> float | None:
    """The plain number by which a mean is divided here, if a power of the share that it keeps is in it."""
    numbers = [parent for parent in node.parents() if not _is_array(parent)]
    behind = ancestors(numbers)
    powers = [each for each in behind if each.op == "power" and _base(each) == share]
    if len(numbers) != 1 or not powers:
        return None
    number = float(numbers[0].value)
    return number if node.op == "true_divide" else 1 / number if number else None


def _base(power: Node) -> float:
    base = power.args[0]
    return float(base.value if isinstance(base, Node) else base)


def _is_correction(divisors: Array, counts: Array) -> bool:
    """Is this 1 - beta ** t for one beta?"""
    kept = 1 - divisors
    return bool(np.all(kept > 0) and np.all(kept < 1)) and _is_steady(np.log(kept) / counts)


def _counts_otherwise(divisors: Array, share: float) -> bool:
    """Is this 1 - share ** k for whole numbers k: a correction that counts epochs, say?"""
    kept = 1 - divisors
    if not (np.all(kept > 0) and np.all(kept < 1) and 0 < share < 1):
        return False
    rounds = np.log(kept) / np.log(share)
    return bool(np.all(np.abs(rounds - np.rint(rounds)) <= SAME * np.maximum(rounds, 1)))


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
        if first is None or second is None or not first.factor or second.factor <= 0:
            continue
        if first.share or second.share:
            return first, second
    return None


def _mean(node: Node, step: Step, factor: float, *, rooted: bool = False) -> Mean | None:
    """The mean behind plain factors, and behind a root if there must be one; the factor then is that of the mean.

    What is corrected like a mean and keeps nothing of its old value is one of share 0.
    """
    way: list[Node] = []
    scales: list[Node] = []
    below_root, divisor = not rooted, 1.0
    while True:
        kept = _kept(node, step) if below_root else None
        if kept is not None:
            older = int(node.id < step.nodes[0].id)
            return Mean(node, *kept, factor, tuple(reversed(way)), divisor, older, tuple(scales))
        inner = node.args[0] if node.args else None
        if not below_root and is_root(node) and isinstance(inner, Node):
            below_root, factor, node = True, factor**2, inner
            continue
        parts = [part for part in opened(factor, node) or () if _is_array(part[1])]
        if len(parts) != 1 or node.id < step.nodes[0].id:
            if not below_root or not way or node not in step.tainted:
                return None
            corrected = next(parent for parent in way[-1].parents() if _is_array(parent))
            return Mean(corrected, 0.0, 1.0, factor, tuple(reversed(way)), divisor)
        scaled = factor / parts[0][0] if parts[0][0] else 1.0
        scales += [node] if below_root and node.op in ("multiply", "true_divide") else []
        if below_root and scaled != 1 and (rooted or node.op == "true_divide"):  # else it may be the rate
            way.append(node)
            divisor *= scaled
        factor, node = parts[0]


def is_root(node: Node) -> bool:
    """Is this a square root?"""
    return node.op == "sqrt" or (
        node.op == "power" and isinstance(node.args[1], float) and node.args[1] == 0.5
    )


def _is_array(node: Node) -> bool:
    """Is this more than a plain number, such as the epsilon of a denominator?"""
    return np.ndim(node.value) > 0 and node.op != "constant"


def _kept(node: Node, step: Step) -> tuple[float, float] | None:
    """The weights of the old and of what is new in a memory of earlier steps; None for what is no such memory."""
    befores = {update.before for update in step.updates.values()}
    if node.op not in ("add", "subtract") or node in befores:
        return None
    start = step.nodes[0].id
    if node.id < start:  # it is used as the step before has left it
        parts = terms_of(node, stop=lambda other: (other.span, other.op) == (node.span, node.op))
        old = [part for part in parts if _is_state(part.node, node)]
    else:
        parts = terms_of(node, stop=lambda other: other.id < start or other in befores)
        old = [part for part in parts if part.node.id < start and part.node not in befores]
    new = [part.coefficient for part in parts if part not in old]
    if len(old) != 1 or not 0 < old[0].coefficient <= 1 or not new:
        return None
    share = old[0].coefficient
    if any(abs(coefficient - (1 - share)) <= SHARE for coefficient in (*new, sum(new))):
        return share, 1 - share
    return (share, new[0]) if len(new) == 1 else None


def _age(mean: Node) -> int | None:
    """How many gradients a running mean holds, counted back to the zeros from which it started."""
    for age in range(1, OLDEST):
        parts = terms_of(mean, stop=lambda other, at=mean: (other.span, other.op) == (at.span, at.op))  # type: ignore[misc]
        old = [part.node for part in parts if 0 < part.coefficient <= 1 and _is_state(part.node, mean)]
        if len(old) != 1:
            return None
        if not np.any(old[0].value):
            return age
        mean = old[0]
    return None


def _is_state(node: Node, mean: Node) -> bool:
    """Is this an earlier mean, or the zeros before the first?"""
    return (node.span, node.op) == (mean.span, mean.op) or not np.any(node.value)
