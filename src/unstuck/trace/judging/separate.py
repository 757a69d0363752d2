"""Several networks in one loop, each with a loss of its own: a generator beside its discriminator, a critic, ...

The loss that explains most is the first.  Parameters that it does not explain may belong to another one: one whose
outputs, or whose targets, are others, and which explains at least one array exactly.  (Two losses of the same
outputs and targets are two views of one network; there the unexplained parameters are simply wrong.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Span
from unstuck.trace.judging.best import best_loss
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.reading.losses import Candidate, Proposal
from unstuck.trace.reading.pairs import are_views
from unstuck.trace.reading.views import CONTRACTIONS
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2
LINKED = "canonical-link"  # the difference is the error, whatever the loss is: the shortest way
Part = tuple[list[Step], Verdicts]


def separate(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> list[Part]:
    """The steps and verdicts of each network: usually of one alone."""
    explained = {name for name in verdicts.matches if _proves(verdicts, name, tolerance)}
    if not explained:  # a network may climb as a whole beside another
        explained = {name for name in verdicts.matches if verdicts.climbs(name, tolerance)}
    left = [name for name in verdicts.matches if name not in explained and verdicts.is_array(name)]
    if not explained or not left:
        return [(list(steps), verdicts)]
    theirs = [_with_other_losses(step, verdicts.loss) for step in parameters_of(steps, left)]
    other = best_loss(theirs, tolerance) if theirs else None
    names = [
        name
        for name in _unexplained(verdicts, tolerance)
        if other is not None and _belongs(name, other, verdicts, steps, tolerance)
    ]
    if other is None or not _is_met(other, names, steps, tolerance):
        return [(list(steps), verdicts)]
    rest = [name for step in steps for name in step.updates if name not in names]
    others = parameters_of(steps, names)
    return [
        (parameters_of(steps, rest), verdicts.of(rest)),
        *separate(others, judge(others, other.loss), tolerance),
    ]


def led_elsewhere(
    steps: Sequence[Step], verdicts: Verdicts, tolerance: float
) -> Iterator[tuple[list[str], list[Candidate]]]:
    """Unexplained weights whose way back begins where other outputs are compared with targets; and the losses there.

    That no loss explains them exactly may be a fault on the way: it takes an altered rule to show that.
    """
    if not verdicts.loss.by_pairs or not any(_proves(verdicts, name, tolerance) for name in verdicts.matches):
        return
    left = [name for name in verdicts.matches if not verdicts.explains(name, tolerance)]
    by_place: dict[Span, list[Candidate]] = {}
    for step in parameters_of(steps, left):
        for loss in _with_other_losses(step, verdicts.loss).losses:
            if loss.by_pairs and loss.span not in (None, verdicts.loss.span, *verdicts.loss.more):
                alike = by_place.setdefault(loss.span, [])
                alike += [loss] if loss not in alike else []
    for losses in by_place.values():
        first, *_ = losses = sorted(losses, key=lambda loss: loss.kind != LINKED)
        names = [name for name in left if _always_leads_to(name, first, verdicts.loss, steps)]
        if sum(any(is_weights(step, name) for step in steps) for name in names) > 1:
            yield names, losses


def _always_leads_to(name: str, other: Candidate, first: Candidate, steps: Sequence[Step]) -> bool:
    mine = [step for step in steps if name in step.updates]
    return all(_leads_to(name, other, step) and not _leads_to(name, first, step) for step in mine)


def without_part(steps: Sequence[Step], verdicts: Verdicts) -> list[str]:
    """Layers that are updated although the loss does not depend on them: of another network, whose loss is unknown.

    With the weights come all other parameters on which this loss does not depend.
    """
    apart = [
        name
        for name in verdicts.matches
        if (told := verdicts.telling(name)) and not any(np.any(match.true) for match in told.values())
    ]
    return apart if any(is_weights(step, name) for step in steps for name in apart) else []


def is_weights(step: Step, name: str) -> bool:
    """Does this step multiply a matrix of this name with something, as a layer does, and move it by such products?

    (An average of weights is moved by the weights themselves.)
    """
    if not step.multiplies(name):
        return False
    after = step.updates[name].after
    behind = ancestors([after], oldest=step.nodes[0].id, stop=step.ends - {after})
    return any(node.op in CONTRACTIONS for node in behind)


def parameters_of(steps: Sequence[Step], names: Collection[str]) -> list[Step]:
    """The steps with these parameters only, where there are any."""
    return [step.of(names) for step in steps if not step.updates.keys().isdisjoint(names)]


def _proves(verdicts: Verdicts, name: str, tolerance: float) -> bool:
    """Is this array explained exactly, in more than one step?

    A gradient that has the same direction in all of them (that of two biases which are each other's negative, say) is
    as good as one number, which agrees with everything of its sign: then its factor must be the same.
    """
    several = len(verdicts.telling(name)) >= LEAST_STEPS
    if not (several and verdicts.is_array(name) and verdicts.explains(name, tolerance)):
        return False
    return verdicts.spread(name) <= STEADY or not _has_one_direction(verdicts, name)


def _is_met(other: Verdicts, names: Sequence[str], steps: Sequence[Step], tolerance: float) -> bool:
    """Is an array of these explained exactly by the other loss, or do several climb it and none goes otherwise?"""
    usual = [name for name in names if _is_usual(other, name, steps)]
    arrays = [name for name in usual if other.is_array(name)]
    climbing = (
        other.loss.by_pairs and len(arrays) > 1 and all(other.climbs(name, tolerance) for name in arrays)
    )
    return climbing or any(_proves(other, name, tolerance) for name in usual)


def _is_usual(verdicts: Verdicts, name: str, steps: Sequence[Step]) -> bool:
    """Is this loss met in most of the steps that update the parameter?  (What shows now and then is an accident.)"""
    updated = sum(name in step.updates for step in steps)
    return 2 * len(verdicts.matches.get(name, {})) > updated


def _has_one_direction(verdicts: Verdicts, name: str) -> bool:
    found = [np.ravel(match.true) for match in verdicts.telling(name).values()]
    if len({each.size for each in found}) > 1:
        return False
    true = np.stack(found)
    sizes = np.linalg.norm(true, axis=1)
    along = np.abs(true @ true[int(np.argmax(sizes))])
    return bool(np.allclose(along, sizes * sizes.max(), rtol=1e-9))


def _unexplained(verdicts: Verdicts, tolerance: float) -> list[str]:
    unlike = [name for name in verdicts.matches if not verdicts.explains(name, tolerance)]
    if len(unlike) < len(verdicts.matches):
        return unlike
    return [name for name in unlike if not verdicts.climbs(name, tolerance)]


def _belongs(name: str, other: Verdicts, first: Verdicts, steps: Sequence[Step], tolerance: float) -> bool:
    """Is a parameter that the first loss does not explain one of the other's?

    By its numbers, by its way back, or because only the other loss depends on it.
    """
    if other.explains(name, tolerance) or (_takes_part(name, other) and not _takes_part(name, first)):
        return True
    step = next(step for step in reversed(steps) if name in step.updates)
    return _leads_to(name, other.loss, step) and not _leads_to(name, first.loss, step)


def _takes_part(name: str, verdicts: Verdicts) -> bool:
    """Does the loss depend on this parameter?"""
    return any(np.any(match.true) for match in verdicts.telling(name).values())


def _leads_to(name: str, loss: Candidate, step: Step) -> bool:
    """Does the way back from the update meet the place where this loss compares outputs with targets?"""
    update = step.updates[name]
    sources = [term.node for term in update.terms if term.node is not update.before]
    return loss.by_pairs and any(
        node.span in (loss.span, *loss.more) for node in ancestors(sources, stop=step.ends)
    )


def _with_other_losses(step: Step, first: Candidate) -> Step:
    """The step with those candidates only that belong to another network than the first loss."""
    known = step.losses.get(first)
    if known is None:
        return step
    mine = _computed(known, step)
    return step.with_losses(
        {
            loss: proposal
            for loss, proposal in step.losses.items()
            if _independent(proposal, loss, known, first, step, mine)
        }
    )


def _independent(
    proposal: Proposal, loss: Candidate, known: Proposal, first: Candidate, step: Step, mine: set[Node]
) -> bool:
    """Has a loss other outputs, or other targets, than the first one, for which `mine` was computed?"""
    if loss.by_pairs and first.by_pairs:
        return not any(are_views(pair, other) for pair in proposal.pairs for other in known.pairs)
    return _computed(proposal, step).isdisjoint(mine)


def _computed(proposal: Proposal, step: Step) -> set[Node]:
    """What was computed from the parameters for the sake of this loss."""
    return {
        node
        for node in ancestors([node for node, _ in proposal.seeds], stop=step.ends)
        if node in step.tainted
    }
