"""Wrong gradients for which the evidence is thin: what agrees with the loss would agree with other trainings too.

A bias gets the error of its layer as it is, so an exact bias shows that error and nothing of what should be done with
it: in a Boltzmann machine the biases climb like those of a network, and the weights have a second, negative phase.
And where the network computes with values that lie between the old and the new one (a look-ahead that comes back to
its slow weights every few rounds), what moves the value is no single step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Gradient
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.parameters import carrying_ids
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.views import CONTRACTIONS, untransposed
from unstuck.trace.reading.written import Step

SUMS = {"add", "subtract"}
TRUE = ("exact", "scaled")
SEVERAL = "the network computes with values between its old and its new one: that is more than one step"
BIASES = "agrees with the loss, and a bias gets the error as it is, whatever is done with it elsewhere"


def reconsidered(found: Sequence[Gradient], steps: Sequence[Step], loss: Candidate) -> Iterator[Gradient]:
    """The gradients; those called wrong without an explanation get another word where the evidence is thin."""
    right = [gradient.parameter for gradient in found if gradient.status in TRUE]
    biases_only = bool(right) and all(_is_only_added(name, steps) for name in right)
    for gradient in found:
        if gradient.status != "wrong" or gradient.explanation is not None:
            yield gradient
        elif _moves_between(gradient.parameter, steps, loss):
            yield replace(gradient, status="cannot-tell", reason=SEVERAL)
        elif biases_only:
            yield replace(gradient, status="cannot-tell", reason=f"only a bias ({', '.join(right)}) {BIASES}")
        else:
            yield gradient


def _is_only_added(name: str, steps: Sequence[Step]) -> bool:
    """Does the network take this parameter in sums only, and multiplies none of them with anything?

    (A step that looks ahead takes weights at `w + mu * v`.)
    """
    takers = [
        node
        for step in steps
        if name in step.updates
        for node in step.takers[step.updates[name].before]
        if node not in step.ends
    ]
    ahead = {node for node in takers if np.ndim(node.value) > 1}
    products = (node for step in steps if ahead for node in step.nodes if node.op in CONTRACTIONS)
    multiplied = any(untransposed(each) in ahead for node in products for each in node.parents())
    return bool(takers) and all(node.op in SUMS for node in takers) and not multiplied


def _moves_between(name: str, steps: Sequence[Step], loss: Candidate) -> bool:
    """Does the network take values between the old and the new one where it takes the old one, in the same step?"""
    return any(
        _is_moved(step, step.updates[name], loss)
        for step in steps
        if name in step.updates and loss in step.losses
    )


def _is_moved(step: Step, update: Update, loss: Candidate) -> bool:
    between = carrying_ids(update.after, update.before)
    places = {(node.span, node.op) for node in step.takers[update.before] if node.id not in between}
    used = ancestors([node for node, _ in step.losses[loss].seeds], oldest=update.before.id)
    return any(
        (node.span, node.op) in places and any(untransposed(each).id in between for each in node.parents())
        for node in used
    )
