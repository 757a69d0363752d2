"""From verdicts to nouns: the status of every parameter, in figures, with its explanation and a witness.

Nothing is called wrong on thin evidence: it takes two telling steps, a loss that another weight matrix of the
same run fits exactly (or an altered rule that reproduces every number), and more than a kink or a rounding
floor to blame.  Otherwise the status is "cannot-tell", with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.facts import Explanation, Gradient, Span, Status, Witness
from unstuck.trace.explain import (
    SAME_SCALE,
    Account,
    blame_unexplained,
    explanation,
    relative_scales,
    scale_account,
)
from unstuck.trace.judge import Match, Verdicts, judge
from unstuck.trace.losses import Candidate
from unstuck.trace.replay import finite_difference
from unstuck.trace.written import Step

KINK = 1e-12
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
    known = _loss_is_known(steps, verdicts, account, tolerance)
    explanations = _explanations(steps, loss, account)
    scale_reason = _scale_explanation(steps, loss, account, scales)
    at_kinks = _right_at_kinks(steps, loss, verdicts, tolerance)
    result = []
    for name, span in spans.items():
        status, reason = _status(name, verdicts, scales, known, tolerance)
        if status == "wrong" and name in at_kinks:
            status, reason = "exact", "differs only at kinks, where any subgradient is right"
        scale, _ = scales.get(name, (float("nan"), 0.0))
        result.append(
            Gradient(
                parameter=name,
                span=span,
                status=status,
                cosine=_pooled_cosine(verdicts, name),
                scale=scale,
                residual=_residual(verdicts, name),
                steps=len(verdicts.telling(name)),
                explanation=explanations.get(name) if status == "wrong" else None,
                scale_explanation=scale_reason if abs(scale - 1) > SAME_SCALE else None,
                reason=reason,
                **_example(steps, loss, verdicts, name),
            )
        )
    return _blamed(tuple(result), steps, loss, verdicts)


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
        if spread > 1e-3 and known:
            return "wrong", "its factor to the true gradient changes from step to step"
        return ("scaled" if abs(scale - 1) > SAME_SCALE else "exact"), ""
    if len(telling) < LEAST_STEPS:
        return "cannot-tell", "only one recorded step says anything about it"
    if not known:
        return "cannot-tell", "no known loss explains any weight matrix, so there is nothing to compare with"
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


def _explanations(steps: Sequence[Step], loss: Candidate, account: Account) -> dict[str, Explanation]:
    found = {}
    for hypothesis in account.accepted:
        names = [name for name, other in account.explained.items() if other is hypothesis]
        noun = explanation(hypothesis, steps, loss, names)
        found |= {name: noun for name in names if noun is not None}
    return found


def _scale_explanation(
    steps: Sequence[Step], loss: Candidate, account: Account, scales: Mapping[str, tuple[float, float]]
) -> Explanation | None:
    if all(abs(scale - 1) < SAME_SCALE for scale, _ in scales.values()):
        return None
    reference = next((name for name, (scale, _) in scales.items() if abs(scale - 1) < SAME_SCALE), None)
    hypothesis = scale_account(account, steps, loss, reference) if reference else None
    return explanation(hypothesis, steps, loss, list(scales)) if hypothesis else None


def _right_at_kinks(steps: Sequence[Step], loss: Candidate, verdicts: Verdicts, tolerance: float) -> set[str]:
    """Parameters that agree in every step under one choice of subgradient or another."""
    wrong = {
        name for name in verdicts.matches if verdicts.telling(name) and not verdicts.explains(name, tolerance)
    }
    if not wrong:
        return set()
    choices = [verdicts, *(judge(steps, loss, ties=ties) for ties in (0.0, 1.0))]
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


def _example(steps: Sequence[Step], loss: Candidate, verdicts: Verdicts, name: str) -> dict[str, object]:
    """Written and true gradient of the most telling step, and one element with its finite difference."""
    telling = verdicts.telling(name)
    if not telling:
        return {"written": np.zeros(0), "exact": np.zeros(0)}
    number = max(telling, key=lambda n: (min(telling[n].residual, 1.0), float(np.abs(telling[n].true).max())))
    found = telling[number]
    scale = _scale_of_step(verdicts, number)
    written = (
        np.asarray(found.written).reshape(found.true.shape)
        if found.written.size == found.true.size
        else found.written
    )
    if written.shape != found.true.shape:
        return {"written": written, "exact": found.true}
    written = written / scale if scale > 0 else written
    return {
        "written": written,
        "exact": found.true,
        "witness": _witness(steps, loss, name, number, written, found),
    }


def _scale_of_step(verdicts: Verdicts, number: int) -> float:
    """The learning rate in this step, as the parameters that agree show it."""
    scales = [
        table[number].scale
        for table in verdicts.matches.values()
        if number in table and table[number].residual < 1e-6
    ]
    return float(np.median(scales)) if scales else 1.0


def _witness(
    steps: Sequence[Step], loss: Candidate, name: str, number: int, written: np.ndarray, found: Match
) -> Witness:
    index = np.unravel_index(int(np.argmax(np.abs(written - found.true))), found.true.shape)
    place = tuple(int(i) for i in index)
    step = next(step for step in steps if step.number == number)
    difference = finite_difference(loss.kind, step.losses[loss].pairs, step.updates[name].before, place)
    return Witness(place, float(written[place]), float(found.true[place]), difference)


def _blamed(
    found: tuple[Gradient, ...], steps: Sequence[Step], loss: Candidate, verdicts: Verdicts
) -> tuple[Gradient, ...]:
    """Wrong gradients without an explanation get the first place from which nothing right follows."""
    lost = [g.parameter for g in found if g.status == "wrong" and g.explanation is None]
    span = blame_unexplained(steps, loss, verdicts, lost) if lost else None
    if span is None:
        return found
    return tuple(replace(g, blame=span) if g.parameter in lost else g for g in found)
