"""Mutations of statements: left out, doubled, moved, in the wrong loop, overwriting instead of accumulating."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from faults import roles
from faults.changes import (
    DERIVATIVE,
    FACTOR,
    KEPT,
    OPERAND,
    OPERATOR,
    OTHER_DERIVATIVE,
    STALE,
    Change,
    Scope,
    called,
    is_slope,
    is_update,
    operator,
)

SIMPLE = ast.Assign | ast.AugAssign | ast.Expr


def _movable(scope: Scope, node: ast.AST) -> bool:
    """A statement that has its lines for itself and is neither a docstring nor a print."""
    if not isinstance(node, SIMPLE) or not scope.file.alone(node):
        return False
    return not (
        isinstance(node, ast.Expr)
        and (not isinstance(node.value, ast.Call) or called(node.value) in ("print", "append"))
    )


@operator("statement deleted")
def deleted(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """A statement left out."""
    if not _movable(scope, node) or not isinstance(node, SIMPLE):
        return
    block = scope.file.siblings(node)
    edit = scope.file.replaced(node, "pass") if len(block) == 1 else scope.file.lines(node)
    yield Change((edit,), *_of_missing(scope, node))


def _of_missing(scope: Scope, node: ast.stmt) -> tuple[str, tuple[str, ...]]:
    text, name = scope.file.of(node), roles.target(node)
    if is_update(scope, node):
        return "never updated", ("parameter-never-updated",)
    if roles.role(name) == "state":
        return "optimiser state", ("optimiser",)
    if _zeroes_where(node):
        return DERIVATIVE, OTHER_DERIVATIVE
    if "zeros" in text or "clear" in text or text.endswith(("= 0", "= 0.0", ".fill(0)", ".fill(0.0)")):
        return "accumulation", ("gradient-not-cleared",)
    if any(is_slope(scope, each) for each in ast.walk(node)) or roles.role(text) == "slope":
        return DERIVATIVE, OTHER_DERIVATIVE
    if roles.role(text) == "mask":
        return "dropout mask", ("dropout-mask-missing",)
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult | ast.Div):
        return "factor missing", FACTOR
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):  # a target taken off the outputs
        return "statement missing", (*OPERAND, "parameter-never-updated")
    if isinstance(node, ast.AugAssign):  # what is added to nothing leaves an update without its gradient
        return "statement missing", ("parameter-never-updated", "gradient-missing")
    return "statement missing", ("parameter-never-updated",)


def _zeroes_where(node: ast.stmt) -> bool:
    """Is this `d[z < 0] = 0`, the derivative of a ReLU?"""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    zero = isinstance(getattr(node, "value", None), ast.Constant) and node.value.value == 0  # type: ignore[attr-defined]
    return zero and isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Compare)


@operator("= for +=")
def overwritten(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """= for +=, which overwrites what was accumulated."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        low = scope.file.high(node.target)
        low += scope.file.text[low:].index("+=")
        explained = KEPT if is_update(scope, node) else ("gradient-overwritten", "recurrent-term-missing")
        yield Change(((low, low + 2, "="),), "accumulation", explained)


@operator("+= for =")
def added(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """+= for =, which accumulates what should be set anew."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple):
        low = scope.file.high(node.targets[0])
        low += scope.file.text[low:].index("=")
        yield Change(((low, low + 1, "+="),), *_of_added(scope, node))


def _of_added(scope: Scope, node: ast.Assign) -> tuple[str, tuple[str, ...]]:
    if is_update(scope, node):
        return "accumulation", KEPT
    if roles.role(roles.target(node)) == "state":
        return "optimiser state", ("optimiser",)
    if roles.target(node) in _reads(node):  # a value that is changed: what it was before comes in once more
        return "accumulation", (*KEPT, "term-extra")
    if roles.role(scope.file.of(node)) in ("slope", "mask") or "[" in roles.target(node):
        return "accumulation", ("gradient-not-cleared", *OTHER_DERIVATIVE)
    return "accumulation", ("gradient-not-cleared", "term-extra")


@operator("sign of update")
def sign(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """+= for -=, and the reverse."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        old, new = ("+=", "-=") if isinstance(node.op, ast.Add) else ("-=", "+=")
        low = scope.file.high(node.target)
        low += scope.file.text[low:].index(old)
        yield Change(((low, low + 2, new),), "sign", ("sign", *OPERATOR))


@operator("factor of statement")
def divided(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """/= for *=, and the reverse."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult | ast.Div):
        old, new = ("*=", "/=") if isinstance(node.op, ast.Mult) else ("/=", "*=")
        low = scope.file.high(node.target)
        low += scope.file.text[low:].index(old)
        slope = any(is_slope(scope, each) for each in ast.walk(node.value))
        kind = (DERIVATIVE, (*OTHER_DERIVATIVE, *OPERATOR)) if slope else ("operator", OPERATOR)
        yield Change(((low, low + 2, new),), *kind)


@operator("statement doubled")
def doubled(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """The same statement twice, where that makes a difference: a derivative applied twice."""
    if not _movable(scope, node) or not isinstance(node, SIMPLE):
        return
    name = roles.target(node)
    again = isinstance(node, ast.AugAssign) or (name and name in _reads(node))
    if again and not is_update(scope, node):
        _, high, _ = scope.file.lines(node)
        yield Change(((high, high, scope.file.indented(node, node)),), *_of_twice(scope, node))


def _of_twice(scope: Scope, node: ast.stmt) -> tuple[str, tuple[str, ...]]:
    if any(is_slope(scope, each) for each in ast.walk(node)) or roles.role(scope.file.of(node)) == "slope":
        return DERIVATIVE, ("activation-derivative-squared", "factor-extra")
    if roles.role(roles.target(node)) == "state":
        return "optimiser state", ("optimiser",)
    return "statement doubled", ("statement-extra", "term-extra", "factor-extra", *OPERAND)


def _reads(node: ast.stmt) -> set[str]:
    value = getattr(node, "value", None)
    return {ast.unparse(each) for each in ast.walk(value)} if value is not None else set()


@operator("statement moved up")
def moved_up(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """An update before statements that it used to follow."""
    if not _movable(scope, node) or not isinstance(node, SIMPLE):
        return
    block = scope.file.siblings(node)
    place = block.index(node)
    kind = "stale or updated value"
    # before its gradient is summed up, an update moves nothing
    explained = ("weights-already-updated", "gradient-missing") if is_update(scope, node) else STALE
    for earlier in block[max(0, place - 6) : place]:
        if scope.file.alone(earlier) or isinstance(earlier, ast.For | ast.If):
            start, _, _ = scope.file.lines(earlier)
            text = scope.file.indented(node, node)
            yield Change(((start, start, text), scope.file.lines(node)), kind, explained)


@operator("out of the loop")
def dedented(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """The last statement of a loop after the loop."""
    if not _movable(scope, node) or not isinstance(node, SIMPLE):
        return
    loop = scope.file.loop(node)
    if loop is not None and len(loop.body) > 1 and loop.body[-1] is node:
        low, high, _ = scope.file.lines(node)
        explained = ("update-outside-loop", "gradient-overwritten", "parameter-never-updated")
        if _of_missing(scope, node)[0] == "accumulation":  # a buffer that is cleared too late
            explained = ("gradient-not-cleared",)
        yield Change(((low, high, scope.file.indented(node, loop)),), "wrong loop", explained)


@operator("into the loop")
def indented(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """The statement after a loop at the end of the loop, and the one before it at its beginning."""
    if not _movable(scope, node) or not isinstance(node, SIMPLE):
        return
    block = scope.file.siblings(node)
    place = block.index(node)
    low, high, _ = scope.file.lines(node)
    explained = ("weights-already-updated",) if is_update(scope, node) else ("gradient-overwritten", *STALE)
    if _of_missing(scope, node)[0] == "accumulation":  # a buffer that is cleared before it is used
        explained = (*explained, "gradient-missing")
    if place and isinstance(block[place - 1], ast.For):
        text = scope.file.indented(node, block[place - 1].body[-1])  # type: ignore[attr-defined]
        yield Change(((low, high, text),), "wrong loop", explained)
    if place + 1 < len(block) and isinstance(block[place + 1], ast.For):
        first = block[place + 1].body[0]  # type: ignore[attr-defined]
        start, _, _ = scope.file.lines(first)
        change = (start, start, scope.file.indented(node, first)), scope.file.lines(node)
        yield Change(change, "wrong loop", explained)


@operator("repeated indices")
def repeated(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """a[i] += v, which counts a repeated index once, for np.add.at(a, i, v)."""
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and scope.file.of(node.value.func).endswith(("add.at", "subtract.at"))
    ):
        array, place, value = (scope.file.of(argument) for argument in node.value.args)
        sign = "+=" if "add" in scope.file.of(node.value.func) else "-="
        edit = scope.file.replaced(node, f"{array}[{place}] {sign} {value}")
        yield Change((edit,), "duplicate indices", ("duplicate-indices",))
