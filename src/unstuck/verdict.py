"""The answer in a sentence or two: is it the code or the settings, what would help, and how far can it go?"""

from __future__ import annotations

from unstuck.cells import place
from unstuck.checks.factors import KNOBS, label_of
from unstuck.checks.judge import WORTH_A_WARNING, helps
from unstuck.facts import Ceiling, Estimate, Gradient, Span, Study, Trace
from unstuck.wording import counted, in_words, limit, listed, points, score


def verdict(trace: Trace, study: Study | None, ceiling: Ceiling | None) -> str:
    """What a user would tell a friend about the report, in figures that were measured."""
    if trace.status == "wrong":
        return _wrong(trace, study, ceiling)
    return f"{_state_of_backward_pass(trace)} {_settings(study, ceiling)}".strip()


def blamed(trace: Trace) -> tuple[Span, ...]:
    """The places to blame for wrong gradients, each line once, in the order of the file."""
    places = {(span.path, span.line): span for span in map(_place, trace.gradients) if span is not None}
    return tuple(places[key] for key in sorted(places))


def _place(gradient: Gradient) -> Span | None:
    if gradient.status != "wrong":
        return None
    return gradient.explanation.span if gradient.explanation else gradient.blame or gradient.span


def _wrong(trace: Trace, study: Study | None, ceiling: Ceiling | None) -> str:
    fault = _fault(trace)
    if study is None or study.as_written is None or study.repaired is None:
        where = ", ".join(place(trace.source(span.path), span) for span in blamed(trace))
        return f"{fault[0].upper()}{fault[1:]}: {where}."
    first = f"Stuck at {score(study.as_written)}: {fault}."
    return f"{first} {_after_repair(study.as_written, study.repaired)}{_further(study)}{_allow(ceiling)}."


def _fault(trace: Trace) -> str:
    wrong = [gradient for gradient in trace.gradients if gradient.status == "wrong"]
    lines = len(blamed(trace))
    if wrong and all(gradient.explanation for gradient in wrong):
        return f"{in_words(lines)} line{'' if lines == 1 else 's'} of the backward pass {_is(lines)} wrong"
    names = listed([gradient.parameter for gradient in wrong])
    return f"the written gradient of {names} is wrong" if names else "the backward pass is wrong"


def _after_repair(before: Estimate, after: Estimate) -> str:
    if after.low > before.high:
        return f"Repaired, the network reaches {score(after)}"
    if after.high < before.low:
        return f"Repaired alone it scores less, {score(after)}, because other choices lean on the fault"
    return f"Repairing it alone changes little ({score(after)})"


def _further(study: Study) -> str:
    changes = _changes(study)
    if study.best is None or study.repaired is None or not changes or study.best.low <= study.repaired.high:
        return ""
    return f"; with {changes} as well, {score(study.best)}"


def _changes(study: Study) -> str:
    """The settings that the best recipe changes, in words."""
    labels = [label_of(name) for name in study.best_on if name != "derivative"]
    return " and ".join([", ".join(labels[:-1]), labels[-1]]) if len(labels) > 1 else "".join(labels)


def _state_of_backward_pass(trace: Trace) -> str:
    steps = _judged_in(trace)
    because = f": {trace.reason.rstrip('.')}." if trace.reason else "."
    if trace.status == "exact":
        good = _good_reasons(trace)
        if good:
            how = "every gradient equals automatic differentiation, or differs for a good reason"
            return f"The backward pass is right ({steps}): {how}. {good}."
        return f"The backward pass is right: every gradient equals automatic differentiation ({steps})."
    if trace.status == "scaled":
        return f"The backward pass is right up to constant factors ({steps})."
    if trace.status == "cannot-tell":
        return f"Cannot tell whether the backward pass is right{because}"
    reason = trace.reason.rstrip(".") or "there is no hand-written backward pass to check"
    return f"{reason[0].upper()}{reason[1:]}."


def _judged_in(trace: Trace) -> str:
    """In how many steps gradients were judged, and of how many, where most of them show none of their own."""
    told = max((gradient.steps for gradient in trace.gradients), default=trace.steps)
    if 2 * told >= trace.steps:
        return counted(told, "step")
    return f"{told} of {counted(trace.steps, 'step')}; in the others there was nothing to compare"


def _good_reasons(trace: Trace) -> str:
    """Why gradients are right that do not equal the derivative: truncation, kinks, schedules."""
    right = [gradient for gradient in trace.gradients if gradient.status == "exact" and gradient.reason]
    reasons = dict.fromkeys(gradient.reason for gradient in right)
    return "; ".join(
        f"{listed([each.parameter for each in right if each.reason == reason])}: {reason.rstrip('.')}"
        for reason in reasons
    )


def _settings(study: Study | None, ceiling: Ceiling | None) -> str:
    base = (study.as_written or study.repaired) if study else None
    if study is None or base is None:
        return f"The data allow about {limit(ceiling)}." if ceiling else ""
    changes = _changes(study)
    if study.best is not None and changes and study.best.low > base.high:
        return f"With {changes} it goes from {score(base)} to {score(study.best)}{_allow(ceiling)}."
    sizes = [effect for effect in study.effects if effect.factor in {knob.name for knob in KNOBS}]
    strongest = max(filter(helps, sizes), key=lambda effect: effect.points, default=None)
    if strongest is not None and strongest.points >= WORTH_A_WARNING:
        gain = f"{label_of(strongest.factor)} adds {points(strongest)} points"
        return f"It scores {score(base)}; {gain}{_allow(ceiling)}."
    if ceiling is not None and ceiling.low <= base.mean:
        return f"It scores {score(base)}, as far as the data go (about {limit(ceiling)})."
    return f"No setting that was tried improves on {score(base)}{_allow(ceiling)}."


def _allow(ceiling: Ceiling | None) -> str:
    return f"; the data allow about {limit(ceiling)}" if ceiling else ""


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
