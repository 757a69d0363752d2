"""What an operator yields: the edits of one mutation, the kind of fault it makes, and the right explanations."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from faults import roles
from faults.source import Edit, File

Shapes = Mapping[str, tuple[int, ...]]
DERIVATIVE = "activation derivative"
OTHER_DERIVATIVE = (
    "activation-derivative-one",
    "activation-derivative-squared",
    "activation-derivative-reversed",
    "activation-derivative-of-output",
    "activation-derivative-at-pre-activation",
    "activation-derivative-of-dropped",
    "activation-derivative-of-another",
    "activation-derivative-value",
    "activation-derivative-wrong",
    "wrong-operand",  # in the words of the script: what stands in the formula, and what belongs there
)
OPERATOR = ("operator",)
FACTOR = (  # whichever the factor was
    "factor-missing",
    "activation-derivative-one",
    "activation-derivative-value",
    "gradient-missing",
)
OPERAND = ("wrong-operand",)
KEPT = ("parameter-not-kept", "parameter-replaced")  # an update that does not add to the parameter
STALE = ("error-wrong",)  # a value of another time is no altered operation: the place is all that can be said


@dataclass(frozen=True)
class Change:
    """One mutation.  `explained_by` are the kinds of explanation that describe it truly; none: nothing does yet."""

    edits: tuple[Edit, ...]
    kind: str
    explained_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What an operator may know about a node's surroundings.

    shapes     of the arrays that have a name where the node stands, by their text
    functions  the program's own functions by their number of parameters
    written    the names whose elements or attributes are the parameters of the network
    """

    file: File
    shapes: Shapes = field(default_factory=dict)
    functions: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    written: frozenset[str] = frozenset()


Operator = Callable[[Scope, ast.AST], Iterator[Change]]
OPERATORS: dict[str, Operator] = {}


def operator(name: str) -> Callable[[Operator], Operator]:
    """Enter an operator in the table."""

    def enter(generate: Operator) -> Operator:
        OPERATORS[name] = generate
        return generate

    return enter


# ----- What a node is for -------------------------------------------------------------------------------


def purpose(scope: Scope, node: ast.AST) -> str:
    """slope | mask | weights | bias | product | update | other: what the value of an expression enters."""
    file, below = scope.file, node
    for above in file.around(node):
        if isinstance(above, ast.stmt):
            break
        if is_slope(scope, above):
            return "slope"
        if is_product(above):
            return "weights" if is_parameter(scope, below) else "product"
        if is_sum(above):
            return "bias"
        below = above
    if is_update(scope, file.statement(node)):
        return "update"
    return "mask" if roles.role(file.of(node)) == "mask" else "other"


def in_slope(scope: Scope, node: ast.AST) -> bool:
    """Is this the derivative of an activation, or a part of one?"""
    return is_slope(scope, node) or purpose(scope, node) == "slope"


def is_slope(scope: Scope, node: ast.AST) -> bool:
    """Is this the derivative of an activation itself, not a product of one and something else?"""
    if not isinstance(node, ast.Call | ast.Compare | ast.BinOp | ast.IfExp) or any(
        map(is_product, ast.walk(node))
    ):
        return False
    sides = [node.left, node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else []
    whole = _reads_slope(scope, node) and not any(_reads_slope(scope, side) for side in sides)
    return whole or _completes_slope(scope, node)


def _completes_slope(scope: Scope, node: ast.AST) -> bool:
    """Is this the `1 - a` of a chain of factors `... * a * (1 - a)`?"""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):
        return False
    if not (isinstance(node.left, ast.Constant) and node.left.value == 1):
        return False
    chain = scope.file.parent(node)
    factors = []
    while isinstance(chain, ast.BinOp) and isinstance(chain.op, ast.Mult):
        factors += [ast.unparse(chain.right)]
        chain = chain.left
    return ast.unparse(node.right) in [*factors, ast.unparse(chain) if chain is not None else ""]


def _reads_slope(scope: Scope, node: ast.AST) -> bool:
    return roles.role(scope.file.of(node)) == "slope"


def is_product(node: ast.AST) -> bool:
    """A matrix product, as an operator, a function or a method."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.MatMult)
    return isinstance(node, ast.Call) and called(node) in ("dot", "matmul", "outer", "einsum")


def is_sum(node: ast.AST) -> bool:
    """A sum or a mean."""
    return isinstance(node, ast.Call) and called(node) in ("sum", "mean")


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_parameter(scope: Scope, node: ast.AST) -> bool:
    """Is this a parameter, or its transpose?"""
    while isinstance(node, ast.Attribute) and node.attr == "T":
        node = node.value
    text = ast.unparse(node)
    return any(text == name or text.startswith((f"{name}[", f"{name}.")) for name in scope.written) or (
        text.rpartition(".")[2] in ("W", "w", "weight", "weights")
    )


def is_update(scope: Scope, statement: ast.stmt) -> bool:
    """Does a statement move a parameter (or what a loop calls one)?"""
    text = roles.target(statement).removesuffix("[...]")  # all of an array is the array
    root, _, attribute = text.partition("[")[0].partition(".")
    if root and root in scope.written:
        return True
    if root == "self" and attribute in {name.rpartition(".")[2] for name in scope.written if "." in name}:
        return True
    named = text in ("p", "param", "parameter", "value", "w", "b") or text.endswith(
        (".W", ".b", ".weight", ".bias")
    )
    return isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Sub | ast.Add) and named
