"""Families that change statements: where they stand, whether they stand there, and what they assign to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, Piece, loaded, rebound, short
from unstuck.fix.code import Code

_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
_LOOPS = (ast.For, ast.While)
_NAMES = (ast.Name, ast.Attribute, ast.Subscript)


# ----- Where it stands ----------------------------------------------------------------------------------


def move(code: Code, node: Node) -> Iterator[Change]:
    """An update that comes before the old value is used moves to the end of its block.

    Other places in the block follow, the nearest first, where one of the statements passed has to do with it.
    """
    if not isinstance(node, ast.stmt):
        return
    block = code.block(node)
    used = _mentioned(node)
    for statement in block[: block.index(node) + 1]:
        target = statement.target if isinstance(statement, ast.AugAssign) else rebound(statement)
        if target is None or (statement is not node and ast.dump(loaded(target)) not in used):
            continue
        last = block[-2] if isinstance(block[-1], ast.Return | ast.Break | ast.Continue) else block[-1]
        pieces = (
            _shifted(code, (statement,), last, behind=True)
            if block.index(statement) < block.index(last)
            else ()
        )
        if pieces:
            yield Change(pieces, f"move `{short(code, statement)}` to the end of its block", 1)
    if isinstance(node, _SIMPLE):
        yield from _elsewhere(code, node, block)


def _elsewhere(code: Code, node: ast.stmt, block: list[ast.stmt]) -> Iterator[Change]:
    """Every other place of a statement in its block that a dependency can tell from the present one."""
    own, bound, place = _mentioned(node), _bound(node), block.index(node)
    related = [
        (number, other)
        for number, other in enumerate(block)
        if other is not node and (own & _bound(other) or bound & _mentioned(other))
    ]
    for number, other in related:
        pieces = _shifted(code, (node,), other, behind=number > place)
        where = "behind" if number > place else "before"
        if pieces:
            title = f"move `{short(code, node)}` {where} `{short(code, other)}`"
            yield Change(pieces, title, 2 + abs(number - place))


def nest(code: Code, node: Node) -> Iterator[Change]:
    """A statement behind a loop moves into it; one inside a loop moves before or behind it.

    Updates that stand together move alone or together.
    """
    if not isinstance(node, _SIMPLE):
        return
    block = code.block(node)
    place = block.index(node)
    together = _run(block, place)
    loop = next((item for item in reversed(block[:place]) if isinstance(item, _LOOPS)), None)
    for run in dict.fromkeys(((node,), together)):
        title = f"move `{short(code, run[0])}`" + (" and what follows" if len(run) > 1 else "")
        if loop is not None and (pieces := _shifted(code, run, loop.body[-1], behind=True)):
            yield Change(pieces, f"{title} into the loop", 2)
        parent = code.parent[node]
        if isinstance(parent, _LOOPS) and len(parent.body) > len(run):
            for behind in (True, False):
                if pieces := _shifted(code, run, parent, behind=behind):
                    yield Change(pieces, f"{title} {'behind' if behind else 'before'} the loop", 2)


def _run(block: list[ast.stmt], place: int) -> tuple[ast.stmt, ...]:
    """The updates that stand together around a place."""
    low = high = place
    while low > 0 and isinstance(block[low - 1], ast.AugAssign | ast.Assign):
        low -= 1
    while high + 1 < len(block) and isinstance(block[high + 1], ast.AugAssign | ast.Assign):
        high += 1
    return tuple(block[low : high + 1])


# ----- Whether it stands there --------------------------------------------------------------------------


def remove(code: Code, node: Node) -> Iterator[Change]:
    """An assignment that should not be there."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        lines = code.lines(node) if len(code.block(node)) > 1 else None
        piece = (*lines, "") if lines else (*code.range(node), "pass")
        yield Change((piece,), f"leave out `{short(code, node)}`")


def clear(code: Code, node: Node) -> Iterator[Change]:
    """A sum that is never set back to zero: a method that does it is called, or the array is cleared."""
    if not isinstance(node, ast.stmt):
        return
    where: ast.AST = node
    while isinstance(where, ast.stmt) and not isinstance(where, ast.FunctionDef):
        block = code.block(where)
        for place in dict.fromkeys((where, block[-1])):
            lines = None if isinstance(place, ast.Return) else code.lines(place)
            if lines is not None:
                for call in _clearing(code, node):
                    text = f"{code.indent(place)}{call}\n"
                    yield Change(((lines[1], lines[1], text),), f"add `{call}`", 4)
        where = code.parent[where]


def _clearing(code: Code, node: ast.stmt) -> Iterator[str]:
    """Calls without arguments that the file offers here, and the clearing of each sum of the file."""
    for function in code.functions.values():
        owner = code.parent[function]
        if isinstance(owner, ast.ClassDef):
            if code.owner(node) is owner and len(function.args.args) == 1 and function.name != "__init__":
                yield f"self.{function.name}()"
        elif not function.args.args:
            yield f"{function.name}()"
    sums = [item.target for item in code.updates if isinstance(item, ast.AugAssign)]
    for text in dict.fromkeys(code.words(target) for target in sums):
        yield f"{text}[...] = 0"


# ----- What it assigns ----------------------------------------------------------------------------------


def assignment(code: Code, node: Node) -> Iterator[Change]:
    """= becomes += (a sum that was overwritten), += becomes = (a sum that nobody asked for)."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], _NAMES):
        low, high = code.range(node.targets[0])[1], code.range(node.value)[0]
        at = code.text.index("=", low, high)
        yield Change(((at, at, "+"),), "= becomes +=")
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        low, high = code.range(node.target)[1], code.range(node.value)[0]
        at = code.text.index("=", low, high)
        yield Change(((at - 1, at, ""),), f"{code.text[at - 1 : at + 1]} becomes =")


def target(code: Code, node: Node) -> Iterator[Change]:
    """The value goes to another name."""
    old: ast.expr | None = node.target if isinstance(node, ast.AugAssign) else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        old = node.targets[0]
    if isinstance(old, ast.Name):
        others = code.data_names(old)
    elif isinstance(old, ast.Attribute | ast.Subscript):
        others = code.members(old)
    else:
        return
    for other in others:
        if other != code.words(old):
            size = 1 if other in code.unmoved else None
            title = f"assign to {other} instead of {code.words(old)}"
            yield Change(((*code.range(old), other),), title, size)


def scatter(code: Code, node: Node) -> Iterator[Change]:
    """x[rows] += d counts a repeated row once; np.add.at counts it as often as it comes."""
    if not (isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript)):
        return
    name = {ast.Add: "add", ast.Sub: "subtract"}.get(type(node.op))
    if name is None or isinstance(node.target.slice, ast.Slice | ast.Constant):
        return
    place, rows, value = (code.words(part) for part in (node.target.value, node.target.slice, node.value))
    rows = f"({rows})" if isinstance(node.target.slice, ast.Tuple) else rows
    call = f"{code.numpy}.{name}.at({place}, {rows}, {value})"
    yield Change(((*code.range(node), call),), f"add up repeated rows with {name}.at", 5)


def copied(code: Code, node: Node) -> Iterator[Change]:
    """A second name for an array becomes an array of its own, as it is or of zeros."""
    if isinstance(node, ast.Assign) and isinstance(node.value, _NAMES):
        low, high = code.range(node.value)
        zeros = f"{code.numpy}.zeros_like("
        yield Change(((high, high, ".copy()"),), f"copy `{short(code, node.value)}`")
        yield Change(((low, low, zeros), (high, high, ")")), f"zeros like `{short(code, node.value)}`")


# ----- Lines --------------------------------------------------------------------------------------------


def _shifted(code: Code, run: tuple[ast.stmt, ...], other: ast.stmt, *, behind: bool) -> tuple[Piece, ...]:
    """The pieces that move whole lines behind or before another statement, indented as that is.

    One statement that shares its line, or is to share another, is moved with its semicolon.
    """
    lines = [code.lines(statement) for statement in run]
    goal = code.lines(other)
    if goal is None or None in lines:
        return _along_a_line(code, run[0], other, behind=behind) if len(run) == 1 else ()
    low, high = lines[0][0], lines[-1][1]  # type: ignore[index]
    at = goal[1] if behind else goal[0]
    old, new = code.indent(run[0]), code.indent(other)
    moved = "".join(
        new + line.removeprefix(old) if line.strip() else line
        for line in code.text[low:high].splitlines(keepends=True)
    )
    if at == high and behind:  # the last line of a loop, whose end is its own
        return ((low, high, moved),) if old != new else ()
    missing = "" if not behind or code.text[:at].endswith("\n") else "\n"
    if missing:
        moved = missing + moved.removesuffix("\n")
    elif not moved.endswith("\n"):
        moved += "\n"
    return (low, high, ""), (at, at, moved)


def _along_a_line(code: Code, statement: ast.stmt, other: ast.stmt, *, behind: bool) -> tuple[Piece, ...]:
    """The pieces that move a statement from or to a line of several; empty where one of them is more than a line."""
    taken = code.lines(statement) or _between_semicolons(code, statement)
    simple = all(isinstance(each, _SIMPLE) and each.lineno == each.end_lineno for each in (statement, other))
    if taken is None or not simple:
        return ()
    words, goal = code.words(statement), code.lines(other)
    low, high = code.range(other)
    if goal is None:
        added = (high, high, f"; {words}") if behind else (low, low, f"{words}; ")
    else:
        at = goal[1] if behind else goal[0]
        if not code.text[:at].endswith("\n"):
            return ()
        added = (at, at, f"{code.indent(other)}{words}\n")
    return (*taken, ""), added


def _between_semicolons(code: Code, statement: ast.stmt) -> tuple[int, int] | None:
    """A statement of a line of several, with what separates it from the next, or from the one before."""
    block, (low, high) = code.block(statement), code.range(statement)
    place = block.index(statement)
    for other in block[place + 1 : place + 2]:
        if other.lineno == statement.end_lineno:
            return low, code.range(other)[0]
    for other in block[max(place - 1, 0) : place]:
        if other.end_lineno == statement.lineno:
            return code.range(other)[1], high
    return None


def _mentioned(node: ast.AST) -> set[str]:
    return {ast.dump(loaded(item)) for item in ast.walk(node) if isinstance(item, ast.Name | ast.Attribute)}


def _bound(node: ast.stmt) -> set[str]:
    """What a statement assigns to, changes in place included."""
    targets = [node.target] if isinstance(node, ast.AugAssign) else getattr(node, "targets", [])
    found: set[str] = set()
    for item in targets:
        while isinstance(item, ast.Subscript):
            item = item.value
        found |= _mentioned(item)
    return found
