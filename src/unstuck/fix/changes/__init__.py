"""The kinds of small edits that repair a backward pass, one generator per family.

Each takes the parsed code and one node and yields changes: which characters to replace by what.  A family
knows nothing about gradients; whether a change is right is decided by running it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from unstuck.fix.changes.change import Change, Node, applied, distance
from unstuck.fix.changes.factors import factor, term
from unstuck.fix.changes.operands import axis, function, index, name, summed, transpose
from unstuck.fix.changes.operators import comparison, constant, drop, power, product, sign, swap
from unstuck.fix.changes.siblings import analogy, sibling
from unstuck.fix.changes.slopes import formula, slope
from unstuck.fix.changes.statements import (
    assignment,
    clear,
    copied,
    move,
    nest,
    remove,
    scatter,
    target,
)
from unstuck.fix.code import Code

__all__ = ["FAMILIES", "Change", "Node", "applied", "distance"]

FAMILIES: Mapping[str, Callable[[Code, Node], Iterator[Change]]] = {
    family.__name__: family
    for family in (
        comparison, slope, sibling, name, transpose, index, sign, drop, swap, axis, summed, product, function,
        assignment, target, scatter, copied, move, nest, remove, analogy, clear, power, constant, formula, factor, term,
    )
}  # fmt: skip
