"""The array behind a view: transposed, reshaped, copied or replaced as a whole, it is the same array.

And the operations by which a network uses an array: products, and rows that are looked up.
"""

from __future__ import annotations

import numpy as np

from unstuck.autodiff.node import Node

VIEWS = ("transpose", "copy", "reshape")
CONTRACTIONS = {"dot", "matmul", "einsum", "tensordot", "inner", "outer"}
LOOKUPS = {"getitem", "gather", "take"}


def untransposed(node: Node) -> Node:
    """The array itself behind .T, plain views and writes that replaced it as a whole."""
    while (inner := behind(node)) is not None:
        node = inner
    return node


def behind(node: Node) -> Node | None:
    whole = node.args[0] if node.args else None
    if node.op in VIEWS:
        return whole if isinstance(whole, Node) else None
    if node.op == "gather" and isinstance(whole, Node) and np.size(node.value) == np.size(whole.value):
        return whole
    if node.op == "scatter" and np.size(node.args[1]) == np.size(node.value):
        return node.args[2] if isinstance(node.args[2], Node) else None
    return None


def is_drawn(node: Node) -> bool:
    """Are these numbers that nobody would write down: all different, and none of them whole?"""
    numbers = np.ravel(np.asarray(node.value, float))
    return len(np.unique(np.abs(numbers))) == len(numbers) and not np.any(numbers == np.round(numbers))


def whole_of(node: Node) -> Node:
    """The array of which this is a part, itself if it is none."""
    while node.op in LOOKUPS and isinstance(node.args[0], Node):
        node = node.args[0]
    return node
