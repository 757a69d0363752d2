"""Families that change what a value is: another name, element, axis, or the transpose."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, arity, assigned, distance, multiplied, short
from unstuck.fix.code import Code, loose
from unstuck.fix.vocabulary import identifier

_FAR = 4  # characters; above that, names are equally far from each other
_REDUCTIONS = ("sum", "mean", "max", "min", "argmax", "argmin", "std", "var")
_OPPOSITES = {"maximum": "minimum", "minimum": "maximum", "sin": "cos", "cos": "sin", "exp": "log", "log": "exp",
              "zeros_like": "ones_like", "ones_like": "zeros_like", "outer": "dot", "dot": "multiply",
              "multiply": "dot", "add": "subtract", "subtract": "add", "sum": "mean", "max": "sum"}  # fmt: skip


def name(code: Code, node: Node) -> Iterator[Change]:
    """Another variable, attribute, key or function that is at hand takes the place of one."""
    for other in _others(code, node):
        if other != code.words(node):
            title = f"use {other} instead of {short(code, node)}"
            yield Change(((*code.range(node), other),), title, min(distance(code.words(node), other), _FAR))


def _others(code: Code, node: Node) -> list[str]:
    """What could stand in the place of a value or a function."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        function = code.functions.get(node.id)
        if function is not None:
            same = [other for other in code.functions.values() if arity(other) == arity(function)]
            return [other.name for other in same]
        values = code.data_names(node)
        parent = code.parent[node]
        if isinstance(
            parent, ast.Subscript
        ):  # an array for an array that is indexed; an index is not replaced
            return [other for other in values if other in code.indexed] if parent.value is node else []
        return values if node.id in values else []
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load):
        rows = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)
        return code.members(node) or (code.data_names(node) if rows else code.methods(node))
    drawn = isinstance(node, ast.BinOp | ast.Call | ast.Compare)
    if drawn and re.search(r"rand|binomial|choice", code.words(node)):
        return code.data_names(node)  # a mask drawn again instead of kept
    return []


def transpose(code: Code, node: Node) -> Iterator[Change]:
    """`.T` is added to an operand of a matrix product or taken away."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        low, high = code.range(node)
        yield Change(((code.range(node.value)[1], high, ""),), f"leave out .T of `{code.text[low:high]}`")
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call) and multiplied(code, node):
        end = code.range(node)[1]
        yield Change(((end, end, ".T"),), f"transpose `{short(code, node)}`")


def axis(code: Code, node: Node) -> Iterator[Change]:
    """A reduction runs over another axis."""
    if not (isinstance(node, ast.Call) and identifier(node.func) in _REDUCTIONS):
        return
    if isinstance(node.func, ast.Name) and node.func.id not in code.imported and not node.keywords:
        return  # python's own sum
    given = [keyword.value for keyword in node.keywords if keyword.arg == "axis"]
    given += [item for item in node.args if isinstance(item, ast.Constant)][:1]
    for new in ("0", "1", "-1"):
        if given and code.words(given[0]) != new:
            yield Change(((*code.range(given[0]), new),), f"reduce over axis {new}")
    if not given:
        end = code.range(node)[1] - 1
        comma = ", " if node.args or node.keywords else ""
        for new in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True"):
            yield Change(((end, end, comma + new),), f"reduce with {new}")


def summed(code: Code, node: Node) -> Iterator[Change]:
    """A value that is assigned is summed over one axis, as the gradient of a bias is over the rows."""
    value = assigned(node)
    if isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp):
        low, high = code.range(value)
        left, right = ("(", ")") if isinstance(value, ast.BinOp) or loose(value) else ("", "")
        for new in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True"):
            pieces = ((low, low, left), (high, high, f"{right}.sum({new})"))
            yield Change(pieces, f"sum `{short(code, value)}` over {new}")


def index(code: Code, node: Node) -> Iterator[Change]:
    """The neighbouring element is taken: i + 1, i - 1, or the plain i."""
    if not isinstance(node, ast.Subscript):
        return
    place = node.slice
    words, span = code.words(place), code.range(place)
    others: list[str] = []
    if isinstance(place, ast.Constant) and isinstance(place.value, int):
        others = [str(place.value + 1), str(place.value - 1)]
    elif isinstance(place, ast.Name | ast.UnaryOp):
        others = [f"{words} + 1", f"{words} - 1"]
    elif isinstance(place, ast.BinOp) and isinstance(place.right, ast.Constant):
        others = [code.words(place.left)]
        if isinstance(place.op, ast.Add | ast.Sub):
            start = code.text[span[0] : code.range(place.left)[1]]
            step = code.words(place.right)
            others += [f"{start} + {step}", f"{start} - {step}"]
    for new in others:
        if new != words:
            yield Change(((*span, new),), f"take element {new} instead of {words} in `{short(code, node)}`")


def function(code: Code, node: Node) -> Iterator[Change]:
    """A function of NumPy's gives way to its opposite number."""
    if isinstance(node, ast.Attribute) and isinstance(code.parent.get(node), ast.Call):
        new = _OPPOSITES.get(node.attr)
        if new is not None:
            high = code.range(node)[1]
            yield Change(((high - len(node.attr), high, new),), f"{new} instead of {node.attr}")
