"""The table of derivative rules by operation name, and the list of operations that have derivative zero."""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from unstuck.autodiff import contraction, convolution, elementwise, kinks, library, numeric, rearrange
from unstuck.autodiff.call import Call, CallRule, Contribution, NoDerivative, hand_out, plain
from unstuck.autodiff.node import Node

RULES: dict[str, CallRule] = (
    library.RULES
    | elementwise.RULES
    | kinks.RULES
    | contraction.RULES
    | convolution.RULES
    | rearrange.RULES
    | numeric.RULES
)

# Results that change in jumps or not at all with their operands: no cotangent passes.
PIECEWISE_CONSTANT = frozenset(
    {
        "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "isclose", "allclose",
        "array_equal", "logical_and", "logical_or", "logical_not", "logical_xor", "bitwise_and", "bitwise_or",
        "bitwise_xor", "invert", "all", "any", "argmax", "argmin", "argsort", "argpartition", "argwhere",
        "nonzero", "flatnonzero", "count_nonzero", "searchsorted", "digitize", "bincount", "unique", "sign",
        "signbit", "heaviside", "floor", "ceil", "round", "around", "rint", "fix", "trunc", "floor_divide",
        "isfinite", "isinf", "isnan", "shape", "size", "ndim", "len", "zeros_like", "ones_like", "empty_like",
        "full_like", "int", "bool",
    }
)  # fmt: skip


def passes(node: Node) -> bool:
    """Whether any cotangent can pass through the node to its operands."""
    return node.op not in PIECEWISE_CONSTANT and node.op != "leaf"


def contributions(call: Call) -> Iterator[Contribution]:
    """What the call passes back to its active operands; NoDerivative when no rule covers it."""
    node = call.node
    rule = RULES.get(node.op)
    if rule is None:
        raise NoDerivative("no rule")
    if node.fn is builtins.sum:
        return _builtin_sum(call)
    if node.fn is math.log and len(node.args) > 1:
        raise NoDerivative("logarithm to another base")
    if any(call.wants(value) for key, value in node.kwargs.items() if key != "out"):
        call = replace(call, node=_positional(node))
    return rule(call)


def _builtin_sum(call: Call) -> Iterator[Contribution]:
    """sum(items, start): every item and the start get the whole cotangent."""
    items, *start = call.node.args
    each = np.broadcast_to(call.g, (len(plain(items)), *call.g.shape))
    yield from hand_out(call, items, each)
    for value in start:
        yield from hand_out(call, value, call.g)


def _positional(node: Node) -> Node:
    """The same call with operands that were given by keyword moved to their positions."""
    if node.fn is None:
        raise NoDerivative("an operand is given by keyword")
    bound = inspect.signature(node.fn).bind(*node.args, **node.kwargs)
    return Node(node.id, node.op, node.fn, bound.args, bound.kwargs, node.value, node.span)
