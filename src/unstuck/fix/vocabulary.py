"""The words of a program: what its names are, and which of them never hold an array."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def identifier(node: ast.AST) -> str:
    """The word that a node contributes to the vocabulary of a file: a name, an attribute or a literal key."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def without_arrays(tree: ast.Module) -> set[str]:
    """Names that only ever hold plain numbers, lengths, loop counters or generators of random numbers."""
    plain: dict[str, bool] = {}
    for node in ast.walk(tree):
        for name, is_plain in _bindings(node):
            plain[name] = plain.get(name, True) and is_plain
    return {name for name, always in plain.items() if always}


def _bindings(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names that a statement or a parameter list binds, and whether to something plain."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from ((name, _is_plain(node.value)) for name in _names(target))
    elif isinstance(node, ast.AugAssign):
        yield from ((name, _is_plain(node.value)) for name in _names(node.target))
    elif isinstance(node, ast.For | ast.comprehension):
        counting = _called(node.iter)
        first = node.target.elts[0] if isinstance(node.target, ast.Tuple) else node.target
        counters = _names(first) if counting in ("range", "enumerate") else set()
        yield from ((name, name in counters) for name in _names(node.target))
    elif isinstance(node, ast.arg):
        yield node.arg, False


def _is_plain(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp):
        return _is_plain(value.left) and _is_plain(value.right)
    if isinstance(value, ast.Tuple):
        return all(_is_plain(item) for item in value.elts)
    numbers = ("len", "int", "float", "range", "default_rng", "RandomState")
    return isinstance(value, ast.Constant) or _called(value) in numbers


def _called(node: ast.expr) -> str:
    """The last word of the function that an expression calls; empty when it is no call."""
    return identifier(node.func) if isinstance(node, ast.Call) else ""


def _names(target: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
