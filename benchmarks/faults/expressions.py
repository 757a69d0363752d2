"""Mutations of expressions: another operator, another sign; a factor, a term, a call, a power, a copy left out."""

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
    Change,
    Scope,
    called,
    in_slope,
    is_slope,
    is_sum,
    is_update,
    operator,
)
from faults.source import Edit

COMPARISONS = {
    ast.Gt: (">", ">=", "<"),
    ast.GtE: (">=", ">", "<="),
    ast.Lt: ("<", "<=", ">"),
    ast.LtE: ("<=", "<", ">="),
}


# ----- Operators ----------------------------------------------------------------------------------------


@operator("comparison")
def comparison(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """> for >=, and the reverse; < for >."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        old, strict, opposite = COMPARISONS[type(node.ops[0])]
        right = scope.file.of(node.comparators[0])
        of_slope = right in ("0", "0.0")
        kind, explained = (DERIVATIVE, OTHER_DERIVATIVE) if of_slope else ("comparison", OPERATOR)
        for sign in (strict, opposite):
            edit = _between(scope, node.left, node.comparators[0], old, sign)
            yield Change((edit,), kind, explained)


@operator("plus for minus")
def plus_minus(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """+ for -, and the reverse."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        old, new = "+-" if isinstance(node.op, ast.Add) else "-+"
        edit = _between(scope, node.left, node.right, old, new)
        yield Change((edit,), *_of_sum(scope, node))


def _between(scope: Scope, left: ast.expr, right: ast.expr, old: str, new: str) -> Edit:
    """Another operator between two operands."""
    start = scope.file.high(left)
    low = start + scope.file.text[start : scope.file.low(right)].index(old)
    return low, low + len(old), new


def _of_sum(scope: Scope, node: ast.BinOp) -> tuple[str, tuple[str, ...]]:
    statement = scope.file.statement(node)
    if _moves(scope, node):
        return "sign", ("sign",)
    if is_update(scope, statement) and isinstance(statement, ast.Assign) and _within(node, statement.value):
        return "operator", KEPT
    if in_slope(scope, node):
        return DERIVATIVE, (*OTHER_DERIVATIVE, *OPERATOR, "sign")
    if roles.role(roles.target(statement)) == "state" or "beta" in scope.file.of(node):
        return "optimiser state", ("optimiser", "sign")
    looks_ahead = any(roles.role(word) == "state" for word in scope.file.of(node).split())
    return "operator", (*OPERATOR, "sign", *(("optimiser",) if looks_ahead else ()))


def _moves(scope: Scope, node: ast.BinOp) -> bool:
    """Is this the sum or difference of an old value and its change: `w - rate * g`, alone or in a comprehension?"""
    statement = scope.file.statement(node)
    value = getattr(statement, "value", None)
    elements = [each.elt for each in ast.walk(statement) if isinstance(each, ast.ListComp | ast.GeneratorExp)]
    if node is not value and node not in elements:
        return False
    text = roles.target(statement)
    return is_update(scope, statement) or (bool(text) and text in ast.unparse(node.left))


def _within(node: ast.BinOp, value: ast.expr) -> bool:
    """Does a sum or difference stand in the part of an update that keeps the old value: `(1 - a) * w - ...`?"""
    kept = value.left if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub) else None
    return kept is not None and node in ast.walk(kept)


@operator("times for divide")
def times_divide(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """* for /, and the reverse."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        old, new = "*/" if isinstance(node.op, ast.Mult) else "/*"
        edit = _between(scope, node.left, node.right, old, new)
        of_slope = is_slope(scope, node.right) or in_slope(scope, node)
        of_operator = ("operator", OPERATOR)
        yield Change((edit,), *((DERIVATIVE, (*OTHER_DERIVATIVE, *OPERATOR)) if of_slope else of_operator))


@operator("minus dropped")
def minus_dropped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """x for -x."""
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and not isinstance(node.operand, ast.Constant)
    ):
        explained = ("sign", *(OTHER_DERIVATIVE if in_slope(scope, node) else ()))
        yield Change((scope.file.replaced(node, scope.file.of(node.operand)),), "sign", explained)


@operator("minus added")
def minus_added(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """-x for x, where x is the whole right-hand side of an assignment of an error or a gradient."""
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.BinOp | ast.Call)
        and not is_update(scope, node)
    ):
        yield Change((scope.file.replaced(node.value, f"-({scope.file.of(node.value)})"),), "sign", ("sign",))


# ----- Left out -----------------------------------------------------------------------------------------


@operator("factor dropped")
def factor_dropped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """a for a * b or a / b, and b for a * b."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield _kept(scope, node, node.left, node.right)
        if isinstance(node.op, ast.Mult):
            yield _kept(scope, node, node.right, node.left)
    elif isinstance(node, ast.Call) and called(node) in ("multiply", "divide") and len(node.args) == 2:
        yield _kept(scope, node.args[1], None, node.args[1])


def _kept(scope: Scope, node: ast.expr, kept: ast.expr | None, dropped: ast.expr) -> Change:
    kind, explained = {
        "slope": (DERIVATIVE, ("activation-derivative-one", *FACTOR)),
        "mask": ("dropout mask", ("dropout-mask-missing", *FACTOR)),
        "state": ("optimiser state", ("optimiser", "factor-missing")),
    }.get(roles.role(scope.file.of(dropped)), ("factor missing", FACTOR))
    statement = scope.file.statement(node)
    if in_slope(scope, node):
        kind, explained = DERIVATIVE, (*OTHER_DERIVATIVE, "factor-missing")
    elif kind == "factor missing" and is_update(scope, statement):
        explained = (*FACTOR, "gradient-missing", *KEPT)  # whether the gradient or the old value is dropped
    elif kind == "factor missing" and roles.role(roles.target(statement)) == "state":
        explained = (*FACTOR, "optimiser")
    if scope.file.of(dropped).startswith("-"):
        kind, explained = "sign", ("sign", *explained)
    text = scope.file.of(kept) if kept is not None else "1"
    return Change((scope.file.replaced(node, text),), kind, explained)


@operator("term dropped")
def term_dropped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """a for a + b or a - b, and b for a + b."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        kind, explained = _of_sum(scope, node)
        moves = kind == "sign" and is_update(scope, scope.file.statement(node))
        if any(word in scope.file.of(node) for word in ("next", "prev", "dh_", "later")):
            kind, explained = "recurrent term missing", ("recurrent-term-missing",)
        explained = (*explained, "term-missing", "gradient-missing")  # the term may be all of the gradient
        left = ("never updated", ("parameter-never-updated",)) if moves else (kind, explained)
        yield Change((scope.file.replaced(node, scope.file.of(node.left)),), *left)
        if isinstance(node.op, ast.Add):
            right = ("accumulation", KEPT) if moves else (kind, explained)
            yield Change((scope.file.replaced(node, scope.file.of(node.right)),), *right)


@operator("call dropped")
def call_dropped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """x for f(x), and x for x.sum()."""
    if not isinstance(node, ast.Call) or called(node) in (
        "copy",
        "array",
        "len",
        "range",
        "float",
        "zip",
        "dot",
        "reversed",
    ):
        return
    method = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in (
        "np",
        "numpy",
        "math",
    )
    if method and called(node) in ("sum", "mean"):
        inner = node.func.value  # type: ignore[attr-defined]
    elif not method and node.args and (len(node.args) == 1 or is_sum(node)):
        inner = node.args[0]
    else:
        return
    if is_sum(node):
        kind, explained = "bias gradient", ("bias-not-summed", "bias-broadcast", *OPERAND)
    elif in_slope(scope, node):
        kind, explained = DERIVATIVE, OTHER_DERIVATIVE
    elif called(node).startswith(("zeros", "empty")):
        kind, explained = "accumulation", ("gradient-not-cleared", "aliasing", *KEPT)
    elif roles.role(roles.target(scope.file.statement(node))) == "state":
        kind, explained = "optimiser state", ("optimiser",)
    else:
        kind, explained = "call missing", (*OPERAND, *FACTOR, "activation-derivative-extra")
    yield Change((scope.file.replaced(node, scope.file.of(inner)),), kind, explained)


@operator("power dropped")
def power_dropped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """x for x ** 2."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        state = roles.role(roles.target(scope.file.statement(node))) == "state"
        slope = in_slope(scope, node)
        kind = "optimiser state" if state else DERIVATIVE if slope else "factor missing"
        missing = (*OPERATOR, *FACTOR, *OPERAND)  # an operand of which the square belongs there
        explained = ("optimiser",) if state else OTHER_DERIVATIVE if slope else missing
        yield Change((scope.file.replaced(node, scope.file.of(node.left)),), kind, explained)


@operator("copy dropped")
def copy_dropped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """x for x.copy(), np.copy(x) or np.array(x)."""
    if isinstance(node, ast.Call) and called(node) == "copy" and isinstance(node.func, ast.Attribute):
        inner = node.args[0] if node.args else node.func.value
        yield Change((scope.file.replaced(node, scope.file.of(inner)),), "aliasing", ("aliasing",))
