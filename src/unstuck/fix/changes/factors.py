"""Families that add what was left out: a derivative, a mask, a term."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, assigned
from unstuck.fix.changes.slopes import own_derivatives, simple_shapes
from unstuck.fix.code import Code, loose

MASKS = re.compile(r"(?i)mask|drop|keep")


def factor(code: Code, node: Node) -> Iterator[Change]:
    """A derivative or a mask that was left out: the value assigned is multiplied by it."""
    value = assigned(node)
    if value is None:
        return
    low, high = code.range(value)
    left, right = ("(", ")") if loose(value) else ("", "")
    for new in _derivatives(code, node):
        size = 1 if MASKS.search(new) else None
        yield Change(((low, low, left), (high, high, f"{right} * {new}")), f"multiply by {new}", size)


def term(code: Code, node: Node) -> Iterator[Change]:
    """A term that was left out: another value at hand is added to the value assigned."""
    value = assigned(node)
    if value is None or isinstance(node, ast.AugAssign):
        return
    end = code.range(value)[1]
    for new in _values(code, node):
        yield Change(((end, end, f" + {new}"),), f"add {new}")


def _values(code: Code, node: Node) -> list[str]:
    """The values at hand, without those that the statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    taken = {code.words(target) for target in targets if isinstance(target, ast.expr)}
    return [value for value in code.data_names(node) if value not in taken]


def _derivatives(code: Code, node: Node) -> Iterator[str]:
    """Factors at hand: derivatives written with the values in scope, the script's own derivatives, masks."""
    for value in _values(code, node):
        yield from own_derivatives(code, node, value)
        yield from simple_shapes(value)
        if MASKS.search(value):
            yield value
