"""Outputs of shape (n, 1) that meet targets of shape (n,): NumPy spreads them to (n, n).

Every row is then compared with the targets of all rows.  No loss means that, so no loss can be found for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Explanation
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2


def silent_broadcast(steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a backward pass that begins with such a difference in every step; None without one."""
    met = [next((node for node in step.nodes if _spreads(node, step)), None) for step in steps]
    if len(met) < LEAST_STEPS or not all(met):
        return None
    node = met[-1]
    if node is None or node.span is None:
        return None
    shapes = " and ".join(str(np.shape(part.value)) for part in node.args if isinstance(part, Node))
    text = (
        f"output and target have the shapes {shapes}, which NumPy spreads to {np.shape(node.value)}: "
        "every row is compared with the targets of all rows"
    )
    return Explanation("silent-broadcast", text, node.span)


def _spreads(node: Node, step: Step) -> bool:
    """Is this the difference of an output and a target that are one row and one column of the same length?"""
    if node.op != "subtract" or node not in step.backward or node not in step.tainted:
        return False
    operands = [argument for argument in node.args if isinstance(argument, Node)]
    if len(operands) != 2 or sum(operand in step.tainted for operand in operands) != 1:
        return False
    count = max(np.size(operand.value) for operand in operands)
    shapes = {np.shape(operand.value) for operand in operands}
    parameters = step.wrt()
    computed = all(operand not in parameters for operand in operands)
    return (
        computed and count > 1 and shapes == {(count,), (count, 1)} and np.shape(node.value) == (count, count)
    )
