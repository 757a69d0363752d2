"""Backward passes that start from no error at all: from output *plus* target, or from the output alone.

No loss of outputs and targets has such a derivative, so none explains anything.  What proves the case is that
every number of every gradient follows, exactly and in every step, once the wrong start is taken as given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors
from unstuck.facts import Array, Span
from unstuck.trace.explaining.account import Account
from unstuck.trace.explaining.forcing import given
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, value_of
from unstuck.trace.explaining.macros import Forward, forwards
from unstuck.trace.explaining.misaimed import classes
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.matching import match
from unstuck.trace.judging.trial import Trials
from unstuck.trace.reading.losses import Candidate, Proposal, before_activation, inside, is_link
from unstuck.trace.reading.meetings import added_target
from unstuck.trace.reading.pairs import Pair
from unstuck.trace.reading.views import CONTRACTIONS, untransposed, whole_of
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

LEAST_STEPS = 2
MOST_STARTS = 24
KINDS = ("canonical-link", "squared")  # losses whose derivative is a difference
TEXT = "the target is added to the output where it should be subtracted: the error is no difference"


@dataclass(frozen=True)
class Start:
    """Where a backward pass begins: the operation, the output and target that are meant, and the error as written."""

    node: Node
    pair: Pair
    error: Array


Starts = Callable[[Step], Iterator[Start]]
Told = tuple[list[Step], Verdicts, Account]


def added(steps: Sequence[Step], tolerance: float) -> Told | None:
    """What is meant where targets are added to outputs, as steps with that loss, and the account of it; or None."""
    return proven(steps, _sums, "sign", TEXT, tolerance)


def proven(steps: Sequence[Step], starts: Starts, kind: str, text: str, tolerance: float) -> Told | None:
    """What is meant where the error that a backward pass begins with is no difference, and the account of it; or None.

    It is proven when every gradient follows from the error as written.
    """
    for told, loss in _losses(steps, starts):
        passes = _passes(told, loss)
        for sign in (1.0, -1.0):  # -1: the steps add what they take for target minus output
            alter = _as_written(passes, loss, starts, sign)
            account = _account(told, loss, passes, Hypothesis(kind, text, alter, place=loss.span), tolerance)
            if account is not None:
                return told, judge(told, loss), account
    return None


def _passes(steps: Sequence[Step], loss: Candidate) -> tuple[Forward, ...]:
    shown = [step for step in steps if loss in step.losses]
    return tuple(forwards(shown, [step.losses[loss].seeds for step in shown]))


def _account(
    steps: Sequence[Step],
    loss: Candidate,
    passes: Sequence[Forward],
    hypothesis: Hypothesis,
    tolerance: float,
) -> Account | None:
    """The account of a hypothesis that explains everything under a loss; None if it does not."""
    numbers = [forward.step.number for forward in passes]
    after = Trials(loss).judge(steps, {number: hypothesis.overrides(number) for number in numbers})
    if not _proves(after, tolerance):
        return None
    verdicts = judge(steps, loss)
    wrong = [name for name in verdicts.matches if not verdicts.explains(name, tolerance)]
    told = dict.fromkeys(wrong, hypothesis)
    return Account((hypothesis,), after, partial(tuple, passes), told) if wrong else None


def lacks_target(steps: Sequence[Step], tolerance: float) -> bool:
    """Do all gradients follow exactly from an output alone, as if every target were zero?"""
    return next(_from_outputs(steps, tolerance), None) is not None


def targetless(steps: Sequence[Step], tolerance: float) -> Told | None:
    """The account of gradients that follow from an output alone, where a computed loss has a target for it; or None.

    The true error must be output minus target, number by number, and they must be opposed for some outputs in every
    step.  (Elsewhere an error that is the output alone may be meant: it makes the output small.)
    """
    computed = [loss for step in steps[:1] for loss in step.losses if loss.kind == "explicit"]
    for start in _from_outputs(steps, tolerance) if computed else ():
        for loss in computed[::-1]:
            passes = _passes(steps, loss)
            place, lacking = _alone(passes, start, loss, tolerance)
            text = f"the error is the output alone, while the loss at {line_in_words(loss.span)} has a target for it"
            alter = _as_written(passes, start, _outputs, 1.0)
            hypothesis = Hypothesis("term-missing", text, alter, place=place)
            account = _account(steps, loss, passes, hypothesis, tolerance) if lacking else None
            if account is not None:
                return list(steps), judge(steps, loss), account
    return None


def _from_outputs(steps: Sequence[Step], tolerance: float) -> Iterator[Candidate]:
    """The outputs from which alone all gradients follow, as losses whose targets are zero."""
    for told, loss in _losses(steps, _outputs):
        if judge(told[:1], loss).explains_all(tolerance) and _proves(judge(told, loss), tolerance):
            yield loss


def _alone(
    passes: Sequence[Forward], start: Candidate, loss: Candidate, tolerance: float
) -> tuple[Span, bool]:
    """Where the backward pass takes the output for the error, and whether it lacks the target in every step."""
    place, lacking = start.span, []
    for forward in passes:
        step = forward.step
        met = [each for each in _outputs(step) if each.node.span == start.span]
        true = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).cotangents
        data = _data(step, loss)
        lacking.append(
            any(_lacks(each, _entry(each.pair, start.kind), true, data, tolerance) for each in met)
        )
        outputs = {each.node for each in met}
        taken = (node for node in step.nodes if node in step.backward and node not in forward.nodes)
        place = next((n.span for n in taken if n.span and not outputs.isdisjoint(n.parents())), place)
        place = next((each.bound[-1] for each in outputs if len(each.bound) > 1), place)  # `delta = output`
    return place, bool(lacking) and all(lacking)


def _data(step: Step, loss: Candidate) -> list[Array]:
    """Arrays that do not depend on the parameters, as the computed loss takes them."""
    behind = ancestors([node for node, _ in step.losses[loss].seeds], oldest=step.nodes[0].id) & step.tainted
    taken = {untransposed(each) for node in behind for each in node.parents() if each not in step.tainted}
    return [value_of(each) for each in taken if np.ndim(each.value)]


def _lacks(
    start: Start, before: Node | None, true: Mapping[Node, Array], data: Sequence[Array], tolerance: float
) -> bool:
    """Is the true error a multiple of output minus target, and is it opposed to the output for some elements?"""
    error = true.get(before) if before is not None else None
    if error is None or np.shape(error) != start.error.shape or not np.any(error * start.error < 0):
        return False
    if classes(start.error, error) is not None:  # a softmax less the one class of each row
        return True
    differences = [start.error - target.reshape(error.shape) for target in data if target.size == error.size]
    return any((m := match(each, error)).scale > 0 and m.residual <= tolerance for each in differences)


def _losses(steps: Sequence[Step], starts: Starts) -> Iterator[tuple[list[Step], Candidate]]:
    """The losses, of either kind, that start from these pairs, with the steps that contain them."""
    for kind in KINDS:
        told = [step.with_losses(_proposed(starts(step), kind)) for step in steps]
        losses = dict.fromkeys(loss for step in told for loss in step.losses)
        yield from ((told, loss) for loss in list(losses)[:MOST_STARTS])


def _proposed(starts: Iterator[Start], kind: str) -> dict[Candidate, Proposal]:
    found: dict[Candidate, Proposal] = {}
    for start in starts:
        before = _entry(start.pair, kind)
        if before is not None and start.node.span is not None:
            proposal = found.setdefault(Candidate(kind, start.node.span), Proposal([], []))
            proposal.seeds.append((before, value_of(start.pair.output) - start.pair.target))
            proposal.pairs.append(start.pair)
    return found


def _entry(pair: Pair, kind: str) -> Node | None:
    """Where the error of a loss of this kind enters: before the last activation, or at the output itself."""
    if kind == "squared":
        return pair.output
    before = before_activation(pair.output)
    return before if before is not None and is_link(before, pair.output, pair.target) else None


def _as_written(
    passes: Sequence[Forward], loss: Candidate, starts: Starts, sign: float
) -> Callable[[int], Altered]:
    """The rules under which the errors of a loss are those that were written."""
    by_number = {forward.step.number: forward for forward in passes}

    def alter(number: int) -> Altered:
        forward = by_number[number]
        mine = [each for each in starts(forward.step) if each.node.span == loss.span]
        made: Altered = {}
        for each in mine:
            if (before := _entry(each.pair, loss.kind)) is not None:
                made |= given(before, sign * each.error, forward)
        return made

    return alter


def _proves(verdicts: Verdicts, tolerance: float) -> bool:
    """Is everything explained, an array among it, in more than one step?"""
    told = any(
        verdicts.is_array(name) and len(verdicts.telling(name)) >= LEAST_STEPS for name in verdicts.matches
    )
    return told and verdicts.explains_all(tolerance)


# ----- Output plus target -------------------------------------------------------------------------------


def _sums(step: Step) -> Iterator[Start]:
    """Where a target is added to an output, and they could only cancel as a difference."""
    for node in step.nodes:
        if node in step.backward and node in step.tainted:
            for pair in (*added_target(node, step.tainted), *_compared_elsewhere(node, step)):
                yield Start(node, pair, value_of(pair.output) + pair.target)


def _compared_elsewhere(node: Node, step: Step) -> Iterator[Pair]:
    """The output and the target of a sum, where the same data are subtracted from an output in the same step.

    (Elsewhere a sum may be meant: the residual of an equation, say, that is to vanish.)
    """
    operands = node.parents() if node.op == "add" else ()
    made = [each for each in operands if each in step.tainted]
    beside = [each for each in operands if each not in step.tainted and np.ndim(each.value)]
    if len(made) == len(beside) == 1 and np.shape(made[0].value) == np.shape(beside[0].value):
        differences = (other for other in step.nodes if other.op == "subtract" and other in step.tainted)
        data = {
            whole_of(each) for other in differences for each in other.parents() if each not in step.tainted
        }
        if whole_of(beside[0]) in data:
            yield Pair(made[0], value_of(beside[0]))


# ----- The output alone ---------------------------------------------------------------------------------


def _outputs(step: Step) -> Iterator[Start]:
    """Values that may be outputs: of a linear layer, or of an activation between 0 and 1."""
    for node in step.nodes:
        if node in step.backward and node in step.tainted and node not in step.ends and np.ndim(node.value):
            value = value_of(node)
            if _is_linear(node) or (inside(value) and before_activation(node) is not None):
                yield Start(node, Pair(node, np.zeros(value.shape)), value)


def _is_linear(node: Node) -> bool:
    """Is this a product of a layer, or the sum of one and a bias?"""
    made = node.parents() if node.op == "add" else [node]
    return any(part.op in CONTRACTIONS for part in made)
