"""From verdicts to nouns: the status of every parameter, in figures, with its explanation and a witness.

Nothing is called wrong on thin evidence: it takes two telling steps, a loss that another weight matrix of the
same run fits exactly (or an altered rule that reproduces every number), and more than a kink or a rounding
floor to blame.  Otherwise the status is "cannot-tell", with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.facts import Explanation, Gradient, Span, Status
from unstuck.trace.explaining.account import SAME_SCALE, Account, scale_account
from unstuck.trace.explaining.explain import blame_unexplained, explanation
from unstuck.trace.explaining.untouched import untouched
from unstuck.trace.judging.example import example
from unstuck.trace.judging.judge import STEADY, Verdicts, judge, relative_scales
from unstuck.trace.judging.updates import overflowed, update_faults
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2


def gradients(
    steps: Sequence[Step],
    loss: Candidate,
    verdicts: Verdicts,
    account: Account,
    spans: Mapping[str, Span],
    tolerance: float,
) -> tuple[Gradient, ...]:
    """One Gradient per parameter, in the order of the parameters."""
    reference = _reference(steps, account.verdicts, tolerance)
    scales = relative_scales(account.verdicts, reference) if reference else {}
    explanations = _explanations(steps, account)
    scale_reason = _scale_explanation(steps, loss, account, scales)
    statuses = _statuses(tuple(spans), steps, verdicts, account, scales, tolerance)
    result = []
    for name, span in spans.items():
        status, reason = statuses[name]
        scale, _ = scales.get(name, (float("nan"), 0.0))
        shown = example(steps, account.verdicts, verdicts, name, reference)
        result.append(
            Gradient(
                parameter=name,
                span=span,
                status=status,
                cosine=_pooled_cosine(verdicts, name),
                scale=scale,
                residual=_residual(verdicts, name),
                steps=len(verdicts.telling(name)),
                written=shown.written,
                exact=shown.exact,
                witness=shown.witness,
                explanation=explanations.get(name) if status == "wrong" else None,
                scale_explanation=scale_reason if abs(scale - 1) > SAME_SCALE else None,
                reason=reason,
            )
        )
    judged = _blamed(_with_update_faults(_beside_arrays(result), steps), steps, account, verdicts)
    return (*judged, *(found for found in untouched(steps, loss) if found.parameter not in spans))


def _statuses(
    names: Sequence[str],
    steps: Sequence[Step],
    verdicts: Verdicts,
    account: Account,
    scales: Mapping[str, tuple[float, float]],
    tolerance: float,
) -> dict[str, tuple[Status, str]]:
    """Status and reason of every parameter, by its gradient alone."""
    known = _loss_is_known(steps, verdicts, account, tolerance)
    at_kinks = _right_at_kinks(steps, verdicts, tolerance)
    found: dict[str, tuple[Status, str]] = {}
    for name in names:
        found[name] = _status(name, verdicts, scales, known, tolerance)
        if found[name][0] == "wrong" and name in at_kinks:
            found[name] = "exact", "differs only at kinks, where any subgradient is right"
        elif found[name][0] == "wrong" and verdicts.explains(name, tolerance) and _normalised(steps, name):
            found[name] = "exact", "its length is normalised or clipped, so its factor changes"
    return found


def _beside_arrays(found: Sequence[Gradient]) -> list[Gradient]:
    """A single number proves nothing alone: it is wrong only beside an array, or with an exact explanation."""
    if any(gradient.status == "wrong" and gradient.exact.size > 1 for gradient in found):
        return list(found)
    reason = "a single number, which proves nothing alone"
    return [
        replace(gradient, status="cannot-tell", reason=reason)
        if gradient.status == "wrong" and gradient.explanation is None
        else gradient
        for gradient in found
    ]


def _normalised(steps: Sequence[Step], name: str) -> bool:
    """Is the gradient divided by, or multiplied with, a number that depends on the gradient itself?"""
    return any(
        term.node.op in ("multiply", "true_divide")
        and any(arg in step.tainted and np.size(arg.value) == 1 for arg in term.node.parents())
        for step in steps
        if name in step.updates and np.size(step.updates[name].before.value) > 1
        for term in step.updates[name].terms
        if term.node is not step.updates[name].before
    )


def _with_update_faults(found: Sequence[Gradient], steps: Sequence[Step]) -> tuple[Gradient, ...]:
    """Faults of the update itself, where the gradient shows none; and where numbers ended, why."""
    faults = update_faults(steps)
    result = []
    for gradient in found:
        if gradient.status != "wrong" and gradient.parameter in faults:
            gradient = replace(gradient, status="wrong", explanation=faults[gradient.parameter], reason="")
        elif gradient.status == "cannot-tell" and not gradient.steps:
            gradient = replace(gradient, reason=overflowed(gradient.parameter, steps) or gradient.reason)
        result.append(gradient)
    return tuple(result)


def _status(
    name: str,
    verdicts: Verdicts,
    scales: Mapping[str, tuple[float, float]],
    known: bool,
    tolerance: float,
) -> tuple[Status, str]:
    if name in verdicts.unknown:
        return "cannot-tell", verdicts.unknown[name]
    telling = verdicts.telling(name)
    if not telling:
        return "cannot-tell", "its gradient vanishes in every recorded step"
    if verdicts.explains(name, tolerance):
        scale, spread = scales.get(name, (1.0, 0.0))
        # (Several networks may be trained side by side at other rates.)
        if spread > STEADY and known and verdicts.spread(name) > STEADY:
            return "wrong", "its factor to the true gradient changes from step to step"
        return ("scaled" if abs(scale - 1) > SAME_SCALE and spread <= STEADY else "exact"), ""
    if len(telling) < LEAST_STEPS:
        return "cannot-tell", "only one recorded step says anything about it"
    if not known:
        return "cannot-tell", "no known loss explains any weight matrix, so there is nothing to compare with"
    if not any(np.any(match.true) for match in telling.values()):
        return "cannot-tell", "the loss that explains the other gradients does not depend on it"
    return "wrong", ""


def _loss_is_known(steps: Sequence[Step], verdicts: Verdicts, account: Account, tolerance: float) -> bool:
    """Is a weight matrix explained exactly, or does an altered rule explain all parameters?"""
    matrices = {n for step in steps for n, u in step.updates.items() if np.size(u.before.value) > 2}
    if any(verdicts.explains(name, tolerance) for name in matrices):
        return True
    found = account.verdicts
    return bool(account.accepted) and all(
        found.explains(n, tolerance) for n in found.matches if found.telling(n)
    )


def _reference(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> str | None:
    """The explained weights nearest the output: the last that the forward pass meets."""
    sizes = {name: np.size(update.before.value) for step in steps for name, update in step.updates.items()}
    explained = [name for name in verdicts.matches if verdicts.explains(name, tolerance)]
    largest = [name for name in explained if sizes[name] > 1] or explained
    return max(largest, key=lambda name: _first_use(steps[-1], name), default=None)


def _first_use(step: Step, name: str) -> int:
    before = step.updates[name].before if name in step.updates else None
    return next((node.id for node in step.nodes if before is not None and before in node.parents()), -1)


def _explanations(steps: Sequence[Step], account: Account) -> dict[str, Explanation]:
    found: dict[str, Explanation] = {}
    for hypothesis in account.accepted:
        names = [name for name, other in account.explained.items() if other is hypothesis]
        noun = explanation(hypothesis, account, steps, names)
        found |= {name: noun for name in names if noun is not None}
    return found


def _scale_explanation(
    steps: Sequence[Step], loss: Candidate, account: Account, scales: Mapping[str, tuple[float, float]]
) -> Explanation | None:
    if all(abs(scale - 1) < SAME_SCALE for scale, _ in scales.values()):
        return None
    reference = next((name for name, (scale, _) in scales.items() if abs(scale - 1) < SAME_SCALE), None)
    hypothesis = scale_account(account, steps, loss, reference) if reference else None
    return explanation(hypothesis, account, steps, list(scales)) if hypothesis else None


def _right_at_kinks(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> set[str]:
    """Parameters that agree in every step under one choice of subgradient or another."""
    wrong = {
        name for name in verdicts.matches if verdicts.telling(name) and not verdicts.explains(name, tolerance)
    }
    if not wrong:
        return set()
    choices = [verdicts, *(judge(steps, verdicts.loss, ties=ties) for ties in (0.0, 1.0))]
    return {
        name
        for name in wrong
        if all(
            min(_worst(choice, name, number) for choice in choices) <= tolerance
            for number in verdicts.telling(name)
        )
    }


def _worst(verdicts: Verdicts, name: str, number: int) -> float:
    found = verdicts.matches.get(name, {}).get(number)
    return np.inf if found is None or found.scale <= 0 else found.residual


def _pooled_cosine(verdicts: Verdicts, name: str) -> float:
    """The cosine between all written and all true gradients, every step scaled to its own size."""
    telling = [match for match in verdicts.telling(name).values() if np.linalg.norm(match.written) > 0]
    return float(np.mean([match.cosine for match in telling])) if telling else float("nan")


def _residual(verdicts: Verdicts, name: str) -> float:
    telling = verdicts.telling(name).values()
    return max((match.residual for match in telling), default=float("nan"))


def _blamed(
    found: tuple[Gradient, ...], steps: Sequence[Step], account: Account, verdicts: Verdicts
) -> tuple[Gradient, ...]:
    """Wrong gradients without an explanation get the first place from which nothing right follows."""
    lost = [g.parameter for g in found if g.status == "wrong" and g.explanation is None]
    span = blame_unexplained(steps, account, verdicts, lost) if lost else None
    if span is None:
        return found
    return tuple(replace(g, blame=span) if g.parameter in lost else g for g in found)
