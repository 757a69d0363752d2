"""One altered operation: what is wrong with it as written, and what it gives when it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import label
from unstuck.trace.explaining.pool import Item, Pool
from unstuck.trace.judging.statements import operand_at

Value = Callable[[Node, Pool], Array | None]
OVERWRITTEN = "gradient-overwritten"
OF_OMISSIONS = {"factor-missing", "term-missing"}


@dataclass(frozen=True)
class Alteration:
    """kind and text say what is wrong with the operation as written; `value` computes what it gives when altered.

    culprit  the operand that does not belong there, if it is one
    lacking  the operand to which something should have been done before, if it is one
    item     what belongs there instead, or besides, if it is something at hand in the step
    of_itself  is it a function of what stands there, which takes nothing else from the step?
    signed   False where the sign of the result is a convention: an error may be output - target or the reverse
    """

    kind: str
    text: str
    value: Value
    culprit: Node | None = None
    item: Item | None = None
    signed: bool = True
    lacking: Node | None = None
    of_itself: bool = False


def with_operand(node: Node, position: int, value: Array) -> Node:
    """The operation with another array as one of its operands."""
    old = node.args[position]
    identity = old.id if isinstance(old, Node) else node.id
    stand_in = Node(identity, "leaf", None, (), {}, value, None)
    return with_args(node, tuple(stand_in if i == position else arg for i, arg in enumerate(node.args)))


def with_args(node: Node, args: tuple[object, ...]) -> Node:
    """The operation with other arguments."""
    return Node(node.id, node.op, node.fn, args, node.kwargs, node.value, node.span)


def applied(node: Node) -> Array:
    """The operation run on its operands' recorded values."""
    return np.asarray(run(node, {}))


def number(value: object) -> Array:
    """An operand, recorded or plain, as an array of float64."""
    return np.asarray(value.value if isinstance(value, Node) else value, float)


def title(value: object) -> str:
    """What a person would call an operand."""
    if isinstance(value, Node) and (value.names or np.ndim(value.value)):
        return label(value)
    plain = value.value if isinstance(value, Node) else value
    return f"{float(plain):g}" if isinstance(plain, int | float | np.number) else repr(plain)


def title_at(node: Node, position: int) -> str:
    """The same for an operand at its position: what has no name is called as the source has it."""
    operand = node.args[position]
    named = isinstance(operand, Node) and (operand.names or np.ndim(operand.value))
    written = operand_at(node.span, position) if node.span is not None and not named else ""
    return written or title(operand)
