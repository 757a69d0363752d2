"""Statements of the program as its source has them, also those that did not run in the recorded steps."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator

from unstuck.facts import Span

Statement = ast.Assign | ast.AugAssign
AROUND = (ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef)
LEAVING = (ast.Continue, ast.Break, ast.Return)


def statement_about(near: Span, name: str, changing: bool = False) -> Span | None:
    """The last statement that binds this name in the file of a place, read off the source; None without one.

    changing  only statements that make the new value from the old one
    """
    try:
        tree = ast.parse("".join(linecache.getlines(near.path)))
    except SyntaxError:
        return None
    found = [
        Span(
            near.path, node.lineno, node.col_offset + 1, node.end_lineno or 0, (node.end_col_offset or 0) + 1
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AugAssign) and _binds(node, name, changing)
    ]
    return max(found, default=None)


def _binds(node: ast.Assign | ast.AugAssign, name: str, changing: bool) -> bool:
    if isinstance(node, ast.AugAssign):
        return ast.unparse(node.target) == name
    mentions = any(ast.unparse(part) == name for part in ast.walk(node.value) if isinstance(part, ast.expr))
    return any(ast.unparse(target) == name for target in node.targets) and (mentions or not changing)


def is_conditional(place: Span) -> bool:
    """Does it depend on an `if`, within the innermost loop or function, whether the statement here is reached?"""
    try:
        tree = ast.parse("".join(linecache.getlines(place.path)))
    except SyntaxError:
        return False
    around = [node for node in ast.walk(tree) if isinstance(node, AROUND) and _holds(node, place)]
    if not around:
        return False
    innermost = max(around, key=lambda node: node.lineno)
    return any(_holds(test, place) or _leaves_before(test, place) for test in _tests(innermost))


def _holds(node: ast.stmt, place: Span) -> bool:
    """Does the place lie inside this statement?"""
    return node.lineno <= place.line <= (node.end_lineno or node.lineno)


def _tests(node: ast.stmt) -> Iterator[ast.If]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.If))


def _leaves_before(test: ast.If, place: Span) -> bool:
    """Does an earlier `if` skip the rest of the loop or function?"""
    earlier = (test.end_lineno or test.lineno) < place.line
    return earlier and any(isinstance(inner, LEAVING) for inner in ast.walk(test))


def uses_finished_loop(place: Span) -> bool:
    """Does the statement here use a variable of a `for` loop that has ended just before, in the same block?"""
    try:
        tree = ast.parse("".join(linecache.getlines(place.path)))
    except SyntaxError:
        return False
    blocks = (getattr(node, "body", ()) for node in ast.walk(tree) if isinstance(node, AROUND))
    for block in (block for block in blocks if isinstance(block, list)):
        for index, statement in enumerate(block):
            if _holds(statement, place) and not isinstance(statement, AROUND):
                used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
                loops = [each for each in block[:index] if isinstance(each, ast.For)]
                return any(not used.isdisjoint(_variables(loop)) for loop in loops)
    return False


def _variables(loop: ast.For) -> set[str]:
    return {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}


def names_after_loop(place: Span, inside: Iterable[Span]) -> set[str]:
    """The names that a statement uses which directly follows the loop with all the places inside; else none."""
    try:
        tree = ast.parse("".join(linecache.getlines(place.path)))
    except SyntaxError:
        return set()
    blocks = (getattr(node, "body", ()) for node in ast.walk(tree) if isinstance(node, AROUND))
    for block in (block for block in blocks if isinstance(block, list)):
        for index, statement in enumerate(block):
            if _holds(statement, place) and not isinstance(statement, AROUND):
                loops = [each for each in block[:index] if isinstance(each, ast.For | ast.While)]
                if any(all(_holds(loop, other) for other in inside) for loop in loops):
                    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return set()
