"""Accounts that need no long search: of a wrong error of the output, and of factors that are not one."""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.autodiff import effort
from unstuck.trace.explaining.account import (
    SAME_SCALE,
    Account,
    count_explained,
    in_order,
    judged_under,
    most_telling,
    wrong_names,
)
from unstuck.trace.explaining.catalogue import scale_of_masks
from unstuck.trace.explaining.forcing import forced
from unstuck.trace.explaining.hypotheses import Hypothesis, Search
from unstuck.trace.explaining.macros import forwards
from unstuck.trace.explaining.mending import mended
from unstuck.trace.judging.judge import Verdicts, relative_scales
from unstuck.trace.judging.trial import Trials
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step


def account_of_output(
    steps: Sequence[Step], loss: Candidate, verdicts: Verdicts, tolerance: float, operations: int
) -> Account | None:
    """The account of a wrong error of the output: all gradients follow once that error is taken as given; or None."""
    end = effort.done() + operations
    used = [step for step in steps if loss in step.losses]
    passes = tuple(forwards(used, [step.losses[loss].seeds for step in used]))
    wrong = wrong_names(verdicts, tolerance)
    search = Search(Trials(loss), {each.step.number: each for each in passes}, (), frozenset(), wrong)
    few = most_telling(used, verdicts, wrong)
    best: Account | None = None
    for hypothesis in forced(search):
        if effort.over(end):
            break
        if count_explained(hypothesis, few, search, tolerance, len(wrong) - 1) < len(wrong):
            continue
        after = judged_under(used, search, hypothesis)
        if not after.explains_all(tolerance) or not any(map(after.is_array, wrong)):
            continue
        told = mended(search, hypothesis)
        found = Account((told,), after, lambda: passes, dict.fromkeys(in_order(wrong, verdicts), told))
        if told.kind != "error-wrong":
            return found
        best = best or found
    return best


def scale_account(
    account: Account, steps: Sequence[Step], loss: Candidate, reference: str
) -> Hypothesis | None:
    """The hypothesis under which all factors become one: why a gradient is right only up to a constant."""
    used = [step for step in steps if loss in step.losses]
    by_number = {forward.step.number: forward for forward in account.passes}
    search = Search(Trials(loss), by_number, account.accepted, frozenset(), frozenset())
    for hypothesis in scale_of_masks(search):
        found = relative_scales(judged_under(used, search, hypothesis), reference)
        if all(abs(scale - 1) < SAME_SCALE for scale, spread in found.values() if spread < SAME_SCALE):
            return hypothesis
    return None
