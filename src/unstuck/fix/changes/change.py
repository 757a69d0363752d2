"""What every family of edits is made of: a change of the text, and questions about the syntax around a node."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from unstuck.fix.code import Code
from unstuck.trace.running.sources import expression

Node = ast.expr | ast.stmt
Piece = tuple[int, int, str]  # first offset, one past the last, new text
ASSIGNING = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)


@dataclass(frozen=True)
class Change:
    """Pieces of text to replace, and a title that says so in words.

    size  how large it counts among other changes; None: the characters that differ
    """

    pieces: tuple[Piece, ...]
    title: str
    size: int | None = None


def applied(text: str, pieces: Iterable[Piece]) -> str:
    """`text` with all pieces replaced; they do not overlap."""
    for low, high, new in sorted(pieces, reverse=True):
        text = text[:low] + new + text[high:]
    return text


def distance(old: str, new: str) -> int:
    """Characters that differ once the common beginning and end are set aside."""
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return max(len(old), len(new))


def operator(code: Code, left: ast.expr, right: ast.expr, old: str, new: str) -> Piece | None:
    """The piece that replaces the operator `old` between two operands."""
    low, high = code.range(left)[1], code.range(right)[0]
    between = re.sub(r"#[^\n]*", lambda match: " " * len(match[0]), code.text[low:high])
    at = between.find(old)
    return (low + at, low + at + len(old), new) if at >= 0 else None


def grouped(code: Code, operand: ast.expr) -> tuple[int, int]:
    """The range of an operand, with its parentheses where they group (not where they call)."""
    return code.outer(operand) if isinstance(code.parent[operand], ast.BinOp) else code.range(operand)


def multiplied(code: Code, node: ast.expr) -> bool:
    """Is `node` an operand of a matrix product?"""
    parent = code.parent.get(node)
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.MatMult)
    if isinstance(parent, ast.Attribute):  # the x of x.dot(w)
        return parent.attr in ("dot", "matmul") and not (
            isinstance(node, ast.Name) and node.id in code.imported
        )
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
        return parent.func.attr in ("dot", "matmul") and node in parent.args
    return False


def assigned(node: Node) -> ast.expr | None:
    """The value that a statement assigns or returns."""
    return node.value if isinstance(node, ASSIGNING) else None


def rebound(statement: ast.stmt) -> ast.expr | None:
    """The target of an assignment that uses its own old value: W = W - rate * dW."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        own = ast.dump(loaded(target))
        if any(ast.dump(item) == own for item in ast.walk(statement.value)):
            return target
    return None


def loaded(node: ast.expr) -> ast.expr:
    """The same name, attribute or item as it looks where it is read."""
    return expression(ast.unparse(node))


def arity(function: ast.FunctionDef) -> int:
    return len([item for item in function.args.args if item.arg not in ("self", "cls")])


def short(code: Code, node: Node) -> str:
    text = " ".join(code.words(node).split())
    return text if len(text) <= 50 else text[:47] + "..."
