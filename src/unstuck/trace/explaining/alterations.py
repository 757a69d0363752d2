"""Altered operations: the table of what one recorded operation could have been, the simplest families first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from unstuck.autodiff.node import Node
from unstuck.trace.explaining import altered_operands, altered_operations, altered_parts
from unstuck.trace.explaining.alteration import Alteration
from unstuck.trace.explaining.case import Case

Family = Callable[[Node, Case], Iterator[Alteration]]


def _alone(generate: Callable[[Node], Iterator[Alteration]]) -> Family:
    """A family that needs nothing but the operation."""
    return lambda node, case: generate(node)


OF_ONE_OPERATION: tuple[Family, ...] = (
    _alone(altered_operations.minus_extra),
    _alone(altered_operations.operators),
    _alone(altered_operations.left_out),
    _alone(altered_operations.minus_missing),
    _alone(altered_operations.numbers),
    altered_operations.solved,
    _alone(altered_parts.masks),
    _alone(altered_operations.transposed),
    _alone(altered_operations.axes),
    _alone(altered_parts.indices),
    _alone(altered_parts.added_up),
    _alone(altered_parts.started),
    _alone(altered_operations.functions),
)
WITH_OTHER_VALUES: tuple[Family, ...] = (
    altered_operands.replaced,
    altered_operands.factors,
    altered_operands.terms,
)
FAMILIES = (*OF_ONE_OPERATION, *WITH_OTHER_VALUES, altered_operands.replaced_by_errors)
