"""Feedback alignment: the error goes back through a matrix that was drawn at random and is never trained.

Lillicrap et al. (2016, doi:10.1038/ncomms13276) showed that networks learn with such a matrix in the place of the
transposed weights.  It is no gradient, and is not meant to be one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, is_drawn, untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2


def fed_back_through(name: str, steps: Sequence[Step], loss: Candidate) -> str | None:
    """What the script calls the drawn matrix through which the error comes to a gradient in every step, or None."""
    mine = [step for step in steps if name in step.updates and loss in step.losses]
    found = [_drawn(step, name, loss) for step in mine]
    for matrix in found[0] if len(found) >= LEAST_STEPS else ():
        if all(any(np.array_equal(matrix.value, other.value) for other in each) for each in found):
            return matrix.names[-1] if matrix.names else "a matrix"
    return None


def _drawn(step: Step, name: str, loss: Candidate) -> list[Node]:
    """Matrices of random numbers, of the shape of trained weights, that nothing but the way back multiplies with."""
    after = step.updates[name].after
    oldest = step.nodes[0].id
    made = ancestors([after], oldest=oldest, stop=step.ends - {after})
    forward = ancestors([node for node, _ in step.losses[loss].seeds], oldest=oldest, stop=step.ends)
    used = {untransposed(parent) for node in forward for parent in node.parents()}
    shapes = {np.shape(update.before.value) for update in step.updates.values()}
    shapes = {shape for shape in shapes if len(shape) == 2}
    bases = {
        untransposed(parent)
        for node in made - forward
        if node.op in CONTRACTIONS and node in step.tainted
        for parent in node.parents()
        if parent not in step.tainted
    }
    shapes |= {shape[::-1] for shape in shapes}
    own = {_start(update.before) for update in step.updates.values()}
    drawn = [base for base in bases - used - own if np.shape(base.value) in shapes and is_drawn(base)]
    return sorted(drawn, key=lambda node: node.id)


def _start(parameter: Node) -> Node:
    """The value from which the updates of a parameter have started, as far as they are on the tape."""
    while parameter.args and isinstance(old := parameter.args[0], Node):
        if np.shape(old.value) != np.shape(parameter.value):
            break
        parameter = old
    return parameter
