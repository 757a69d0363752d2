"""What the gradient checks share: which gradients are wrong, grouped by the line to blame, in figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from unstuck.checks.registry import Sighting
from unstuck.wording import counted, listed

if TYPE_CHECKING:
    from unstuck.facts import Gradient, Span, Trace

SAME_DIRECTION = 1e-6  # relative error up to which two gradients have one direction


def wrong_gradients(trace: Trace, *, activation: bool) -> list[Gradient]:
    """The wrong gradients that are, or are not, explained by the derivative of an activation."""
    return [g for g in trace.gradients if g.status == "wrong" and _is_activation(g) == activation]


def sightings_of(trace: Trace, wrong: Iterable[Gradient]) -> Iterator[Sighting]:
    """One sighting per blamed place, the most certain first; a fault that spoils several parameters is still one fault.

    Gradients that nothing explains and no place accounts for are told together: they may well have one cause.
    """
    ordered = sorted(wrong, key=_cause)
    groups = [list(group) for _, group in groupby(ordered, key=_cause)]
    for gradients in sorted(groups, key=_uncertainty):
        explanation = gradients[0].explanation
        updates = tuple(dict.fromkeys(g.span for g in gradients)) if not explanation else ()
        yield Sighting(
            message=explanation.text if explanation else _unexplained(gradients),
            span=_blame(gradients[0]),
            uses=explanation.uses if explanation else (*gradients[0].blame_from, *updates[1:]),
            evidence=_evidence(trace, gradients),
            factor="derivative",
        )


def _uncertainty(gradients: list[Gradient]) -> tuple[bool, bool, int]:
    """Told faults before those that are only placed; of these, the one that spoils most comes first."""
    explanation = gradients[0].explanation
    return explanation is None, explanation is not None and explanation.kind == "error-wrong", -len(gradients)


def _is_activation(gradient: Gradient) -> bool:
    return _kind(gradient).startswith("activation-derivative")


def _kind(gradient: Gradient) -> str:
    return gradient.explanation.kind if gradient.explanation else ""


def _cause(gradient: Gradient) -> tuple[str, int, int, str]:
    """What gradients with one fault have in common."""
    if gradient.explanation is None and gradient.blame is None:
        return ("", 0, 0, "")
    span = _blame(gradient)
    return (span.path, span.line, span.column, _kind(gradient))


def _blame(gradient: Gradient) -> Span:
    return gradient.explanation.span if gradient.explanation else gradient.blame or gradient.span


def _unexplained(gradients: list[Gradient]) -> str:
    names = listed([g.parameter for g in gradients])
    subject, them = ("gradient", "it") if len(gradients) == 1 else ("gradients", "them")
    return f"wrong {subject} of {names}; no altered rule that was tried reproduces {them}"


def _evidence(trace: Trace, gradients: list[Gradient]) -> tuple[str, ...]:
    turned = [g for g in gradients if _is_turned(g)]
    numbers = [g for g in turned if g.exact.size == 1]
    sentences = [_measured(g) for g in turned if g.exact.size != 1]
    sentences += [_measured_together(numbers)] if numbers else []
    exact = [g.parameter for g in trace.gradients if g.status == "exact"]
    if exact:
        one = len(exact) == 1
        sentences.append(
            f"the gradient{'' if one else 's'} of {listed(exact)} {'is' if one else 'are'} exact"
        )
    explanation = gradients[0].explanation
    if explanation:
        sentences += [f"{value:.0%} {_words(name)}" for name, value in explanation.evidence.items()]
        if not explanation.exact:
            sentences.append("the explanation reproduces the written numbers only approximately")
    witness = next((g for g in gradients if g.witness is not None), None)
    if witness is not None:
        sentences.append(_by_hand(witness))
    return tuple(sentences)


def _is_turned(gradient: Gradient) -> bool:
    """Has the written gradient another direction, or none?  (An update can be wrong without that.)"""
    return not gradient.residual <= SAME_DIRECTION


def _measured(gradient: Gradient) -> str:
    if gradient.exact.size == 1 and gradient.cosine > 0:
        return (
            f"the factor from the true gradient of {gradient.parameter} to the written one is not one number"
        )
    if not gradient.steps:
        return f"no recorded step shows a true gradient of {gradient.parameter} to compare with"
    steps = counted(gradient.steps, "step")
    if not gradient.written.any():
        return f"{gradient.parameter} was not moved at all in {steps}"
    if not math.isfinite(gradient.cosine):
        return f"{gradient.parameter} got no gradient with a direction in {steps}"
    angle = math.degrees(math.acos(max(-1.0, min(1.0, gradient.cosine))))
    return (
        f"gradient of {gradient.parameter} points {angle:.{0 if angle >= 10 else 1}f}° away from the true one "
        f"(mean cosine {gradient.cosine:.2f} over {steps})"
    )


def _measured_together(numbers: list[Gradient]) -> str:
    """Single numbers have no direction of their own; what they are off by was seen beside those that are right."""
    names, most = listed([g.parameter for g in numbers]), max(min(g.residual, 1.0) for g in numbers)
    steps = counted(numbers[0].steps, "step")
    return f"gradient of {names} differs from the true one by up to {most:.0%} of its size in {steps}"


def _by_hand(gradient: Gradient) -> str:
    """The element that a person can check: written, derived, and by finite differences."""
    witness = gradient.witness
    assert witness is not None
    index = f"[{', '.join(str(i) for i in witness.index)}]" if witness.index else ""
    third = "" if witness.difference is None else f", by finite differences {witness.difference:.4g}"
    return (
        f"{gradient.parameter}{index}: written {witness.written:.4g}, "
        f"by automatic differentiation {witness.exact:.4g}{third}"
    )


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
