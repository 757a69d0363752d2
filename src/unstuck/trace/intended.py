"""The search for faults in one network: under the loss that explains most, and else under others that may be meant.

Where the loss that explains most explains no weights at all, another one may be meant: one of outputs and targets
under which an altered rule explains everything, one that the script itself computes, or one whose targets are added
instead of subtracted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from unstuck.autodiff import effort
from unstuck.trace.explaining.account import account_for
from unstuck.trace.explaining.astray import Told, added, targetless
from unstuck.trace.explaining.misaimed import misaimed, taken_for_shares
from unstuck.trace.explaining.other_accounts import account_of_output
from unstuck.trace.explaining.unreachable import unreachable
from unstuck.trace.judging.inverted import inverted, under_inverted
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.lost import nothing_moves, without_gradient
from unstuck.trace.judging.passing import passing
from unstuck.trace.judging.separate import led_elsewhere, parameters_of
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step
from unstuck.trace.statuses import loss_is_known

MEANT = (
    "squared",
    "binary-cross-entropy",
    "cross-entropy",
)  # losses that people mean when they write a difference
MOST_COMPUTED = 2  # losses that the script computes and that are tried where nothing else explains it
LEAST_WORK = (
    50_000  # operations that show what the error of a slipped class is: without it the verdict is another
)
MOST_REPEATED = 400_000  # operations that were run again, after which no further loss is tried


def accounted(steps: Sequence[Step], verdicts: Verdicts, tolerance: float, operations: int) -> Told:
    """The steps, the verdicts on them and the account of what is wrong, all under the loss that is meant.

    operations  that each search may differentiate or run again; 0 to look for no explanation
    """
    if nothing_moves(steps):  # no rule of calculus makes zeros of gradients
        return _told(steps, verdicts, tolerance)
    if not verdicts.explains_any(tolerance):
        divided = under_inverted(steps, tolerance)
        if divided is not None:
            return _told(steps, divided, tolerance, operations)
        shown = unreachable(steps, tolerance)
        if shown is not None:
            return shown
        climbing = any(
            verdicts.climbs(name, tolerance) for name in verdicts.matches if verdicts.is_array(name)
        )
        seen = passing(steps, tolerance) if not climbing else None
        if seen is not None:
            return _told(steps, seen, tolerance)
    begun = effort.repeated()
    told = _told(steps, verdicts, tolerance, operations)
    if verdicts.explains_all(tolerance):
        return _of_computed(steps, verdicts.loss, tolerance, operations) or told
    if not operations or _is_known(told, tolerance):
        return told
    return _otherwise(told, tolerance, operations, begun)


def beside(
    steps: Sequence[Step], verdicts: Verdicts, tolerance: float, operations: int
) -> tuple[list[str], Told] | None:
    """The names of another network in the same loop whose every number an altered rule explains, and its account."""
    if not operations or verdicts.explains_all(tolerance):
        return None
    for names, losses in led_elsewhere(steps, verdicts, tolerance):
        mine = parameters_of(steps, names)
        for loss in losses:
            told = _told(mine, judge(mine, loss), tolerance, operations // len(losses))
            if told[2].accepted and _is_known(told, tolerance):
                return names, told
    return None


def astray(steps: Sequence[Step], tolerance: float) -> Told | None:
    """What is meant where no loss has the error that the backward pass begins with; or None."""
    return unreachable(steps, tolerance) or added(steps, tolerance) or targetless(steps, tolerance)


def _told(steps: Sequence[Step], verdicts: Verdicts, tolerance: float, operations: int = 0) -> Told:
    settled = frozenset(_settled(steps, verdicts, tolerance) if operations else ())
    account = account_for(steps, verdicts.loss, verdicts, tolerance, operations, settled)
    return list(steps), verdicts, account


def _settled(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Iterator[str]:
    """The parameters whose steps are proven to be no gradient by the update alone, whatever was passed back."""
    for name in verdicts.matches:
        if verdicts.telling(name) and not verdicts.explains(name, tolerance):
            mine = [step for step in steps if name in step.updates]
            if without_gradient(name, mine) or inverted(name, steps, verdicts, tolerance):
                yield name


def _is_known(told: Told, tolerance: float) -> bool:
    steps, verdicts, account = told
    return loss_is_known(steps, verdicts, account, tolerance)


def _otherwise(told: Told, tolerance: float, operations: int, begun: int) -> Told:
    """The account under the first other loss that is proven to be meant; else a guess, or what was told."""
    steps, first, _ = told
    for other in _under_others(steps, first.loss, tolerance, operations, begun):
        if _is_known(other, tolerance):
            return other
    guesses = list(_under_computed(steps, tolerance, operations))
    known = (guess for guess in guesses if _is_known(guess, tolerance))
    shown = next(known, None) or added(steps, tolerance) or targetless(steps, tolerance)
    return shown or (guesses or [told])[0]


def _under_others(
    steps: Sequence[Step], first: Candidate, tolerance: float, operations: int, begun: int
) -> Iterator[Told]:
    """The accounts under other losses of outputs and targets, as far as the work for all of them allows."""
    end = effort.done() + operations
    counts = Counter(loss for step in steps for loss in step.losses)
    # A loss that shows in one of many steps is there by accident.
    shown = [loss for loss in counts if counts[loss] > 1 or len(steps) == 1]
    for kind in MEANT:
        for loss in [loss for loss in shown if loss.kind == kind]:
            if effort.over(end) or effort.repeated() - begun > MOST_REPEATED:
                return
            if loss != first and not loss.more:
                yield _told(steps, judge(steps, loss), tolerance, operations // len(MEANT))


def _under_computed(steps: Sequence[Step], tolerance: float, operations: int) -> Iterator[Told]:
    """The accounts under the last losses that the script computes, where the error of the output explains all."""
    losses = reversed(dict.fromkeys(loss for step in steps for loss in step.losses))
    for loss in [loss for loss in losses if loss.kind == "explicit"][:MOST_COMPUTED]:
        under = judge(steps, loss)
        account = account_of_output(steps, loss, under, tolerance, operations // MOST_COMPUTED)
        if account is not None:
            yield list(steps), under, account


def _of_computed(steps: Sequence[Step], loss: Candidate, tolerance: float, operations: int) -> Told | None:
    """The account against a computed loss that the steps miss, although they do descend a loss; or None.

    They miss its classes, or take scores for the probabilities that it makes of them.
    """
    aim = misaimed(steps, loss)
    meant = aim.loss if aim is not None else taken_for_shares(steps, loss)
    if meant is None:
        return None
    under = judge(steps, meant)
    account = account_of_output(steps, meant, under, tolerance, max(operations, LEAST_WORK))
    if account is None or not _is_known((list(steps), under, account), tolerance):
        return None
    told = account if aim is None else account.retold("error-wrong", "wrong-operand", aim.text)
    return list(steps), under, told
