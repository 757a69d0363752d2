"""Explain wrong gradients: find the altered rule of calculus that reproduces the user's numbers.

The reverse pass is run again under each hypothesis.  One that makes further parameters agree in every step,
and spoils none, is accepted; the search then goes on for what is left, so that several faults in one program
are all named.  A hypothesis that makes every parameter agree is the explanation; no name in the source is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Overrides, Rule
from unstuck.facts import Explanation, Span
from unstuck.trace.hypotheses import Hypothesis, hypotheses
from unstuck.trace.judge import Verdicts, judge
from unstuck.trace.localise import derivative_places, first_wrong, matching_values
from unstuck.trace.losses import Candidate
from unstuck.trace.macros import Activated, Dropped, Forward, forwards
from unstuck.trace.written import Step

KINDS = (
    "activation-derivative-one",
    "activation-derivative-of-output",
    "activation-derivative-at-pre-activation",
    "activation-derivative-squared",
    "activation-derivative-of-dropped",
    "activation-derivative-negative",
    "activation-derivative-value",
    "activation-derivative-of-another",
    "dropout-mask-missing",
    "dropout-mask-unscaled",
    "transpose-missing",
    "weights-already-updated",
    "error-through-wrong-weights",
    "wrong-layer-input",
    "sign",
)
FEW = 6  # steps on which a hypothesis is tried before it is tried on all
SAME_SCALE = 1e-4  # relative spread within which factors count as one
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
    accepted: list[Hypothesis] = []
    explained: dict[str, Hypothesis] = {}
    current = verdicts
    for _ in range(MOST_FAULTS):
        wrong = {
            name
            for name in current.matches
            if current.telling(name) and not current.explains(name, tolerance)
        }
        if not wrong:
            break
        found = _best(used, loss, passes, current, accepted, wrong, tolerance, deadline)
        if found is None:
            break
        hypothesis, after = found
        accepted.append(hypothesis)
        explained |= {name: hypothesis for name in wrong if after.explains(name, tolerance)}
        current = after
    return Account(tuple(accepted), current, passes, explained)


def _best(
    steps: Sequence[Step],
    loss: Candidate,
    passes: Sequence[Forward],
    current: Verdicts,
    accepted: Sequence[Hypothesis],
    wrong: set[str],
    tolerance: float,
    deadline: float,
) -> tuple[Hypothesis, Verdicts] | None:
    """The hypothesis that, with those accepted before, explains most further parameters in every step."""
    few = _most_telling(steps, current, wrong)
    right = {name for name in current.matches if current.explains(name, tolerance)}
    best: tuple[int, Hypothesis, Verdicts] | None = None
    for hypothesis in hypotheses(passes, wrong):
        if time.perf_counter() > deadline:
            break
        overrides = merged([*accepted, hypothesis])
        gained = _gained(judge(few, loss, overrides), right, wrong, tolerance)
        if gained <= (best[0] if best else 0):
            continue
        after = judge(steps, loss, overrides)
        gained = _gained(after, right, wrong, tolerance)
        if gained > (best[0] if best else 0):
            best = gained, hypothesis, after
            if gained == len(wrong):
                break
    return best[1:] if best else None


def _gained(after: Verdicts, right: set[str], wrong: set[str], tolerance: float) -> int:
    """How many wrong parameters now agree; 0 when a right one no longer does."""
    if any(after.telling(name) and not after.explains(name, tolerance) for name in right):
        return 0
    return sum(after.explains(name, tolerance) for name in wrong)


def _most_telling(steps: Sequence[Step], verdicts: Verdicts, wrong: set[str]) -> list[Step]:
    """The steps with the largest mismatch."""

    def mismatch(step: Step) -> float:
        tables = [verdicts.telling(name) for name in wrong]
        return sum(min(table[step.number].residual, 2.0) for table in tables if step.number in table)

    return sorted(steps, key=mismatch, reverse=True)[:FEW]


def merged(accepted: Iterable[Hypothesis]) -> dict[int, Overrides]:
    """The overrides of several hypotheses together, by step number; at one node the later one counts."""
    together: dict[int, dict[Node, Rule | Sequence[Rule]]] = {}
    for hypothesis in accepted:
        for number, overrides in hypothesis.overrides.items():
            together.setdefault(number, {}).update(overrides)
    return dict(together)


def scale_account(
    account: Account, steps: Sequence[Step], loss: Candidate, reference: str
) -> Hypothesis | None:
    """The hypothesis under which all factors become one: why a gradient is right only up to a constant."""
    used = [step for step in steps if loss in step.losses]
    for hypothesis in hypotheses(account.passes, set()):
        if hypothesis.kind != "dropout-mask-unscaled":
            continue
        after = judge(used, loss, merged([*account.accepted, hypothesis]))
        found = relative_scales(after, reference)
        if all(abs(scale - 1) < SAME_SCALE for scale, spread in found.values() if spread < SAME_SCALE):
            return hypothesis
    return None


def relative_scales(verdicts: Verdicts, reference: str) -> dict[str, tuple[float, float]]:
    """Factor of each parameter relative to the reference's in the same step: (median, relative spread)."""
    base = verdicts.telling(reference)
    result = {}
    for name in verdicts.matches:
        table = verdicts.telling(name)
        ratios = [table[n].scale / base[n].scale for n in table if n in base and base[n].scale > 0]
        if ratios:
            middle = float(np.median(ratios))
            result[name] = middle, float(np.ptp(ratios) / abs(middle)) if middle else np.inf
    return result


# ----- In words and places ------------------------------------------------------------------------------


def explanation(
    hypothesis: Hypothesis, steps: Sequence[Step], loss: Candidate, wrong: Sequence[str]
) -> Explanation | None:
    """The accepted hypothesis as a noun: text, the expression to blame, where it is used, measured shares."""
    numbers = sorted(hypothesis.pieces)
    by_number = {step.number: step for step in steps}
    step = by_number[numbers[-1]]
    pieces = hypothesis.pieces[numbers[-1]]
    text, evidence = hypothesis.text, {}
    span: Span | None = None
    uses: tuple[Span, ...] = ()
    if isinstance(pieces[0], Activated):
        span, uses = derivative_places(step, pieces[0])
        if hypothesis.kind == "activation-derivative-one":
            text += _why_one(step, pieces[0], span)
            evidence = _share_off(hypothesis)
    if span is None:
        span = _place_of_omission(hypothesis, step, loss) or _first_wrong_span(steps, loss, wrong)
    return Explanation(hypothesis.kind, text, span, uses, evidence) if span is not None else None


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
        for pieces in hypothesis.pieces.values()
        for piece in pieces
        if isinstance(piece, Activated)
    ]
    share = float(np.mean(np.concatenate([item.ravel() for item in off]))) if off else 0.0
    return {"of the units should have passed nothing": share} if share > 0 else {}


def _place_of_omission(hypothesis: Hypothesis, step: Step, loss: Candidate) -> Span | None:
    """Nothing stands where the factor should be: the value that arrives there unaltered."""
    piece = hypothesis.pieces[step.number][0]
    if isinstance(piece, Activated | Dropped):
        arriving = piece.h if isinstance(piece, Activated) else piece.d
        found = matching_values(step, step.losses[loss].seeds, hypothesis.overrides[step.number], arriving)
        return found.span if found is not None else None
    return None


def _first_wrong_span(steps: Sequence[Step], loss: Candidate, wrong: Sequence[str]) -> Span | None:
    for step in steps:
        if loss in step.losses:
            node = first_wrong(
                step, step.losses[loss].seeds, [name for name in wrong if name in step.updates]
            )
            if node is not None:
                return node.span
    return None


def blame_unexplained(
    steps: Sequence[Step], loss: Candidate, verdicts: Verdicts, wrong: Sequence[str]
) -> Span | None:
    """The first place that nothing right follows from, for gradients that no hypothesis reproduces."""
    return _first_wrong_span(_most_telling(steps, verdicts, set(wrong)), loss, wrong)
