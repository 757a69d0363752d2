"""Steps that go up a loss on purpose, for another part of the program goes down it.

A generator of a minimax game climbs what its discriminator descends, and reversed gradients make features of which
another head can tell nothing.  In both, what is climbed is descended right beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors, descendants
from unstuck.facts import Array
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

TESTED, LEAST_STEPS = 8, 2
CLOSE = 1e-6
OPPOSED = "it goes up a loss through another network that is trained beside it, as an adversary does"
REVERSED = "it goes down one of the losses and up another, as with a reversed gradient"


def is_opposed(names: Collection[str], steps: Sequence[Step], loss: Candidate) -> bool:
    """Do outputs depend on these parameters through those of another network, with targets that may be avoided?

    (Nobody wants outputs away from a target that is 1 for all samples.)
    """
    used = [step for step in steps if loss in step.losses][:TESTED]
    met = [pair for step in used for pair in step.losses[loss].pairs]
    if not loss.by_pairs or all(np.all(pair.target == 1) for pair in met):
        return False
    return len(used) >= LEAST_STEPS and all(any(_others_between(step, names, loss)) for step in used)


def _others_between(step: Step, names: Collection[str], loss: Candidate) -> Iterator[bool]:
    """Of every operation between these parameters and the outputs: does it take a parameter of another network?"""
    own = {update.before for name, update in step.updates.items() if name in names}
    mine = own | {update.after for name, update in step.updates.items() if name in names}
    outputs = [node for node, _ in step.losses[loss].seeds]
    ahead = ancestors(outputs, oldest=min(node.id for node in own), stop=own) & descendants(own, step.nodes)
    for node in ahead:
        yield any(each in step.ends and each not in mine for each in map(untransposed, node.parents()))


def is_reversed(name: str, steps: Sequence[Step], loss: Candidate) -> bool:
    """Is the written gradient a sum of those of several losses, some of them with a minus, in one proportion?"""
    parts = [replace(loss, span=place, more=()) for place in (loss.span, *loss.more)]
    if len(parts) < 2:
        return False
    used = [step for step in steps if name in step.updates and all(part in step.losses for part in parts)]
    shares = [_shares(step, name, parts) for step in used[:TESTED]]
    known = [share for share in shares if share is not None]
    if len(known) < max(LEAST_STEPS, len(shares)):
        return False
    ratios = np.stack([share / np.abs(share).max() for share in known])
    return bool(np.ptp(ratios, axis=0).max() <= STEADY and ratios[0].min() < 0 < ratios[0].max())


def _shares(step: Step, name: str, parts: Sequence[Candidate]) -> Array | None:
    """How much of the gradient of each loss the written one is made of; None where it is made otherwise."""
    before, written = step.updates[name].before, step.written[name]["whole"].ravel()
    gradients = [_gradient(step, before, part) for part in parts]
    known = [each.ravel() for each in gradients if each is not None and np.any(each)]
    if len(known) < len(parts) or written.size <= len(parts) or known[0].size != written.size:
        return None
    columns = np.stack(known, axis=1)
    if not np.all(np.isfinite(columns)) or not np.all(np.isfinite(written)):
        return None
    shares = np.linalg.lstsq(columns, written, rcond=None)[0]
    rest = np.linalg.norm(written - columns @ shares)
    return np.asarray(shares) if rest <= CLOSE * np.linalg.norm(written) else None


def _gradient(step: Step, before: Node, loss: Candidate) -> Array | None:
    return adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).of(before)
