"""Steps that go up a loss on purpose, for another part of the program goes down it.

A generator of a minimax game climbs what its discriminator descends, and reversed gradients make features of which
another head can tell nothing.  In both, what is climbed is descended right beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.reverse import adjoints, ancestors, descendants
from unstuck.facts import Array
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.reading.losses import Candidate, Seeds
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

TESTED, LEAST_STEPS = 8, 2
MOST_PARTS = 4  # losses that are told apart in one gradient
CLOSE = 1e-6
OPPOSED = "it goes up a loss through another network that is trained beside it, as an adversary does"
WEIGHTED = "it goes down a weighted sum of the losses that its layers serve"
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


def is_steady(shares: Array) -> bool:
    """Are the proportions of several losses the same in every step?"""
    return bool(np.ptp(shares, axis=0).max() <= STEADY)


def shares_of_losses(name: str, steps: Sequence[Step], loss: Candidate) -> Array | None:
    """How much of the gradient of each of several losses the written one is made of: a row for every step.

    None where it is not made so.  The losses are those that one sum has, or that one place makes for several outputs.
    """
    used = [step for step in steps if name in step.updates and loss in step.losses][:TESTED]
    parts = [list(parts_of(step, loss)) for step in used]
    count = {len(each) for each in parts}
    if len(used) < LEAST_STEPS + 1 or len(count) != 1 or not 1 < next(iter(count)) <= MOST_PARTS:
        return None
    known = [
        share
        for step, each in zip(used, parts, strict=True)
        if (share := _shares(step, name, each)) is not None
    ]
    if len(known) < len(used):
        return None
    return np.stack([share / np.abs(share).max() for share in known])


def parts_of(step: Step, loss: Candidate) -> Iterator[Seeds]:
    """The seeds of each output that is compared, place by place."""
    for place in (loss.span, *loss.more):
        proposal = step.losses.get(replace(loss, span=place, more=()))
        yield from ([seed] for seed in (proposal.seeds if proposal is not None else ()))


def _shares(step: Step, name: str, parts: Sequence[Seeds]) -> Array | None:
    """How much of the gradient of each loss the written one is made of; None where it is made otherwise."""
    before, written = step.updates[name].before, step.written[name]["whole"].ravel()
    gradients = [adjoints(seeds, step.wrt(), stop=step.ends).of(before) for seeds in parts]
    known = [np.zeros(written.shape) if each is None else each.ravel() for each in gradients]
    if written.size <= 2 * len(parts) or any(each.size != written.size for each in known):
        return None
    columns = np.stack(known, axis=1)
    if not np.all(np.isfinite(columns)) or not np.all(np.isfinite(written)) or not np.any(written):
        return None
    shares = np.linalg.lstsq(columns, written, rcond=None)[0]
    rest = np.linalg.norm(written - columns @ shares)
    shares[np.abs(shares) <= CLOSE * np.abs(shares).max()] = 0.0
    return np.asarray(shares) if rest <= CLOSE * np.linalg.norm(written) else None
