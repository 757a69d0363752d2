"""The rate of an update: the plain numbers that it multiplies a gradient by.

In a network of single numbers the inputs are plain numbers too, and a gradient is a product with one of them.  What
the forward pass uses is no rate.
"""

from __future__ import annotations

from collections.abc import Collection

from unstuck.autodiff.node import Node
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import opened, plain_number


def rate_of(update: Update, data: Collection[Node], tainted: Collection[Node]) -> float:
    """The size of the product of the plain numbers but `data` in an update that adds one term; 1 without any.

    tainted  what depends on the parameters is no plain number
    """
    rate = 1.0
    pending = [update.after]
    while pending:
        node = pending.pop()
        if node.op in ("multiply", "true_divide"):
            for power, side in zip((1, 1 if node.op == "multiply" else -1), node.args, strict=False):
                if not isinstance(side, Node):
                    rate *= (plain_number(side) or 1.0) ** power
                elif side in tainted or plain_number(side) is None:
                    pending += [side] if power == 1 else []
                elif side not in data:
                    rate *= (plain_number(side) or 1.0) ** power
        else:
            parts = [part for _, part in opened(1.0, node) or () if part is not update.before]
            if node is update.after:  # of a number that is moved twice, the last round tells
                parts = [part for part in parts if part.span != node.span or part.op != node.op]
            pending += parts if len(parts) == 1 and parts[0].id > update.before.id else []
    return abs(rate)
