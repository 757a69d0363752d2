"""Statements of the program as its source has them, also those that did not run in the recorded steps."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache

from unstuck.autodiff.node import Node
from unstuck.facts import Span

Around = ast.For | ast.AsyncFor | ast.While | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LEAVING = (ast.Continue, ast.Break, ast.Return)


def statement_of(node: Node) -> Span | None:
    """Where the value got its last name, if that is another line than the one that computed it; else that one.

    To be stored as an item of something, `sums[0] = error`, gives no name to what has one.
    """
    plain = [place for place, name in zip(node.bound, node.names, strict=False) if not name.endswith("]")]
    named = (plain or node.bound)[-1] if node.bound else None
    if named is None or node.span is None:
        return named or node.span
    inside = named.path == node.span.path and named.line <= node.span.line <= named.end_line
    return node.span if inside else named


def statement_about(near: Span, name: str, changing: bool = False) -> Span | None:
    """The last statement that binds this name in the file of a place, read off the source; None without one.

    changing  only statements that make the new value from the old one
    """
    found = [
        span_of(near, node)
        for node in ast.walk(tree_of(near))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) and _binds(node, name, changing)
    ]
    return max(found, default=None)


def _binds(node: ast.Assign | ast.AugAssign | ast.Expr, name: str, changing: bool) -> bool:
    if isinstance(node, ast.AugAssign):
        return ast.unparse(node.target) == name
    if isinstance(node, ast.Expr):  # np.subtract(..., out=name)
        given = node.value.keywords if isinstance(node.value, ast.Call) else ()
        return any(each.arg == "out" and ast.unparse(each.value) == name for each in given)
    mentions = any(ast.unparse(part) == name for part in ast.walk(node.value) if isinstance(part, ast.expr))
    return any(ast.unparse(target) == name for target in node.targets) and (mentions or not changing)


def clearing(near: Span, name: str) -> Span | None:
    """The last statement in the file of a place that sets what is called so to zeros, but for where it is made first.

    Of `layer.weight.grad` any `.grad` counts: the same array goes by several names.
    """
    last = _last_part(name)
    found = [
        span_of(near, node)
        for scope in ast.walk(tree_of(near))
        if isinstance(scope, Around | ast.Module) and getattr(scope, "name", "") != "__init__"
        for node in scope.body
        if any(_last_part(ast.unparse(cleared)) == last for cleared in _cleared(node))
    ]
    return max(found, default=None)


def _last_part(name: str) -> str:
    return name.partition("[")[0].rpartition(".")[2]


def _cleared(node: ast.stmt) -> Iterator[ast.expr]:
    """What a statement sets to zeros: `a = 0`, `a = np.zeros(...)`, `a[:] = 0.0`, `a *= 0`, `a.fill(0)`."""
    if isinstance(node, ast.Assign) and _is_zero(node.value):
        yield from node.targets
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult) and _is_zero(node.value):
        yield node.target
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        filled = isinstance(call.func, ast.Attribute) and call.func.attr == "fill"
        if filled and call.args and _is_zero(call.args[0]) and isinstance(call.func, ast.Attribute):
            yield call.func.value


def _is_zero(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in ("zeros", "zeros_like")
    return isinstance(value, ast.Constant) and value.value == 0 and not isinstance(value.value, bool)


def stores_old(place: Span) -> bool:
    """Is this `name = name`, an update that leaves the old value as it is?"""
    return any(
        isinstance(node, ast.Assign)
        and span_of(place, node) == place
        and [ast.unparse(target) for target in node.targets] == [ast.unparse(node.value)]
        for node in ast.walk(tree_of(place))
    )


def operand_at(place: Span, position: int) -> str:
    """What is written for one of the two operands of the operation here, if that can be assigned to; else empty.

    Transpositions are left out.
    """
    for node in ast.walk(tree_of(place)):
        parts = (
            _operands(node)
            if isinstance(node, ast.expr | ast.AugAssign) and span_of(place, node) == place
            else []
        )
        if len(parts) == 2 > position:
            part = parts[position]
            while isinstance(part, ast.Attribute) and part.attr == "T":
                part = part.value
            return ast.unparse(part) if isinstance(part, ast.Name | ast.Attribute | ast.Subscript) else ""
    return ""


def item_at(place: Span) -> str:
    """The item that is read here, as it is written: `c[1]`; empty where there is none."""
    items = (node for node in ast.walk(tree_of(place)) if isinstance(node, ast.Subscript))
    return next((ast.unparse(node) for node in items if span_of(place, node) == place), "")


def _operands(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.AugAssign):
        return [node.target, node.value]
    if isinstance(node, ast.Call):
        method = [node.func.value] if isinstance(node.func, ast.Attribute) and len(node.args) == 1 else []
        return [*method, *node.args]
    return []


def is_conditional(place: Span) -> bool:
    """Does it depend on an `if`, within the innermost loop or function, whether the statement here is reached?"""
    around = [node for node in ast.walk(tree_of(place)) if isinstance(node, Around) and holds(node, place)]
    if not around:
        return False
    innermost = max(around, key=lambda node: node.lineno)
    return any(holds(test, place) or _leaves_before(test, place) for test in _tests(innermost))


def side_by_side(one: Span, other: Span) -> bool:
    """Do these two places lie in statements of one block?"""
    return any(
        all(
            any(holds(each, place) and not isinstance(each, Around | ast.If) for each in block)
            for place in (one, other)
        )
        for block in blocks(one)
    )


def depth_in_common(one: Span, other: Span) -> int:
    """How many functions and classes, one in the other, hold both of two places."""
    if one.path != other.path:
        return 0
    scopes = (node for node in ast.walk(tree_of(one)) if isinstance(node, Scope))
    return sum(1 for node in scopes if holds(node, one) and holds(node, other))


def same_function(one: Span, other: Span) -> bool:
    """Do two places lie in the same function, or both in none?"""
    depth = depth_in_common(one, other)
    return one.path == other.path and depth == depth_in_common(one, one) == depth_in_common(other, other)


def holds(node: ast.stmt, place: Span) -> bool:
    """Does the place lie inside this statement?"""
    return node.lineno <= place.line <= (node.end_lineno or node.lineno)


def _tests(node: ast.stmt) -> Iterator[ast.If]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.If))


def _leaves_before(test: ast.If, place: Span) -> bool:
    """Does an earlier `if` skip the rest of the loop or function?"""
    earlier = (test.end_lineno or test.lineno) < place.line
    return earlier and any(isinstance(inner, LEAVING) for inner in ast.walk(test))


def calls_of(place: Span) -> list[Span]:
    """Where the file calls the function in which a place lies, but for calls from `__init__`; the last first."""
    scopes = [node for node in ast.walk(tree_of(place)) if isinstance(node, ast.FunctionDef)]
    around = [scope for scope in scopes if holds(scope, place)]
    if not around:
        return []
    name = max(around, key=lambda scope: scope.lineno).name
    calls = [
        span_of(place, node)
        for node in ast.walk(tree_of(place))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]
    building = [scope for scope in scopes if scope.name == "__init__"]
    return sorted((each for each in calls if not any(holds(scope, each) for scope in building)), reverse=True)


def returned_by(near: Span, line: int) -> Span | None:
    """What the function that begins at this line of the file returns last; None where none begins there."""
    for node in ast.walk(tree_of(near)):
        if isinstance(node, ast.Lambda) and node.lineno == line:
            return span_of(near, node.body)
        if isinstance(node, ast.FunctionDef) and node.lineno == line:
            found = [each for each in ast.walk(node) if isinstance(each, ast.Return)]
            return max((span_of(near, each) for each in found), default=None)
    return None


def is_second_name(place: Span, name: str) -> bool:
    """Is the statement here `name = other`, with nothing done to what has another name already?"""
    return any(
        isinstance(node, ast.Assign)
        and span_of(place, node) == place
        and isinstance(node.value, ast.Name | ast.Attribute)
        and [ast.unparse(target) for target in node.targets] == [name]
        for node in ast.walk(tree_of(place))
    )


def texts_of(statement: ast.stmt, context: type[ast.expr_context]) -> set[str]:
    """The variables, attributes and items that a statement reads or binds, as they are written."""
    found = (
        node for node in ast.walk(statement) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
    )
    return {ast.unparse(node) for node in found if isinstance(node.ctx, context)}


# ----- The file -----------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module([], [])


def tree_of(place: Span) -> ast.Module:
    """The syntax tree of the file that a place lies in; empty where the text is no python."""
    return _parsed("".join(linecache.getlines(place.path)))


def span_of(place: Span, node: ast.stmt | ast.expr) -> Span:
    """Where a node of this file stands."""
    end_column = (node.end_col_offset or 0) + 1
    return Span(place.path, node.lineno, node.col_offset + 1, node.end_lineno or 0, end_column)


def blocks(place: Span) -> Iterator[list[ast.stmt]]:
    """The bodies of the file of a place, of its loops and of its functions."""
    return (node.body for node in ast.walk(tree_of(place)) if isinstance(node, ast.Module | Around))
