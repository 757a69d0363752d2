"""Backward passes that start from no error at all: from output *plus* target, or from the output alone.

No loss of outputs and targets has such a derivative, so none explains anything.  What proves the case is that
every number of every gradient follows, exactly and in every step, once the wrong start is taken as given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.trace.explaining.account import Account
from unstuck.trace.explaining.forcing import given
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, value_of
from unstuck.trace.explaining.macros import Forward, forwards
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.trial import Trials
from unstuck.trace.reading.losses import Candidate, Proposal, before_activation, inside, is_link
from unstuck.trace.reading.meetings import added_target
from unstuck.trace.reading.pairs import Pair
from unstuck.trace.reading.views import CONTRACTIONS
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2
MOST_STARTS = 24
KINDS = ("canonical-link", "squared")  # losses whose derivative is a difference
TEXT = "the target is added to the output where it should be subtracted: the error is no difference"
Starts = Callable[[Step], Iterator[tuple[Node, Pair]]]


def added(steps: Sequence[Step], tolerance: float) -> tuple[list[Step], Verdicts, Account] | None:
    """What is meant where targets are added to outputs, as steps with that loss, and the account of it; or None."""
    for told, loss in _losses(steps, _sums):
        shown = [step for step in told if loss in step.losses]
        passes = tuple(forwards(shown, [step.losses[loss].seeds for step in shown]))
        for sign in (1.0, -1.0):  # -1: the steps add what they take for target minus output
            hypothesis = Hypothesis("sign", TEXT, _as_written(passes, loss, sign), place=loss.span)
            altered = {step.number: hypothesis.overrides(step.number) for step in shown}
            after = Trials(loss).judge(told, altered)
            if _proves(after, tolerance):
                verdicts = judge(told, loss)
                wrong = [name for name in verdicts.matches if not verdicts.explains(name, tolerance)]
                explained = dict.fromkeys(wrong, hypothesis)
                return told, verdicts, Account((hypothesis,), after, partial(tuple, passes), explained)
    return None


def lacks_target(steps: Sequence[Step], tolerance: float) -> bool:
    """Do all gradients follow exactly from an output alone, as if every target were zero?"""
    return any(
        judge(told[:1], loss).explains_all(tolerance) and _proves(judge(told, loss), tolerance)
        for told, loss in _losses(steps, _outputs)
    )


def _losses(steps: Sequence[Step], starts: Starts) -> Iterator[tuple[list[Step], Candidate]]:
    """The losses, of either kind, that start from these pairs, with the steps that contain them."""
    for kind in KINDS:
        told = [step.with_losses(_proposed(starts(step), kind)) for step in steps]
        losses = dict.fromkeys(loss for step in told for loss in step.losses)
        yield from ((told, loss) for loss in list(losses)[:MOST_STARTS])


def _proposed(starts: Iterator[tuple[Node, Pair]], kind: str) -> dict[Candidate, Proposal]:
    found: dict[Candidate, Proposal] = {}
    for node, pair in starts:
        before = _entry(pair, kind)
        if before is not None and node.span is not None:
            proposal = found.setdefault(Candidate(kind, node.span), Proposal([], []))
            proposal.seeds.append((before, value_of(pair.output) - pair.target))
            proposal.pairs.append(pair)
    return found


def _entry(pair: Pair, kind: str) -> Node | None:
    """Where the error of a loss of this kind enters: before the last activation, or at the output itself."""
    if kind == "squared":
        return pair.output
    before = before_activation(pair.output)
    return before if before is not None and is_link(before, pair.output, pair.target) else None


def _proves(verdicts: Verdicts, tolerance: float) -> bool:
    """Is everything explained, an array among it, in more than one step?"""
    told = any(
        verdicts.is_array(name) and len(verdicts.telling(name)) >= LEAST_STEPS for name in verdicts.matches
    )
    return told and verdicts.explains_all(tolerance)


# ----- Output plus target -------------------------------------------------------------------------------


def _sums(step: Step) -> Iterator[tuple[Node, Pair]]:
    """Where a target is added to an output, and they could only cancel as a difference."""
    for node in step.nodes:
        if node in step.backward and node in step.tainted:
            yield from ((node, pair) for pair in added_target(node, step.tainted))


def _as_written(passes: Sequence[Forward], loss: Candidate, sign: float) -> Callable[[int], Altered]:
    """The rules under which the sum of output and target is the error."""
    by_number = {forward.step.number: forward for forward in passes}

    def alter(number: int) -> Altered:
        forward = by_number[number]
        proposal = forward.step.losses[loss]
        made: Altered = {}
        for (node, _), pair in zip(proposal.seeds, proposal.pairs, strict=True):
            made |= given(node, sign * (value_of(pair.output) + pair.target), forward)
        return made

    return alter


# ----- The output alone ---------------------------------------------------------------------------------


def _outputs(step: Step) -> Iterator[tuple[Node, Pair]]:
    """Values that may be outputs: of a linear layer, or of an activation between 0 and 1."""
    for node in step.nodes:
        if node in step.backward and node in step.tainted and node not in step.ends and np.ndim(node.value):
            value = value_of(node)
            if _is_linear(node) or (inside(value) and before_activation(node) is not None):
                yield node, Pair(node, np.zeros(value.shape))


def _is_linear(node: Node) -> bool:
    """Is this a product of a layer, or the sum of one and a bias?"""
    made = node.parents() if node.op == "add" else [node]
    return any(part.op in CONTRACTIONS for part in made)
