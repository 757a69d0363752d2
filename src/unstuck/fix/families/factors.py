"""Families that add what was left out: a derivative, a mask, a term; or give a function another formula."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.code import Code, loose
from unstuck.fix.families.change import Change, Node, arity, assigned


def factor(code: Code, node: Node) -> Iterator[Change]:
    """A derivative or a mask that was left out: the value assigned is multiplied by it."""
    value = assigned(node)
    if value is None:
        return
    low, high = code.range(value)
    left, right = ("(", ")") if loose(value) else ("", "")
    for new in _derivatives(code, node):
        yield Change(((low, low, left), (high, high, f"{right} * {new}")), f"multiply by {new}")


def term(code: Code, node: Node) -> Iterator[Change]:
    """A term that was left out: another value at hand is added to the value assigned."""
    value = assigned(node)
    if value is None or isinstance(node, ast.AugAssign):
        return
    end = code.range(value)[1]
    for new in _values(code, node):
        yield Change(((end, end, f" + {new}"),), f"add {new}")


def formula(code: Code, node: Node) -> Iterator[Change]:
    """The body of a function of one array becomes another activation's derivative."""
    scope = code.scope(node)
    if isinstance(node, ast.Return) and node.value is not None and isinstance(scope, ast.FunctionDef):
        names = [item.arg for item in scope.args.args if item.arg not in ("self", "cls")]
        if len(names) == 1:
            for new in _shapes(names[0]):
                text = new[1:-1] if new.startswith("(") else new
                yield Change(((*code.range(node.value), text),), f"return {text}")


def _values(code: Code, node: Node) -> list[str]:
    """The values at hand, without those that the statement assigns."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    taken = {code.words(target) for target in targets if isinstance(target, ast.expr)}
    return [value for value in code.data_names(node) if value not in taken]


def _derivatives(code: Code, node: Node) -> Iterator[str]:
    """Factors at hand: derivatives written with the values in scope, the script's own derivatives, masks."""
    here = code.scope(node)
    own = [function for function in code.functions.values() if arity(function) == 1 and function is not here]
    written = [
        function.name for function in own if re.search(r"(?i)deriv|prime|grad|back|^d_?[a-z]", function.name)
    ]
    for value in _values(code, node):
        yield from (f"{function}({value})" for function in written)
        yield from _shapes(value)
        if re.search(r"(?i)mask|drop", value):
            yield value


def _shapes(value: str) -> tuple[str, ...]:
    """The derivatives of rectifier, sigmoid and tanh, written with the activated value."""
    return f"({value} > 0)", f"{value} * (1 - {value})", f"(1 - {value} ** 2)"
