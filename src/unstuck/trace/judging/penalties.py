"""Values that the script computes from its parameters alone: penalties, which are a part of a loss and none alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step


def is_penalty_alone(steps: Sequence[Step], loss: Candidate) -> bool:
    """Is the loss made of some arrays of parameters, and of plain numbers: of no data, and not of all of them?"""
    step = next((step for step in steps if loss in step.losses), None)
    if step is None or loss.by_pairs or loss.kind == "returned":
        return False
    roots = [node for node, _ in step.losses[loss].seeds]
    behind = ancestors(roots, oldest=step.nodes[0].id, stop=step.ends)
    operands = {parent for node in behind for parent in node.parents()}
    parameters = [node for node in step.wrt() if node in operands]
    of_arrays = len(parameters) < len(step.wrt()) and all(np.size(node.value) > 1 for node in parameters)
    return of_arrays and all(np.size(node.value) == 1 or node in step.tainted for node in operands)
