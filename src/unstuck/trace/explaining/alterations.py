"""Altered operations: the table of what one recorded operation could have been, the simplest families first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from unstuck.autodiff.node import Node
from unstuck.trace.explaining import altered_operands, altered_operations
from unstuck.trace.explaining.alteration import Alteration
from unstuck.trace.explaining.case import Case

Family = Callable[[Node, Case], Iterator[Alteration]]


def _alone(generate: Callable[[Node], Iterator[Alteration]]) -> Family:
    """A family that needs nothing but the operation."""
    return lambda node, case: generate(node)


FAMILIES: tuple[Family, ...] = (
    _alone(altered_operations.operators),
    _alone(altered_operations.left_out),
    _alone(altered_operations.numbers),
    altered_operations.solved,
    _alone(altered_operations.masks),
    _alone(altered_operations.transposed),
    _alone(altered_operations.axes),
    _alone(altered_operations.indices),
    _alone(altered_operations.functions),
    altered_operands.replaced,
    altered_operands.factors,
    altered_operands.terms,
    altered_operands.replaced_by_errors,
)
