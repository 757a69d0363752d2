"""Explain wrong gradients: find the altered rule of calculus that reproduces the user's numbers.

The reverse pass is run again under each hypothesis.  One that makes further parameters agree in every step,
and spoils none, is accepted; the search then goes on for what is left, so that several faults in one program
are all named.  A hypothesis that makes every parameter agree is the explanation; no name in the source is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from unstuck.facts import Explanation, Span
from unstuck.trace.explaining.catalogue import on_the_way_back, scale_of_masks
from unstuck.trace.explaining.formation import of_one_gradient
from unstuck.trace.explaining.hypotheses import Hypothesis, Search, merged
from unstuck.trace.explaining.localise import blamed_span, computed_from, derivative_places, matching_value
from unstuck.trace.explaining.macros import Activated, Forward, forwards
from unstuck.trace.explaining.sums import signs
from unstuck.trace.judging.judge import Verdicts, judge, relative_scales
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

KINDS = (
    "activation-derivative-one",
    "activation-derivative-of-output",
    "activation-derivative-at-pre-activation",
    "activation-derivative-squared",
    "activation-derivative-of-dropped",
    "activation-derivative-value",
    "activation-derivative-of-another",
    "activation-derivative-wrong",
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
    "update-outside-loop",
)
FEW = 6  # steps on which a hypothesis is tried before it is tried on all
SAME_SCALE = 1e-4  # relative spread within which factors count as one
STEADY = 1e-3  # relative spread beyond which the factor of a gradient changes from step to step
ENOUGH_NUMBERS = 5  # steps after which the steady factor of a single number is no accident
MOST_FAULTS = 4


@dataclass(frozen=True)
class Account:
    """What the search found: accepted hypotheses in order, and the verdicts under all of them together."""

    accepted: tuple[Hypothesis, ...]
    verdicts: Verdicts
    passes: tuple[Forward, ...]
    explained: Mapping[str, Hypothesis]  # by parameter


def account_for(
    steps: Sequence[Step], loss: Candidate, verdicts: Verdicts, tolerance: float, seconds: float = 6.0
) -> Account:
    """Search for the faults behind the parameters that `verdicts` leave unexplained."""
    deadline = time.perf_counter() + seconds
    used = [step for step in steps if loss in step.losses]
    passes = tuple(forwards(used, [step.losses[loss].seeds for step in used]))
    by_number = {forward.step.number: forward for forward in passes}
    accepted: list[Hypothesis] = []
    explained: dict[str, Hypothesis] = {}
    current = verdicts
    for _ in range(MOST_FAULTS):
        wrong = _wrong(current, tolerance)
        if not wrong or time.perf_counter() > deadline:
            break
        right = frozenset(name for name in current.matches if current.explains(name, tolerance))
        climbing = frozenset(name for name in wrong if current.climbs(name, tolerance))
        search = Search(loss, by_number, tuple(accepted), right, wrong, climbing)
        found = _best(used, search, current, tolerance, deadline)
        if found is None:
            break
        hypothesis, after = found
        accepted.append(hypothesis)
        explained |= {name: hypothesis for name in wrong if after.explains(name, tolerance)}
        current = after
    return Account(tuple(accepted), current, passes, explained)


def _wrong(verdicts: Verdicts, tolerance: float) -> frozenset[str]:
    return frozenset(
        name for name in verdicts.matches if verdicts.telling(name) and not verdicts.explains(name, tolerance)
    )


def _best(
    steps: Sequence[Step], search: Search, current: Verdicts, tolerance: float, deadline: float
) -> tuple[Hypothesis, Verdicts] | None:
    """The hypothesis that, with those accepted before, explains most further parameters in every step."""
    few = _most_telling(steps, current, search.wrong)
    best: tuple[int, Hypothesis, Verdicts] | None = None
    for hypothesis in _candidates(search):
        if time.perf_counter() > deadline:
            break
        least = best[0] if best else 0
        if _explained(hypothesis, few, search, tolerance, least) <= least:
            continue
        after = _judged(steps, search, hypothesis)
        gained = _gained(after, search, tolerance)
        if gained > least:
            best = gained, hypothesis, after
            if gained == len(search.wrong):
                break
    return best[1:] if best else None


def _candidates(search: Search) -> Iterator[Hypothesis]:
    return chain(signs(search), on_the_way_back(search), of_one_gradient(search))


def _explained(
    hypothesis: Hypothesis, few: Sequence[Step], search: Search, tolerance: float, least: int
) -> int:
    """How many wrong parameters agree in each of a few steps; the trial ends as soon as it cannot win."""
    hopes = 0
    fitting = set(search.wrong)
    for step in few:
        if not hypothesis.overrides(step.number):
            continue  # it says nothing about this step
        after = _judged([step], search, hypothesis)
        if any(after.telling(name) and not after.explains(name, tolerance) for name in search.right):
            return 0
        fitting = {name for name in fitting if not after.telling(name) or after.explains(name, tolerance)}
        hopes = len(fitting)
        if hopes <= least:
            break
    return hopes


def _judged(steps: Sequence[Step], search: Search, hypothesis: Hypothesis) -> Verdicts:
    """The verdicts under a hypothesis together with those accepted before."""
    together = (*search.accepted, hypothesis)
    return judge(steps, search.loss, {step.number: merged(together, step.number) for step in steps})


def _gained(after: Verdicts, search: Search, tolerance: float) -> int:
    """How many wrong parameters now agree; 0 when a right one no longer does.

    A single number agrees with everything of its sign: it counts only if its factor is that of the arrays.
    """
    if any(after.telling(name) and not after.explains(name, tolerance) for name in search.right):
        return 0
    fitting = [name for name in search.wrong if after.explains(name, tolerance)]
    reference = next(
        (name for name in after.matches if after.is_array(name) and after.explains(name, tolerance)), None
    )
    scales = relative_scales(after, reference) if reference is not None else {}
    return sum(after.is_array(name) or _is_steady(after, scales, name) for name in fitting)


def _is_steady(after: Verdicts, scales: Mapping[str, tuple[float, float]], name: str) -> bool:
    return name in scales and scales[name][1] < STEADY and len(after.telling(name)) >= ENOUGH_NUMBERS


def _most_telling(steps: Sequence[Step], verdicts: Verdicts, wrong: frozenset[str]) -> list[Step]:
    """The steps with the largest mismatch."""

    def mismatch(step: Step) -> float:
        tables = [verdicts.telling(name) for name in wrong]
        return sum(min(table[step.number].residual, 2.0) for table in tables if step.number in table)

    return sorted(steps, key=mismatch, reverse=True)[:FEW]


def scale_account(
    account: Account, steps: Sequence[Step], loss: Candidate, reference: str
) -> Hypothesis | None:
    """The hypothesis under which all factors become one: why a gradient is right only up to a constant."""
    used = [step for step in steps if loss in step.losses]
    by_number = {forward.step.number: forward for forward in account.passes}
    search = Search(loss, by_number, account.accepted, frozenset(), frozenset())
    for hypothesis in scale_of_masks(search):
        found = relative_scales(_judged(used, search, hypothesis), reference)
        if all(abs(scale - 1) < SAME_SCALE for scale, spread in found.values() if spread < SAME_SCALE):
            return hypothesis
    return None


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
    loss, passes = account.verdicts.loss, account.passes
    text, evidence = hypothesis.text, {}
    span: Span | None = None
    uses: tuple[Span, ...] = ()
    if hypothesis.activated:
        number = max(hypothesis.activated)
        step = next(step for step in steps if step.number == number)
        piece = hypothesis.activated[number][0]
        span, uses = derivative_places(step, piece)
        forward = next(each for each in passes if each.step is step)
        if span is not None and uses and _serves_others(span, forward, hypothesis.activated[number]):
            span, uses = uses[0], (span, *uses[1:])
        if hypothesis.kind == "activation-derivative-one":
            text += _why_one(step, piece, span)
            evidence = _share_off(hypothesis)
    if span is None:
        span = _place_of_omission(hypothesis, steps, loss)
    if span is None:
        at = account.accepted.index(hypothesis) if hypothesis in account.accepted else None
        known = {
            step.number: merged(account.accepted[:at], step.number) for step in steps if loss in step.losses
        }
        span = blamed_span(steps, loss, known, wrong, sign=hypothesis.kind == "sign")
    return Explanation(hypothesis.kind, text, span, uses, evidence) if span is not None else None


def _serves_others(span: Span, forward: Forward, mine: Sequence[Activated]) -> bool:
    """Does the same expression give the derivative of another activation, one that is right?"""
    others = [piece for piece in forward.activated if piece not in mine]
    return any(node.span == span for other in others for node in computed_from(forward.step, other))


def _why_one(step: Step, piece: Activated, span: Span | None) -> str:
    """Is there a factor that should be the derivative (always true), or none at all?"""
    if span is None:
        return ": nothing multiplies the error by it"
    factor = next((node for node in step.nodes if node.span == span and node.id > piece.h.id), None)
    if factor is None or piece.activation.name != "relu":
        return ""
    tested = [parent for parent in factor.parents() if np.shape(parent.value) == np.shape(piece.h.value)]
    if tested and all(np.min(parent.value) >= 0 for parent in tested):
        return ", because its argument is already rectified"
    return ""


def _share_off(hypothesis: Hypothesis) -> dict[str, float]:
    """The share of units, over all steps, whose derivative is zero and that should have passed nothing."""
    off = [
        np.asarray(piece.activation.derivative(np.asarray(piece.z.value, float))) == 0
        for pieces in hypothesis.activated.values()
        for piece in pieces
    ]
    share = float(np.mean(np.concatenate([item.ravel() for item in off]))) if off else 0.0
    return {"of the units should have passed nothing": share} if share > 0 else {}


def _place_of_omission(hypothesis: Hypothesis, steps: Sequence[Step], loss: Candidate) -> Span | None:
    """Nothing stands where the factor should be: the value that arrives there unaltered."""
    if hypothesis.kind not in ("activation-derivative-one", "dropout-mask-missing"):
        return None
    number = max(hypothesis.activated or hypothesis.dropped)
    step = next(step for step in steps if step.number == number)
    arriving = hypothesis.activated[number][0].h if hypothesis.activated else hypothesis.dropped[number][0].d
    found = matching_value(step, loss, hypothesis.overrides(number), arriving)
    return found.span if found is not None else None


def blame_unexplained(
    steps: Sequence[Step], account: Account, verdicts: Verdicts, wrong: Sequence[str]
) -> Span | None:
    """The first place that nothing right follows from, for gradients that no hypothesis reproduces."""
    telling = _most_telling(steps, verdicts, frozenset(wrong))
    known = {step.number: merged(account.accepted, step.number) for step in telling}
    return blamed_span(telling, verdicts.loss, known, wrong)
