"""From verdicts to nouns: the status of every parameter, in figures, with its explanation and a witness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.facts import Explanation, Gradient, Span
from unstuck.trace.evidence import Evidence
from unstuck.trace.explaining.account import SAME_SCALE, Account
from unstuck.trace.explaining.alteration import OVERWRITTEN
from unstuck.trace.explaining.explain import blame_unexplained, explanation
from unstuck.trace.explaining.other_accounts import scale_account
from unstuck.trace.explaining.remade import remade
from unstuck.trace.explaining.reworked import Reworked
from unstuck.trace.explaining.standing import standing
from unstuck.trace.explaining.unread import unread
from unstuck.trace.explaining.untouched import untouched
from unstuck.trace.explaining.velocities import without_target
from unstuck.trace.judging.aliased import aliased, climbs_as_it_is, moved_by_itself
from unstuck.trace.judging.ascent import upwards
from unstuck.trace.judging.best import first_use
from unstuck.trace.judging.borrowed import borrowed
from unstuck.trace.judging.broadcast import silent_broadcast
from unstuck.trace.judging.decay import inflating
from unstuck.trace.judging.example import example
from unstuck.trace.judging.inverted import inverted
from unstuck.trace.judging.judge import Verdicts, relative_scales
from unstuck.trace.judging.lost import comes_to_nothing, lets_gradient_go, nothing_moves
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.judging.outside import outside_of_loop
from unstuck.trace.judging.penalty_rates import unlike_penalty
from unstuck.trace.judging.phases import turns_upwards
from unstuck.trace.judging.returned import absolute_scales
from unstuck.trace.judging.source_loops import index_made_at
from unstuck.trace.judging.started import started
from unstuck.trace.judging.unused import unused
from unstuck.trace.judging.updates import overflowed, update_faults
from unstuck.trace.numbers import among_numbers
from unstuck.trace.optimising.faults import UNKNOWN, unexplained
from unstuck.trace.optimising.turned import turned
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step
from unstuck.trace.singles import ALONE, beside_arrays
from unstuck.trace.statuses import LEAST_STEPS, statuses
from unstuck.trace.thin import reconsidered

MOST_REFERENCES = 64  # parameters with whose factor those of all others are compared
OF_A_GRADIENT = {
    "sign",
    "parameter-never-updated",
}  # faults of an update that must be seen to take a gradient


def gradients(
    steps: Sequence[Step],
    loss: Candidate,
    verdicts: Verdicts,
    account: Account,
    spans: Mapping[str, Span],
    tolerance: float,
) -> tuple[Gradient, ...]:
    """One Gradient per parameter, in the order of the parameters."""
    reference = _reference(steps, verdicts, tolerance) or _reference(steps, account.verdicts, tolerance)
    scales = _scales(account.verdicts, reference)
    explanations = _explanations(steps, account)
    scale_reason = _scale_explanation(steps, loss, account, scales)
    evidence = Evidence(steps, verdicts, account, scales, tolerance)
    said = statuses(tuple(spans), evidence)
    result = []
    for name, span in spans.items():
        status, reason = said[name]
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
    told = beside_arrays if any(map(verdicts.is_array, spans)) else among_numbers
    weighed = reconsidered(_with_update_faults(told(result, evidence), evidence), steps, loss)
    judged = _blamed(tuple(_by_the_way(weighed, verdicts)), steps, account, verdicts)
    return (*judged, *(found for found in _beside(steps, loss, tolerance) if found.parameter not in spans))


def _by_the_way(found: Iterable[Gradient], verdicts: Verdicts) -> Iterator[Gradient]:
    """The gradients; where those of others were only met on the way to the updates, they prove nothing of the rest."""
    for gradient in found:
        alone = gradient.status == "wrong" and gradient.explanation is None
        if verdicts.passing and alone and gradient.parameter not in verdicts.passing:
            yield replace(gradient, status="cannot-tell", reason=UNKNOWN)
        else:
            yield gradient


def _beside(steps: Sequence[Step], loss: Candidate, tolerance: float) -> Iterator[Gradient]:
    """What is no judged parameter and should be one; each is told once, by the first that knows most.

    In the first step of a training everything is new; what is older than a step shows in the later ones.
    """
    later = [step for step in steps if step.number] or steps
    told = [*untouched(later, loss), *unused(later, loss, tolerance), *unread(later, loss, tolerance)]
    told += [*standing(later, loss), *without_target(later, loss)]
    yield from {gradient.parameter: gradient for gradient in reversed(told)}.values()


def _scales(verdicts: Verdicts, reference: str | None) -> dict[str, tuple[float, float]]:
    """Factor of each parameter relative to the reference's; of returned gradients, which have no rate, as it is."""
    if verdicts.loss.kind == "returned":
        return absolute_scales(verdicts)
    return relative_scales(verdicts, reference) if reference else {}


def _with_update_faults(found: Sequence[Gradient], evidence: Evidence) -> tuple[Gradient, ...]:
    """Faults of the update itself, where the gradient shows none; and where numbers ended, why.

    What the tape proves of an update is believed before an operation with another one in its place.
    """
    steps, loss = evidence.steps, evidence.verdicts.loss
    faults, spread = update_faults(steps), silent_broadcast(steps)
    right = [each.parameter for each in found if _may_be_right(each)]
    unlike = dict(unexplained(right, steps, evidence.verdicts, evidence.tolerance))
    upwards_later = turns_upwards(steps, loss, evidence.tolerance) if evidence.verdicts.passing else None
    result = []
    for gradient in found:
        fault: Explanation | str | None = spread or faults.get(gradient.parameter)
        if fault is None and gradient.status == "wrong":
            fault = borrowed(gradient.parameter, steps)
        if fault is None and gradient.status in ("wrong", "cannot-tell"):
            fault = _collected(gradient.parameter, evidence)
        if fault is None and gradient.status in ("exact", "scaled") and np.any(gradient.written):
            fault = _in_the_loop(outside_of_loop(gradient.parameter, steps, loss), steps)
            fault = fault or inflating(gradient.parameter, steps, evidence.verdicts, evidence.tolerance)
            fault = fault or unlike_penalty(gradient.parameter, steps, evidence.verdicts, evidence.tolerance)
        if fault is None and _may_be_right(gradient):
            fault = unlike.get(gradient.parameter)
            if gradient.parameter in evidence.verdicts.passing:
                fault = comes_to_nothing(gradient.parameter, steps) or upwards_later or fault or UNKNOWN
        told = evidence.account.explained.get(gradient.parameter)
        loose = isinstance(told, Reworked) and told.kind != OVERWRITTEN
        if gradient.status in ("wrong", "cannot-tell") and (gradient.explanation is None or loose):
            proven = _proven(gradient, evidence)
            fault = None if proven is not gradient and fault is unlike.get(gradient.parameter) else fault
            gradient = proven
        if isinstance(fault, str):
            gradient = replace(gradient, status="cannot-tell", reason=fault, residual=np.inf)
        elif isinstance(fault, Explanation) and (
            fault is unlike.get(gradient.parameter)
            or gradient.parameter in evidence.verdicts.passing
            or _stands(fault, gradient, steps)
            or (loose and gradient.status == "wrong")
        ):
            gradient = replace(gradient, status="wrong", explanation=fault, reason="")
        elif gradient.status == "cannot-tell" and not gradient.steps:
            reason = overflowed(gradient.parameter, steps)
            gradient = replace(gradient, reason=reason, residual=np.inf) if reason else gradient
        result.append(gradient)
    return tuple(_of_one_array(result, steps))


def _collected(name: str, evidence: Evidence) -> Explanation | None:
    """The explanation of gradients that are collected in the array of a parameter itself."""
    scales = {number: match.scale for number, match in evidence.verdicts.telling(name).items()}
    return aliased(name, evidence.steps) or climbs_as_it_is(name, evidence.steps, scales)


def _of_one_array(found: Sequence[Gradient], steps: Sequence[Step]) -> Iterator[Gradient]:
    """The gradients; where an array of the network changes during the backward pass, all that is wrong comes of it."""
    told = moved_by_itself(steps) if any(gradient.status == "wrong" for gradient in found) else None
    shown = [each.explanation for each in found if each.explanation and each.explanation.kind == "aliasing"]
    alone = len({each.text for each in shown}) == 1
    fault = shown[0] if alone else told[1] if told is not None else None
    for gradient in found:
        wrong = fault is not None and gradient.status == "wrong"
        yield replace(gradient, explanation=fault) if wrong else gradient


def _may_be_right(gradient: Gradient) -> bool:
    """Is the gradient right, or a single number of which nothing worse is known?"""
    return gradient.status in ("exact", "scaled") or gradient.reason == ALONE


def _in_the_loop(fault: Explanation | None, steps: Sequence[Step]) -> Explanation | None:
    """The same fault; where the loop throws its sums away itself, the statement that does so is to blame."""
    place = remade(steps[0]) if fault is not None else None
    if fault is None or place is None or fault.span is None:
        return fault
    text = "this is made anew in every round of its loop: what the earlier rounds have added to it is lost"
    return replace(fault, kind="gradient-overwritten", text=text, span=place, uses=(fault.span,))


def _proven(gradient: Gradient, evidence: Evidence) -> Gradient:
    """The same gradient; wrong, with the reason, if its numbers prove what the update has made of it."""
    name, steps, verdicts = gradient.parameter, evidence.steps, evidence.verdicts
    fault = inverted(name, steps, verdicts, evidence.tolerance)
    fault = fault or started(name, steps, verdicts, evidence.tolerance)
    fault = fault or turned(name, steps, verdicts, evidence.tolerance)
    if fault is None and gradient.status == "wrong" and verdicts.loss.kind == "maximised":
        fault = upwards(name, steps, verdicts.loss)
    return gradient if fault is None else replace(gradient, status="wrong", explanation=fault, reason="")


def _stands(fault: Explanation, gradient: Gradient, steps: Sequence[Step]) -> bool:
    """What is done to a gradient can be judged where it is one: not of a Kalman filter, say.

    A shape that grows, and numbers that are none, need no such proof.
    """
    if gradient.status == "wrong":
        loose = (None, "error-wrong", "sign") if fault.kind == "aliasing" else (None, "error-wrong")
        return (gradient.explanation.kind if gradient.explanation else None) in loose
    alone = fault.kind in ("bias-broadcast", "integer-truncation", "silent-broadcast")
    alone = alone or (gradient.steps < LEAST_STEPS and fault.kind not in OF_A_GRADIENT)
    missing = fault.kind == "gradient-missing" and (
        lets_gradient_go(gradient.parameter, steps) or nothing_moves(steps)
    )
    if gradient.status == "not-applicable":
        return missing
    return gradient.status in ("exact", "scaled") or alone or missing


def _reference(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> str | None:
    """The explained weights with whose factor most others keep step; of several a matrix, nearest the output."""
    sizes = {name: np.size(update.before.value) for step in steps for name, update in step.updates.items()}
    explained = [name for name in verdicts.matches if verdicts.explains(name, tolerance)]
    largest = [name for name in explained if verdicts.is_array(name)] or explained
    largest = largest[:: -(-len(largest) // MOST_REFERENCES) or 1]  # of very many single numbers some will do
    in_step = {
        name: sum(
            sizes[other] for other, (_, spread) in relative_scales(verdicts, name).items() if spread <= STEADY
        )
        for name in largest
    }
    matrices = {
        name
        for step in steps
        for name, update in step.updates.items()
        if sum(side > 1 for side in np.shape(update.before.value)) > 1
    }
    return max(
        largest,
        key=lambda name: (in_step[name], name in matrices, first_use(steps, name)),
        default=None,
    )


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
    made = tuple(index_made_at(span))
    return tuple(replace(g, blame=span, blame_from=made) if g.parameter in lost else g for g in found)
