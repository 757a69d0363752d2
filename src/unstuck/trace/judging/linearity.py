"""A way back that does wrong to the error that it starts from, whatever else is added to it.

The gradient of a loss is linear in the error of the outputs: the factor is the derivative of the outputs by the
parameter, and nothing that is added on the way, the gradient of another loss or of a penalty, changes it.  So the
written pass is run again with multiples of the error.  By what the update grows with it must be the true gradient.
Where it is not, the way back is wrong, though it may be meant to take in more than this loss.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import NOT_RUN
from unstuck.autodiff.reverse import adjoints, ancestors
from unstuck.facts import Array
from unstuck.trace.judging.matching import match
from unstuck.trace.judging.replay import replay
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

MULTIPLES = (0.0, 1e3, 2e3)  # of the error: the update is a small difference of large numbers at one alone
CLEARLY = 1e-3  # relative misfit of a factor that is wrong; rounding alone leaves far less
LINEAR = 1e-6  # relative difference of two growths that are one


def mistreats(step: Step, name: str, errors: Collection[Node], loss: Candidate, true: Array) -> bool:
    """Is what the update of a parameter makes of these errors of the loss not the gradient that follows from them?

    errors  differences of outputs and targets from which the update is made
    true    the gradient of the loss by the parameter

    False wherever that is not proven: where these errors are not all of the loss's error, where the update does not
    grow with them in proportion, and where parameters take part on which the loss does not depend, for then the
    same errors may serve another loss as well.
    """
    after, seeds = step.updates[name].after, step.losses[loss].seeds
    errors = _last(errors, step)
    forward = ancestors([node for node, _ in seeds], oldest=step.nodes[0].id, stop=step.ends)
    if not errors or _takes_others(after, errors, forward, step):
        return False
    if not _is_whole(step, name, errors, loss, true):
        return False
    try:
        with np.errstate(all="ignore"):
            ends = [_at(after, errors, multiple) for multiple in MULTIPLES]
    except NOT_RUN:
        return False
    first, second = ends[1] - ends[0], ends[2] - ends[1]
    size = np.abs(first).max()
    if not np.isfinite(size) or np.abs(second - first).max() > LINEAR * size:
        return False
    found = match(-first, true)
    return not found.vacuous and min(found.residual, found.mirrored) > CLEARLY


def _last(errors: Collection[Node], step: Step) -> list[Node]:
    """The errors without those that are part of another: an error may be put together in several operations."""
    parts = [ancestors([error], oldest=step.nodes[0].id, stop=step.ends) - {error} for error in errors]
    return [error for error in errors if not any(error in part for part in parts)]


def _at(after: Node, errors: Collection[Node], multiple: float) -> Array:
    """The updated parameter if the errors were so many times as large."""
    changed = {node: np.asarray(node.value, float) * multiple for node in errors}
    return np.asarray(replay([after], changed)[after], float)


def _takes_others(after: Node, errors: Collection[Node], forward: Collection[Node], step: Step) -> bool:
    """Does a parameter take part in the way back on which the loss does not depend?"""
    known = {*forward, *(parent for node in forward for parent in node.parents())}
    behind = ancestors([after], oldest=step.nodes[0].id, stop={*step.ends - {after}, *errors})
    return any(node in step.ends and node not in known for node in behind - {after})


def _is_whole(step: Step, name: str, errors: Collection[Node], loss: Candidate, true: Array) -> bool:
    """Are these errors, each up to one common factor, those of some outputs from which the whole gradient follows?"""
    seeds = step.losses[loss].seeds
    cotangents = adjoints(seeds, step.wrt(), stop=step.ends).cotangents
    outputs = [_output_of(error, cotangents) for error in errors]
    found = [output for output in outputs if output is not None]
    if len({*found}) < len(errors):
        return False
    before = step.updates[name].before
    again = adjoints([(node, cotangents[node]) for node in found], [before], stop=step.ends).of(before)
    return again is not None and np.allclose(again, true, rtol=LINEAR, atol=LINEAR * np.abs(true).max())


def _output_of(error: Node, cotangents: Mapping[Node, Array]) -> Node | None:
    """The value of the forward pass of whose cotangent the error is a multiple."""
    alike: Sequence[Node] = [
        node
        for node, cotangent in cotangents.items()
        if np.size(cotangent) == np.size(error.value) and node.id < error.id
    ]
    for node in alike:
        found = match(np.asarray(error.value, float), np.asarray(cotangents[node], float))
        if not found.vacuous and min(found.residual, found.mirrored) <= LINEAR:
            return node
    return None
