"""Errors that go towards other classes than the loss that the script computes of the same outputs.

`p - np.eye(3)[labels - 1]` is the derivative of a cross-entropy, only not of the one beside it.  To train on other
targets than those that are shown may be meant: soft ones, mixed ones, wrong ones, those of a teacher.  To train every
single row of every step on the class that is a constant number of places away is an index that slipped.  And to take
scores for probabilities, beside a cross-entropy of their softmax, is a softmax that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.activations import is_softmax, softmax
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.reading.losses import Candidate, before_activation
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

TESTED = 6
LEAST_CLASSES, LEAST_ROWS = 3, 6
WHOLE = 1e-6  # distance from a whole number within which a number counts as one


@dataclass(frozen=True)
class Aim:
    """The computed loss that every row misses, and by how many classes: a negative number is before its own."""

    loss: Candidate
    places: int

    @property
    def text(self) -> str:
        """What is wrong, in words."""
        count = "one place" if abs(self.places) == 1 else f"{abs(self.places)} places"
        where = "behind" if self.places > 0 else "before"
        return f"the error goes towards the class {count} {where} that of the loss at {line_in_words(self.loss.span)}"


def misaimed(steps: Sequence[Step], loss: Candidate) -> Aim | None:
    """The computed loss beside whose classes those of this one lie, in every row; None without one."""
    computed = [other for step in steps[:1] for other in step.losses if other.kind == "explicit"]
    for other in computed if loss.by_pairs else ():
        used = [step for step in steps if loss in step.losses and other in step.losses][:TESTED]
        shifts = [_shifts(step, loss, other) for step in used]
        if len(used) > 1 and sum(map(len, shifts)) >= LEAST_ROWS and all(map(_is_one_slip, shifts)):
            return Aim(other, shifts[0][0])
    return None


def taken_for_shares(steps: Sequence[Step], loss: Candidate) -> Candidate | None:
    """The computed cross-entropy of scores of which the error takes itself for their softmax: `scores - one_hot`.

    A least-squares fit of scores to classes has that error too, but computes no cross-entropy of them.
    """
    computed = [other for step in steps[:1] for other in step.losses if other.kind == "explicit"]
    for other in computed if loss.kind == "squared" else ():
        used = [step for step in steps if loss in step.losses and other in step.losses][:TESTED]
        if len(used) > 1 and all(_has_classes(step, loss, other) for step in used):
            return other
    return None


def _has_classes(step: Step, loss: Candidate, other: Candidate) -> bool:
    """Are the targets of scores those of the cross-entropy of their softmax that is computed, in every row?"""
    true = adjoints(step.losses[other].seeds, step.wrt(), stop=step.ends).cotangents
    told = []
    for pair in step.losses[loss].pairs:
        scores = value_of(pair.output)
        if scores.ndim not in (1, 2) or scores.shape[-1] < LEAST_CLASSES:
            return False
        own = classes(softmax(scores), true.get(pair.output))
        told.append(own is not None and np.allclose(own, np.atleast_2d(pair.target), atol=WHOLE))
    return bool(told) and all(told)


def _shifts(step: Step, loss: Candidate, other: Candidate) -> list[int]:
    """By how many places each row aims beside its class; none where an error is that of no classes."""
    true = adjoints(step.losses[other].seeds, step.wrt(), stop=step.ends).cotangents
    told: list[int] = []
    for pair in step.losses[loss].pairs:
        if np.size(pair.target) == 1:  # the one element of a vector that the target is taken off
            continue
        before = before_activation(pair.output)
        own = classes(value_of(pair.output), true.get(before)) if before is not None else None
        found = _beside(own, np.atleast_2d(pair.target)) if own is not None else []
        if not found:
            return []
        told += found
    return told


def _is_one_slip(shifts: Sequence[int]) -> bool:
    return len({*shifts}) == 1 and bool(shifts[0])


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
        told.append(own is not None and aimed is not None and _is_one_slip(_beside(own, aimed)))
    return bool(told) and all(told)


def _softmax_of(node: Node, forward: Forward) -> Array | None:
    """The outputs of the softmax into which this value goes, shifted or not."""
    shape = np.shape(node.value)
    found = (p for _, p in forward.softmax if np.shape(p.value) == shape and len(shape) in (1, 2))
    return next((value_of(p) for p in found if is_softmax(node.value, p.value, len(shape) - 1)), None)


def classes(p: Array, error: Array | None) -> Array | None:
    """The one-hot targets of a softmax p whose error is this, up to a factor; None where it is no such error.

    The targets are rows, those of a vector one row.
    """
    if error is None or p.ndim not in (1, 2) or np.shape(error) != p.shape or not np.all(error):
        return None
    p, error = np.atleast_2d(p), np.atleast_2d(error)
    factor = np.median((p / error)[error > 0]) if np.any(error > 0) else 0.0
    target = np.round(p - factor * error)
    one_hot = np.all((target == 0) | (target == 1)) and np.all(target.sum(axis=1) == 1)
    return target if one_hot and np.abs(p - factor * error - target).max() < WHOLE else None


def _beside(own: Array, aimed: Array) -> list[int]:
    """By how many places each row aims beside its own class, of three classes or more.

    (Of two classes the other one may be meant: that a network is deceived.)
    """
    if own.shape != aimed.shape or own.shape[1] < LEAST_CLASSES:
        return []
    count = own.shape[1]
    apart = (aimed.argmax(axis=1) - own.argmax(axis=1)) % count
    return [int(each) for each in np.where(apart > count / 2, apart - count, apart)]
