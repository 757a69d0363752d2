"""Mutations of operands: transposes, axes, other variables and functions, indices, masks, numbers."""

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
    is_product,
    is_sum,
    is_update,
    operator,
    purpose,
)

MOST_NAMES = 4  # other variables that are tried in one place


# ----- Matrices -----------------------------------------------------------------------------------------


@operator("transpose")
def transpose(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """x for x.T, and x.T for an operand of a product."""
    explained = ("transpose-missing",)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield Change((scope.file.replaced(node, scope.file.of(node.value)),), "transpose", explained)
    elif is_product(node):
        for side in _operands(node):
            if not (isinstance(side, ast.Attribute) and side.attr == "T") and isinstance(
                side, ast.Name | ast.Attribute | ast.Subscript
            ):
                yield Change((scope.file.replaced(side, f"{scope.file.of(side)}.T"),), "transpose", explained)


@operator("operands swapped")
def swapped(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """b @ a for a @ b, and b - a for a - b."""
    sides = _operands(node)
    subtraction = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
    if isinstance(node, ast.BinOp) and subtraction:
        sides = (node.left, node.right)
    if len(sides) == 2:
        first, second = (scope.file.of(side) for side in sides)
        edits = scope.file.replaced(sides[0], second), scope.file.replaced(sides[1], first)
        kind, explained = ("sign", ("sign",)) if subtraction else ("transpose", ("transpose-missing",))
        statement = scope.file.statement(node)
        if subtraction and in_slope(scope, node):
            kind, explained = DERIVATIVE, ("sign", *OTHER_DERIVATIVE)
        elif subtraction and is_update(scope, statement):
            kind, explained = "operator", ("sign", *KEPT)
        elif subtraction and roles.role(roles.target(statement)) == "state":
            kind, explained = "optimiser state", ("sign", "optimiser")
        yield Change(edits, kind, explained)


def _operands(node: ast.AST) -> tuple[ast.expr, ...]:
    """The two operands of a matrix product."""
    if isinstance(node, ast.BinOp) and is_product(node):
        return node.left, node.right
    if not (isinstance(node, ast.Call) and is_product(node)) or called(node) == "einsum":
        return ()
    if len(node.args) == 1 and isinstance(node.func, ast.Attribute):
        return node.func.value, node.args[0]
    return tuple(node.args[:2])


@operator("axis")
def axis(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """Axis 1 for 0 and the reverse, no axis, no keepdims."""
    if not (isinstance(node, ast.Call) and called(node) in ("sum", "mean", "max", "argmax", "min")):
        return
    words = [word for word in node.keywords if word.arg in ("axis", "keepdims")]
    method = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in ("np", "numpy")
    numbers = node.args[0 if method else 1 :][:1] + [word.value for word in words if word.arg == "axis"]
    for number in numbers:
        if isinstance(number, ast.Constant) and number.value in (0, 1):
            yield Change(
                (scope.file.replaced(number, str(1 - number.value)),),
                "bias gradient",
                ("bias-axis", "bias-broadcast"),
            )
    dropped = [word.value for word in words] + (node.args[0 if method else 1 :][:1])
    for value in dropped:
        edit = _without(scope, node, value)
        yield Change((edit,), "bias gradient", ("bias-axis", "bias-broadcast", "bias-not-summed"))


def _without(scope: Scope, call: ast.Call, value: ast.expr) -> tuple[int, int, str]:
    """The call without one of its arguments."""
    args = [scope.file.of(arg) for arg in call.args if arg is not value]
    args += [scope.file.of(word) for word in call.keywords if word.value is not value]
    return scope.file.replaced(call, f"{scope.file.of(call.func)}({', '.join(args)})")


# ----- Other operands -----------------------------------------------------------------------------------


@operator("other variable")
def other_variable(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """Another array of the same shape that has a name here."""
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    text = ast.unparse(node)
    if text not in scope.shapes or scope.file.parent(node) is None:
        return
    alike = [name for name, shape in scope.shapes.items() if shape == scope.shapes[text] and name != text]
    for name in alike[:: max(1, len(alike) // MOST_NAMES)][:MOST_NAMES]:
        yield Change((scope.file.replaced(node, name),), *VARIABLES[purpose(scope, node)])


VARIABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "slope": (DERIVATIVE, OTHER_DERIVATIVE),
    "mask": ("dropout mask", ("dropout-mask-redrawn",)),
    "weights": ("wrong weights", ("error-through-wrong-weights", "transpose-missing", *OPERAND)),
    "product": (  # be it the product of a matrix or the sum of a bias, in the words of einsum
        "wrong layer's value",
        ("wrong-layer-input", "wrong-layer-error", "bias-of-other-layer", *OPERAND),
    ),
    "bias": ("bias gradient", ("bias-of-other-layer", "gradient-missing", "wrong-layer-error", *OPERAND)),
    "update": (  # in the place of the old value it is no operand, but an update that keeps nothing of it
        "wrong variable",
        (
            "bias-of-other-layer",
            "gradient-of-another",
            "gradient-missing",
            "wrong-layer-error",
            *OPERAND,
            *KEPT,
        ),
    ),
    "other": (  # in a list of gradients it is the gradient of another parameter, or the error that this is made of
        "wrong variable",
        (
            "wrong-layer-error",
            "wrong-layer-input",
            "bias-of-other-layer",
            "gradient-of-another",
            "gradient-missing",
            *OPERAND,
        ),
    ),
}


@operator("other function")
def other_function(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """Another function of the program with the same number of parameters, or another of NumPy's."""
    if not isinstance(node, ast.Call):
        return
    name = called(node)
    own = scope.functions.get(len(node.args), ())
    alike = [other for other in own if other != name] if name in own else list(TWINS.get(name, ()))
    for other in alike[:3]:
        text = scope.file.of(node.func)
        edit = scope.file.replaced(node.func, text[: len(text) - len(name)] + other)
        cleared = name.startswith("zeros")
        kind, explained = "wrong function", (*OPERATOR, *OPERAND)
        if in_slope(scope, node):
            kind, explained = DERIVATIVE, OTHER_DERIVATIVE
        elif cleared:
            kind, explained = "accumulation", ("gradient-not-cleared",)
        yield Change((edit,), kind, explained)


TWINS = {
    "sum": ("mean",),
    "mean": ("sum",),
    "maximum": ("minimum",),
    "tanh": ("sin",),
    "zeros_like": ("ones_like",),
}


@operator("mask redrawn")
def redrawn(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """The expression that drew a random mask, where the mask is used."""
    if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and roles.role(node.id) == "mask"):
        return
    for other in ast.walk(scope.file.tree):
        if isinstance(other, ast.Assign) and ast.unparse(other.targets[0]) == node.id:
            drawn = scope.file.of(other.value)
            if "rand" in drawn or "binomial" in drawn or "choice" in drawn or "bernoulli" in drawn:
                yield Change((scope.file.replaced(node, drawn),), "dropout mask", ("dropout-mask-redrawn",))


# ----- Numbers ------------------------------------------------------------------------------------------


@operator("index")
def index(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """Layer or time i for i + 1 and the reverse; the neighbour of a fixed element."""
    if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Slice | ast.Tuple):
        return
    place = node.slice
    kind = VARIABLES[purpose(scope, node)]
    kind = kind if kind[0] != "wrong variable" else ("wrong layer's value", kind[1])
    if isinstance(place, ast.Constant) and isinstance(place.value, int) and isinstance(node.ctx, ast.Load):
        for value in {place.value + 1, place.value - 1, place.value + 2} - {-1}:
            yield Change((scope.file.replaced(place, str(value)),), *kind)
    elif isinstance(place, ast.UnaryOp) and isinstance(place.operand, ast.Constant):
        value = -int(place.operand.value)  # type: ignore[arg-type]
        for other in {value - 1, value + 1} - {0}:
            yield Change((scope.file.replaced(place, str(other)),), *kind)
    elif isinstance(place, ast.BinOp) and isinstance(place.right, ast.Constant):
        yield Change((scope.file.replaced(place, scope.file.of(place.left)),), *kind)
    elif isinstance(place, ast.Name | ast.UnaryOp) and len(ast.unparse(place)) < 12:
        for sign in "+-":
            yield Change((scope.file.replaced(place, f"{scope.file.of(place)} {sign} 1"),), *kind)


@operator("constant")
def constant(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """1 for 2, 2 for 1, half of a number."""
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return
    parent = scope.file.parent(node)
    if isinstance(parent, ast.Subscript | ast.Slice | ast.keyword | ast.UnaryOp | ast.Tuple) or is_sum(
        parent or node
    ):
        return
    for value in {1: (2, 0), 2: (1, 3), 0: (1,)}.get(node.value, (node.value / 2,)):
        yield Change((scope.file.replaced(node, repr(value)),), *_of_number(scope, node))


def _of_number(scope: Scope, node: ast.Constant) -> tuple[str, tuple[str, ...]]:
    statement = scope.file.statement(node)
    if in_slope(scope, node):
        return DERIVATIVE, (*OTHER_DERIVATIVE, "wrong-number")
    if roles.role(roles.target(statement)) == "state":
        return "optimiser state", ("optimiser",)
    if is_update(scope, statement) and isinstance(statement, ast.Assign):
        return "constant", KEPT
    return "constant", ("wrong-number", *FACTOR, "factor-extra", *OPERATOR, *OPERAND)


@operator("truncated")
def truncated(scope: Scope, node: ast.AST) -> Iterator[Change]:
    """Integers where a buffer or a cast should hold fractions."""
    if (
        isinstance(node, ast.Call)
        and called(node) in ("zeros_like", "zeros", "empty_like")
        and len(node.args) == 1
        and not node.keywords
    ):
        edit = scope.file.replaced(
            node, f"{scope.file.of(node.func)}({scope.file.of(node.args[0])}, dtype=int)"
        )
        yield Change((edit,), "truncation", ("integer-truncation",))
    elif isinstance(node, ast.Name) and node.id == "float":
        yield Change((scope.file.replaced(node, "int"),), "truncation", ("integer-truncation",))
