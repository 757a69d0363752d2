"""Statements in a loop to which they do not belong: they make anew, in every round, what the rounds should build up.

    for x, y in batch:
        total = np.zeros(3)         # belongs before the loop: what earlier rounds have added is lost
        total += gradient(x, y)

Read off the source: a statement takes nothing that the loop changes, the round goes on to change what it makes, and
the same round does not use the result.  Such a loop does the work of its last round only.  This proves no gradient
wrong; but of one that is, it is the place to change.
"""

from __future__ import annotations

import ast
import linecache
from collections import defaultdict
from collections.abc import Iterator, Sequence

from unstuck.facts import Span
from unstuck.trace.reading.written import Step

Loop = ast.For | ast.While
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
ADDING = {"append", "extend", "insert", "update"}


def remade(step: Step) -> Span | None:
    """The first statement of this kind in a loop that runs several rounds within the step."""
    found = (_span(each, path) for loop, path in _loops(step) for each in loop.body if _lost(each, loop))
    return next(found, None)


def worked_out_again(step: Step) -> Span | None:
    """The first statement that calls a function with nothing that its loop changes, in a loop that makes the updates.

    What it returns differs from round to round all the same, because parameters have moved.
    """
    places = {update.after.span for update in step.updates.values()}
    for loop, path in _loops(step):
        if any(place is not None and place.path == path and _holds(loop, place) for place in places):
            for each in loop.body:
                if (
                    isinstance(each, ast.Assign)
                    and isinstance(each.value, ast.Call)
                    and _is_invariant(each, loop)
                ):
                    return _span(each, path)
    return None


# ----- Loops within a step ------------------------------------------------------------------------------


def _loops(step: Step) -> Iterator[tuple[Loop, str]]:
    """The loops of the source of which one step runs several rounds, with their files."""
    rounds: dict[Span, set[tuple[int, int]]] = defaultdict(set)
    for node in step.nodes:
        if node.span is not None and len(node.context) > len(step.key):
            rounds[node.span].add(node.context[-1])
    again = [span for span, seen in rounds.items() if len({number for _, number in seen}) > 1]
    for path in sorted({span.path for span in again}):
        tree = _parsed(path)
        repeated = [node for node in ast.walk(tree) if isinstance(node, Loop) or _announces(node)]
        innermost = {_innermost(repeated, span) for span in again if span.path == path}
        yield from ((node, path) for node in repeated if node in innermost and isinstance(node, Loop))


def _announces(node: ast.AST) -> bool:
    """Is it a comprehension that calls something for every element, whose rounds are recorded too?"""
    made = getattr(node, "elt", getattr(node, "value", node))
    return isinstance(node, COMPREHENSIONS) and any(isinstance(part, ast.Call) for part in ast.walk(made))


def _parsed(path: str) -> ast.AST:
    try:
        return ast.parse("".join(linecache.getlines(path)))
    except SyntaxError:
        return ast.Module([], [])


def _innermost(repeated: Sequence[ast.AST], span: Span) -> ast.AST | None:
    around = [node for node in repeated if _holds(node, span)]
    return max(around, key=lambda node: (node.lineno, node.col_offset), default=None)  # type: ignore[attr-defined]


def _holds(node: ast.AST, span: Span) -> bool:
    begin = (node.lineno, node.col_offset + 1)  # type: ignore[attr-defined]
    end = (node.end_lineno, (node.end_col_offset or 0) + 1)  # type: ignore[attr-defined]
    return begin <= (span.line, span.column) < end


def _span(node: ast.stmt, path: str) -> Span:
    return Span(path, node.lineno, node.col_offset + 1, node.end_lineno or 0, (node.end_col_offset or 0) + 1)


# ----- What a round makes and loses ---------------------------------------------------------------------


def _lost(statement: ast.stmt, loop: Loop) -> bool:
    """Does it make something that the rest of the round changes, and that this round does not use then?"""
    if not isinstance(statement, ast.Assign) or not _is_invariant(statement, loop):
        return False
    later = loop.body[loop.body.index(statement) + 1 :]
    return any(_changed_last(ast.unparse(target), later) for target in _targets(statement))


def _is_invariant(statement: ast.stmt, loop: Loop) -> bool:
    """Does it name nothing that the loop binds, apart from what it binds itself?"""
    if not isinstance(statement, ast.Assign):
        return False
    bound = {name for each in loop.body if each is not statement for name in _bound(each)}
    bound |= _bound(loop.target) if isinstance(loop, ast.For) else set()
    return bound.isdisjoint(_read(statement.value))


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """What a statement binds, the parts of a tuple one by one."""
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        listed = [statement.target]
    else:
        listed = getattr(statement, "targets", [])
    return [
        part for target in listed for part in (target.elts if isinstance(target, ast.Tuple) else (target,))
    ]


def _bound(node: ast.AST) -> set[str]:
    """All names that are bound here, or in the statements inside."""
    return {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _read(node: ast.AST) -> set[str]:
    """The names that are read here, without those that a comprehension binds for itself."""
    return {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    } - _bound(node)


def _changed_last(title: str, later: Sequence[ast.stmt]) -> bool:
    """Is the last that these statements do with a variable to change it into something made of itself?"""
    touching = [each for each in later if any(_is(part, title) for part in ast.walk(each))]
    return bool(touching) and _changes(touching[-1], title)


def _changes(statement: ast.stmt, title: str) -> bool:
    """Does it do nothing with the variable but change it?"""
    if isinstance(statement, Loop | ast.If | ast.With):
        inner = [each for each in statement.body if any(_is(part, title) for part in ast.walk(each))]
        return bool(inner) and all(_changes(each, title) for each in inner)
    if isinstance(statement, ast.Expr):
        call = statement.value
        method = call.func if isinstance(call, ast.Call) else None
        return isinstance(method, ast.Attribute) and _is(method.value, title) and method.attr in ADDING
    changed = [target for target in _targets(statement) if _is(_base(target), title)]
    again = any(_is(part, title) for part in ast.walk(getattr(statement, "value", statement)))
    if not changed:
        return False
    return isinstance(statement, ast.AugAssign) or isinstance(changed[0], ast.Subscript) or again


def _base(target: ast.expr) -> ast.expr:
    while isinstance(target, ast.Subscript):
        target = target.value
    return target


def _is(node: ast.AST, title: str) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == title
