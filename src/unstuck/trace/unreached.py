"""Loops that look like training and that a program was stopped before: nothing is known of them, and that is said."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from unstuck.cells import lines_in_words
from unstuck.facts import Source, Span
from unstuck.trace.running.sources import parsed

TEXT = (
    "the program was stopped when enough had been seen; what the loop{s} at {places} would have trained was not "
    "reached: `--full-run` lets it run to its end"
)


def unreached(sources: Sequence[Source], loops: Sequence[Span]) -> tuple[str, ...]:
    """A sentence about those of these loops in which something is updated; nothing where there is none."""
    found = {source: list(_outermost(_training(source, loops))) for source in sources}
    count = sum(map(len, found.values()))
    if not count:
        return ()
    places = (
        f"{f'{source.path}, ' if len(sources) > 1 else ''}{lines_in_words(source, lines)}"
        for source, lines in found.items()
        if lines
    )
    return (TEXT.format(s="s" if count > 1 else "", places="; ".join(places)),)


def _training(source: Source, loops: Sequence[Span]) -> Iterator[ast.For | ast.While]:
    lines = {span.line for span in loops if span.path == source.path}
    for node in ast.walk(parsed(source.text)) if lines else ():
        if isinstance(node, ast.For | ast.While) and node.lineno in lines and _updates(node):
            yield node


def _outermost(loops: Iterable[ast.For | ast.While]) -> Iterator[int]:
    """The lines of loops that lie in none of the others."""
    end = 0
    for loop in sorted(loops, key=lambda node: node.lineno):
        if loop.lineno > end:
            yield loop.lineno
            end = loop.end_lineno or loop.lineno


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
