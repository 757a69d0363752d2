"""The loops of the program as its source has them: what stands around, before and behind a statement."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from unstuck.facts import Span
from unstuck.trace.judging.statements import Around, blocks, holds, span_of, texts_of, tree_of


def loop_over_literals(place: Span) -> Span | None:
    """Where the loop around this statement takes what it reads from lists that are written out there, if it does."""
    loops = [each for each in ast.walk(tree_of(place)) if isinstance(each, ast.For) and holds(each, place)]
    inner = max(loops, key=lambda loop: loop.lineno, default=None)
    if inner is None or not any(isinstance(each, ast.List | ast.Tuple) for each in ast.walk(inner.iter)):
        return None
    return span_of(place, inner.iter)


def set_before_loop(place: Span, name: str) -> Span | None:
    """The last statement that binds this name before the loop around a place, in the block of that loop."""
    for block in blocks(place):
        for index, statement in enumerate(block):
            if isinstance(statement, ast.For | ast.While) and holds(statement, place):
                found = [each for each in block[:index] if name in texts_of(each, ast.Store)]
                if found:
                    return span_of(place, found[-1])
    return None


def uses_finished_loop(place: Span) -> bool:
    """Does the statement here use a variable of a `for` loop that has ended just before, in the same block?"""
    for block in blocks(place):
        for index, statement in enumerate(block):
            if holds(statement, place) and not isinstance(statement, Around):
                used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
                loops = [each for each in block[:index] if isinstance(each, ast.For)]
                return any(not used.isdisjoint(_variables(loop)) for loop in loops)
    return False


def left_by_loop(place: Span, inside: Iterable[Span]) -> set[str]:
    """What a statement reads that follows, in one block, the loop with all the places inside; else nothing.

    Names that are bound anew behind the loop are no longer those of the loop.
    """
    for block in blocks(place):
        for index, statement in enumerate(block):
            if holds(statement, place) and not isinstance(statement, Around):
                for at, loop in enumerate(block[:index]):
                    if isinstance(loop, ast.For | ast.While) and all(holds(loop, other) for other in inside):
                        anew = [text for each in block[at + 1 : index] for text in texts_of(each, ast.Store)]
                        return texts_of(statement, ast.Load) - {*anew}
    return set()


def _variables(loop: ast.For) -> set[str]:
    return {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}


def index_made_at(place: Span) -> Iterator[Span]:
    """Where the index is worked out at which the statement here stores something, in its own block; nearest first."""
    for block in blocks(place):
        for at, statement in enumerate(block):
            if holds(statement, place) and isinstance(statement, ast.Assign | ast.AugAssign | ast.For):
                names = _index_names(statement)
                for earlier in reversed(block[:at]):
                    if isinstance(earlier, ast.Assign) and names & texts_of(earlier, ast.Store):
                        names = names | texts_of(earlier, ast.Load)
                        yield span_of(place, earlier)


def _index_names(statement: ast.stmt) -> set[str]:
    """The names in the indices at which a statement, or one inside of it, stores."""
    stored = (
        node
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    )
    return {name.id for node in stored for name in ast.walk(node.slice) if isinstance(name, ast.Name)}
