"""Errors that go towards other classes than the loss that the script computes of the same outputs.

`p - np.eye(3)[labels - 1]` is the derivative of a cross-entropy, only not of the one beside it.  To train on other
targets than those that are shown may be meant: soft ones, mixed ones, wrong ones, those of a teacher.  To train every
single row of every step on the class that is a constant number of places away is an index that slipped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.activations import is_softmax
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.reading.losses import Candidate, before_activation
from unstuck.trace.reading.written import Step

TESTED = 6
LEAST_CLASSES = 3
WHOLE = 1e-6  # distance from a whole number within which a number counts as one


def misaimed(steps: Sequence[Step], loss: Candidate) -> Candidate | None:
    """The computed loss beside whose classes those of this one lie, in every row; None without one."""
    computed = [other for step in steps[:1] for other in step.losses if other.kind == "explicit"]
    for other in computed if loss.by_pairs else ():
        used = [step for step in steps if loss in step.losses and other in step.losses][:TESTED]
        if len(used) > 1 and all(_aims_elsewhere(step, loss, other) for step in used):
            return other
    return None


def _aims_elsewhere(step: Step, loss: Candidate, other: Candidate) -> bool:
    true = adjoints(step.losses[other].seeds, step.wrt(), stop=step.ends).cotangents
    told = []
    for pair in step.losses[loss].pairs:
        before = before_activation(pair.output)
        own = classes(value_of(pair.output), true.get(before)) if before is not None else None
        told.append(own is not None and _are_others(own, pair.target))
    return bool(told) and all(told)


def to_other_classes(
    sign: float, pairs: Sequence[tuple[Node, Node]], forward: Forward, loss: Candidate
) -> bool:
    """Do errors as written, each with the value whose error it is, go to other classes than a computed loss?"""
    step = forward.step
    true = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).cotangents
    told = []
    for node, written in pairs:
        p = _softmax_of(node, forward)
        own = classes(p, true.get(node)) if p is not None else None
        aimed = classes(p, sign * value_of(written)) if p is not None else None
        told.append(own is not None and aimed is not None and _are_others(own, aimed))
    return bool(told) and all(told)


def _softmax_of(node: Node, forward: Forward) -> Array | None:
    """The outputs of the softmax into which this value goes, shifted or not."""
    shape = np.shape(node.value)
    found = (p for _, p in forward.softmax if np.shape(p.value) == shape and len(shape) == 2)
    return next((value_of(p) for p in found if is_softmax(node.value, p.value, 1)), None)


def classes(p: Array, error: Array | None) -> Array | None:
    """The one-hot targets of a softmax p whose error is this, up to a factor; None where it is no such error."""
    if error is None or p.ndim != 2 or np.shape(error) != p.shape or not np.all(error):
        return None
    factor = np.median((p / error)[error > 0]) if np.any(error > 0) else 0.0
    target = np.round(p - factor * error)
    one_hot = np.all((target == 0) | (target == 1)) and np.all(target.sum(axis=1) == 1)
    return target if one_hot and np.abs(p - factor * error - target).max() < WHOLE else None


def _are_others(own: Array, aimed: Array) -> bool:
    """Is every class the same number of places beside the other, among three or more?

    (Of two classes the other one may be meant: that a network is deceived.)
    """
    if own.shape != aimed.shape or own.shape[1] < LEAST_CLASSES:
        return False
    shifts = np.unique((aimed.argmax(axis=1) - own.argmax(axis=1)) % own.shape[1])
    return shifts.size == 1 and bool(shifts[0])
