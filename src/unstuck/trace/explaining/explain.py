"""Say in words and places what the search accepted: the altered rule, the expression to blame, measured shares.

A hypothesis that makes every parameter agree is the explanation; no name in the source is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unstuck.facts import Explanation, Span
from unstuck.trace.explaining.account import Account, most_telling
from unstuck.trace.explaining.derivative_places import derivative_places
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.hypotheses import Hypothesis, merged
from unstuck.trace.explaining.localise import blamed_span, first_like
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated
from unstuck.trace.explaining.places import formed_at, gone_by, joined_at, made_of, stored_at, updated_at
from unstuck.trace.explaining.remade import remade, worked_out_again
from unstuck.trace.explaining.wrong_slopes import altered_piece, not_copied, serves_others, share_off, why_one
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.source_loops import loop_over_literals
from unstuck.trace.judging.statements import statement_of
from unstuck.trace.reading.losses import Candidate, before_activation, falls
from unstuck.trace.reading.written import Step

KINDS = (
    "activation-derivative-one",
    "activation-derivative-of-output",
    "activation-derivative-at-pre-activation",
    "activation-derivative-squared",
    "activation-derivative-reversed",
    "activation-derivative-of-dropped",
    "activation-derivative-value",
    "activation-derivative-of-another",
    "activation-derivative-wrong",
    "activation-derivative-extra",
    "dropout-mask-missing",
    "dropout-mask-unscaled",
    "dropout-mask-redrawn",
    "softmax-diagonal",
    "softmax-derivative-one",
    "transpose-missing",
    "weights-already-updated",
    "error-through-wrong-weights",
    "wrong-layer-input",
    "wrong-layer-error",
    "bias-axis",
    "bias-not-summed",
    "bias-of-other-layer",
    "duplicate-indices",
    "gradient-overwritten",
    "sign",
    "bias-broadcast",
    "gradient-not-cleared",
    "optimiser",
    "parameter-never-updated",
    "parameter-replaced",
    "parameter-not-kept",
    "update-outside-loop",
    "gradient-of-another",
    "aliasing",
    "bias-never-used",
    "integer-truncation",
    "silent-broadcast",
    "operator",
    "factor-missing",
    "factor-extra",
    "term-missing",
    "term-extra",
    "statement-extra",
    "wrong-operand",
    "wrong-number",
    "gradient-missing",
    "error-wrong",
)

FORMED = {"gradient-overwritten"}  # kinds that concern the statement which makes the gradient of a parameter
OF_ANOTHER = {  # what a loop over the parameters and their gradients may mix up
    "bias-of-other-layer",
    "gradient-of-another",
    "wrong-layer-error",
    "wrong-layer-input",
    "wrong-operand",
}
LOSING = {
    "gradient-overwritten",
    "error-wrong",
    "update-outside-loop",
}  # kinds of what a loop makes and loses

# ----- In words and places ------------------------------------------------------------------------------


def explanation(
    hypothesis: Hypothesis,
    account: Account,
    steps: Sequence[Step],
    wrong: Sequence[str],
) -> Explanation | None:
    """The accepted hypothesis as a noun: text, the expression to blame, where it is used, measured shares.

    account  the search that accepted it; faults accepted before it are not blamed again
    wrong    the parameters that it explains
    """
    if hypothesis.parts:
        return _of_both(hypothesis, account, steps, wrong)
    loss, passes = account.verdicts.loss, account.passes
    text, evidence = hypothesis.text, {}
    span = hypothesis.place
    uses = hypothesis.also
    if hypothesis.activated:
        forward, piece = altered_piece(passes, hypothesis.activated)
        if span is None:
            span, uses = derivative_places(forward, piece)
            if (
                span is not None
                and uses
                and serves_others(span, forward, hypothesis.activated[forward.step.number])
            ):
                span, uses = uses[0], (span, *uses[1:])
        else:
            span, uses = _where_derived(span, uses, forward, piece)
        if hypothesis.kind == "activation-derivative-one":
            shared = not_copied(piece)
            uses = (shared[1], *uses) if shared is not None else uses
            text += shared[0] if shared is not None else why_one(forward.step, piece, span)
            evidence = share_off(hypothesis)
    if span is None:
        span, beside = _place_of_omission(hypothesis, steps, loss)
        uses = beside or uses
    if hypothesis.kind in LOSING:
        span = _remade(hypothesis, passes) or span
    if span is None and hypothesis.kind in FORMED:
        span = _formed(hypothesis, steps, loss, wrong)
    if span is None and len(wrong) == 1:
        span = next((place for step in steps[:1] if (place := stored_at(step, wrong[0]))), None)
    if span is None:
        at = account.accepted.index(hypothesis) if hypothesis in account.accepted else None
        known = {each.step.number: merged(account.accepted[:at], each.step.number) for each in passes}
        span = blamed_span(passes, loss, known, wrong, sign=hypothesis.kind == "sign")
    if isinstance(hypothesis, Forced) and hypothesis.kind == "error-wrong" and span is not None:
        uses = uses or _way_there(hypothesis, passes, span)
    if hypothesis.kind == "sign":
        updates = updated_at(steps, wrong)
        span = span or next(iter(updates), None)
        falling = _falling(passes, loss)
        if falling is not None:
            text += ", for the output falls where the value before its activation rises"
        uses = tuple(place for place in (span, *updates) if place not in (falling or span, None))
        span = falling or span
    if span is None:
        return None
    header = _header(span, steps, wrong) if hypothesis.kind in OF_ANOTHER else None
    places = (span, *uses) if header is None else (header, span, *uses)
    return Explanation(hypothesis.kind, text, places[0], places[1:], evidence)


def _falling(passes: Sequence[Forward], loss: Candidate) -> Span | None:
    """Where the output is made, if it falls where the value before its activation rises."""
    pairs = [pair for forward in passes[:1] for pair in forward.step.losses[loss].pairs]
    for pair in pairs if loss.kind == "canonical-link" else ():
        before = before_activation(pair.output)
        if before is not None and falls(before, pair.output):
            return statement_of(pair.output)
    return None


def _way_there(forced: Forced, passes: Sequence[Forward], place: Span) -> tuple[Span, ...]:
    """Where the error that is taken as given was made before, if those are other lines than the one that makes it."""
    for forward in passes:
        for _, written in forced.pairs(forward.step.number)[:1]:
            found = made_of(written, forward.step, forward.nodes)
            return tuple(each for each in found if each.line != place.line)
    return ()


def _where_derived(
    place: Span, uses: tuple[Span, ...], forward: Forward, piece: Activated
) -> tuple[Span, tuple[Span, ...]]:
    """The places with that of the derivative as written before them, where a function elsewhere works it out."""
    written, _ = derivative_places(forward, piece)
    if written is None or written.line == place.line or written in uses:
        return place, uses
    return written, (place, *uses)


def _header(span: Span, steps: Sequence[Step], names: Sequence[str]) -> Span | None:
    """The head of the loop that updates these parameters here, where it mixes up lists that it writes out."""
    updated = {place.line for place in updated_at(steps, names)}
    return loop_over_literals(span) if span.line in updated else None


def _remade(hypothesis: Hypothesis, passes: Sequence[Forward]) -> Span | None:
    """The statement that belongs before the loop in which it stands, if there is one."""
    step = passes[0].step
    return remade(step) or (worked_out_again(step) if hypothesis.kind in FORMED else None)


def _formed(
    hypothesis: Hypothesis, steps: Sequence[Step], loss: Candidate, names: Sequence[str]
) -> Span | None:
    """Where a gradient of these parameters is first what the altered rule says."""
    altered = {step.number: hypothesis.overrides(step.number) for step in steps}
    for name in names:
        parameters = {step.number: step.updates[name].before for step in steps if name in step.updates}
        found = first_like(steps, loss, altered, parameters)
        if found is not None and found.span is not None:
            joined = joined_at(next(step for step in steps if name in step.updates), name)
            return joined or statement_of(found)
    return next((place for step in steps for name in names if (place := formed_at(step, name))), None)


def _of_both(
    pair: Hypothesis, account: Account, steps: Sequence[Step], wrong: Sequence[str]
) -> Explanation | None:
    """The explanation of two rules together: the first one's, which also names and shows the second."""
    found = [explanation(part, account, steps, wrong) for part in pair.parts]
    told = [each for each in found if each is not None]
    if not told:
        return None
    spans = [span for each in told for span in (each.span, *each.uses) if span != told[0].span]
    text = "; and ".join(each.text for each in told)
    return replace(told[0], text=text, uses=tuple(dict.fromkeys(spans)))


def _place_of_omission(
    hypothesis: Hypothesis, steps: Sequence[Step], loss: Candidate
) -> tuple[Span | None, tuple[Span, ...]]:
    """Nothing stands where the factor should be: where the value that goes by there unaltered is met, nearest first."""
    told = hypothesis.activated or hypothesis.dropped
    if hypothesis.kind not in ("activation-derivative-one", "dropout-mask-missing") or not told:
        return None, ()
    arriving = {
        number: pieces[0].h if isinstance(pieces[0], Activated) else pieces[0].d
        for number, pieces in told.items()
    }
    altered = {number: hypothesis.overrides(number) for number in told}
    found = first_like(steps, loss, altered, arriving)
    if found is None:
        return None, ()
    step = next(step for step in steps if step.number in told and found in step.backward)
    places = gone_by(found, step, arriving[step.number])
    return (places[0], places[1:2]) if places else (None, ())


def blame_unexplained(
    steps: Sequence[Step], account: Account, verdicts: Verdicts, wrong: Sequence[str]
) -> Span | None:
    """The first place that nothing right follows from, for gradients that no hypothesis reproduces."""
    telling = most_telling(steps, verdicts, frozenset(wrong))
    known = {step.number: merged(account.accepted, step.number) for step in telling}
    formed = (place for step in telling for name in wrong if (place := formed_at(step, name)))
    by_number = {forward.step.number: forward for forward in account.passes}
    passes = [by_number[step.number] for step in telling if step.number in by_number]
    before_loop = remade(passes[0].step) if passes else None
    found = before_loop or account.blamed.get(frozenset(wrong))
    return found or blamed_span(passes, verdicts.loss, known, wrong) or next(formed, None)
