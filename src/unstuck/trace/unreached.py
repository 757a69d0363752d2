"""Loops that look like training and that a program was stopped before: nothing is known of them, and that is said."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from unstuck.facts import Source, Span
from unstuck.trace.running.sources import parsed

TEXT = (
    "the program was stopped when enough had been seen; what {lines} would have trained was not reached: "
    "`--full-run` lets it run to its end"
)


def unreached(sources: Sequence[Source], loops: Sequence[Span]) -> tuple[str, ...]:
    """A sentence about those of these loops in which something is updated; nothing where there is none."""
    trees = {source.path: parsed(source.text) for source in sources}
    places = {(span.path, span.line) for span in loops}
    found = sorted(
        place
        for place in places
        if place[0] in trees and any(_updates(loop) for loop in _at(trees[place[0]], place[1]))
    )
    if not found:
        return ()
    several = len({source.path for source in sources}) > 1
    named = [f"{path}:{line}" if several else str(line) for path, line in found]
    noun = "the loop at line " if len(found) == 1 else "the loops at lines "
    return (TEXT.format(lines=noun + ", ".join(named)),)


def _at(tree: ast.AST, line: int) -> Iterator[ast.For | ast.While]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While) and node.lineno == line)


def _updates(loop: ast.For | ast.While) -> bool:
    """Is something here less by what was computed than it was, or more by a rate times a product of matrices?

    (What counts or adds up is everywhere.)
    """
    return any(_descends(node) for node in ast.walk(loop))


def _descends(node: ast.AST) -> bool:
    if isinstance(node, ast.AugAssign):
        down = isinstance(node.op, ast.Sub) and not isinstance(node.value, ast.Constant)
        return down or (isinstance(node.op, ast.Add) and _is_step(node.value))
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.BinOp):
        return False
    old = ast.unparse(node.value.left) == ast.unparse(node.targets[0])
    return old and isinstance(node.value.op, ast.Sub) and not isinstance(node.value.right, ast.Constant)


def _is_step(value: ast.expr) -> bool:
    scaled = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult)
    return scaled and any(
        isinstance(node, ast.MatMult) or (isinstance(node, ast.Attribute) and node.attr in ("dot", "outer"))
        for node in ast.walk(value)
    )
