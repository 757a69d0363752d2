"""Fading sums of gradients that the network adds to arrays which they should move: velocities whose target is missing.

With Nesterov's momentum the network computes with `w + mu * v`, where v fades and w is moved by it.  Where w does not
move, or comes from somewhere else, v looks like a parameter of the network: it is the only thing there that learns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Explanation, Gradient
from unstuck.trace.explaining.operands import Operand, told
from unstuck.trace.judging.statements import stores_old
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS, TESTED = 3, 6
FADED = 1 - 1e-9  # share of its old value that a velocity keeps at most
SCALING = {"multiply", "true_divide", "negative"}


def without_target(steps: Sequence[Step], loss: Candidate) -> list[Gradient]:
    """A Gradient, with the status "wrong", for what every velocity should move and does not."""
    used = [step for step in steps if loss in step.losses]
    few = used[:TESTED]
    if len(few) < LEAST_STEPS:
        return []
    found = (_judged(name, few, len(used)) for name in few[0].updates)
    return [gradient for gradient in found if gradient is not None]


def _judged(name: str, steps: Sequence[Step], count: int) -> Gradient | None:
    mine = [step for step in steps if name in step.updates]
    bases = [_added_to(step, name) for step in mine]
    known = [base for base in bases if base is not None]
    if len(known) < max(LEAST_STEPS, len(mine)) or not all(_fades(step, name) for step in mine):
        return None
    base, update = known[-1], mine[-1].updates[name].after.span
    title = base.base.names[-1] if base.base.names else base.title
    made = base.base.span
    if len({each.base for each in known}) == 1 and update is not None:
        kind, place = "parameter-never-updated", update
        text = (
            f"{title} never changes: nothing adds {name} to it, which the network adds to {title} on its way"
        )
    elif len({each.base for each in known}) == len(known) and made is not None:
        kind, place = "parameter-not-kept", made
        text = f"{title} is not made from its own old value: only {name}, which should move it, learns"
    else:
        return None
    stored = base.base.bound[-1] if base.base.bound and stores_old(base.base.bound[-1]) else None  # `b = b`
    places = [each for each in (stored, place, base.y.span) if each is not None]
    place, uses = places[0], tuple(places[1:])
    explanation = Explanation(kind, text, place, uses)
    shown = told(base, place, steps, "")
    return replace(shown, parameter=title, status="wrong", explanation=explanation, steps=count)


def _fades(step: Step, name: str) -> bool:
    """Does the update keep less than all of the old value?"""
    update = step.updates[name]
    share = sum(term.coefficient for term in update.terms if term.node is update.before)
    return 0 < share < FADED


def _added_to(step: Step, name: str) -> Operand | None:
    """The array from before the step to which the network adds this parameter, or a multiple, and does nothing else."""
    before = step.updates[name].before
    sums = list(_sums(step, before))
    if len(sums) != 1:
        return None
    total, share = sums[0]
    others = [parent for parent in total.parents() if parent is not share]
    base = untransposed(others[0]) if len(others) == 1 else None
    if base is None or base in step.ends or base.id >= step.nodes[0].id:
        return None
    alike = np.shape(base.value) == np.shape(before.value)
    return Operand(base, total, "bias", 0, share) if alike else None


def _sums(step: Step, before: Node) -> Iterator[tuple[Node, Node]]:
    """Where a parameter, or a multiple of it, is added to something ahead of the update, with what is added."""
    after = {update.after for update in step.updates.values()}
    shares = {before} | {
        taker
        for taker in step.takers[before]
        if taker.op in SCALING and not any(taker in each.parents() for each in after)
    }
    for node in step.nodes:
        if node.op in ("add", "subtract") and node not in after:
            yield from ((node, parent) for parent in node.parents() if parent in shares)
