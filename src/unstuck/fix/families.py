"""The kinds of small edits that repair a backward pass, one generator per family.

Each takes the parsed code and one node and yields changes: which characters to replace by what.  A family
knows nothing about gradients; whether a change is right is decided by running it.  Changes that only multiply
by a constant are left out, because a constant factor is the learning rate's business.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from unstuck.fix.code import Code, loose

Node = ast.expr | ast.stmt
Piece = tuple[int, int, str]  # first offset, one past the last, new text


@dataclass(frozen=True)
class Change:
    """Pieces of text to replace, and a title that says so in words."""

    pieces: tuple[Piece, ...]
    title: str


_COMPARE: Mapping[type[ast.cmpop], str] = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<"}
_SIGNS: Mapping[type[ast.operator], tuple[str, str]] = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}
_PRODUCTS = ("dot", "matmul", "outer")
_REDUCTIONS = ("sum", "mean", "max", "min", "argmax", "argmin", "std", "var")
_ASSIGNING = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)


def comparison(code: Code, node: Node) -> Iterator[Change]:
    """`h >= 0` with another comparison; first the one that differs in the case of equality."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        old = _COMPARE[type(node.ops[0])]
        strict = {">=": ">", ">": ">=", "<=": "<", "<": "<="}[old]
        for new in (strict, *sorted({*_COMPARE.values()} - {old, strict})):
            if piece := _operator(code, node.left, node.comparators[0], old, new):
                yield Change((piece,), f"compare with {new} instead of {old}")


def swap(code: Code, node: Node) -> Iterator[Change]:
    """The two operands of a difference, quotient, power or matrix product change places."""
    pair: tuple[ast.expr, ast.expr] | None = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        pair = node.left, node.right
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PRODUCTS:
        operands = [node.func.value, *node.args] if len(node.args) == 1 else node.args
        pair = (operands[0], operands[1]) if len(operands) == 2 else None
    if pair is not None:
        (a, b), (c, d) = (_grouped(code, operand) for operand in pair)
        texts = [code.text[a:b], code.text[c:d]]
        if any(loose(operand) for operand in pair):
            texts = [
                f"({code.words(operand)})" if loose(operand) else code.words(operand) for operand in pair
            ]
        yield Change(((a, b, texts[1]), (c, d, texts[0])), f"swap the operands of `{_short(code, node)}`")


def drop(code: Code, node: Node) -> Iterator[Change]:
    """A factor, a term, a power, or a function around a value is left out."""
    kept: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mult | ast.MatMult | ast.Add):
            kept = [node.left, node.right]
        elif isinstance(node.op, ast.Div | ast.Sub | ast.Pow):
            kept = [node.left]
    elif isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        kept = [node.args[0]] if isinstance(node.func, ast.Name) else []
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult | ast.Div):
        yield Change(((*code.range(node), "pass"),), f"leave out `{_short(code, node)}`")
    for part in kept:
        if not isinstance(part, ast.Constant):  # dropping all but a number is never a gradient
            text = f"({code.words(part)})" if loose(part) else code.words(part)
            yield Change(((*code.range(node), text),), f"use `{_short(code, part)}` alone")


def factor(code: Code, node: Node) -> Iterator[Change]:
    """A derivative or a mask that was left out: the value assigned is multiplied by it."""
    value = _assigned(node)
    if value is None:
        return
    low, high = code.range(value)
    left, right = ("(", ")") if loose(value) else ("", "")
    for new in _derivatives(code, node):
        yield Change(((low, low, left), (high, high, f"{right} * {new}")), f"multiply by {new}")


def formula(code: Code, node: Node) -> Iterator[Change]:
    """The body of a function of one array becomes another activation's derivative."""
    scope = code.scope(node)
    if isinstance(node, ast.Return) and node.value is not None and isinstance(scope, ast.FunctionDef):
        names = [item.arg for item in scope.args.args if item.arg not in ("self", "cls")]
        if len(names) == 1:
            for new in _shapes(names[0]):
                text = new[1:-1] if new.startswith("(") else new
                yield Change(((*code.range(node.value), text),), f"return {text}")


def sign(code: Code, node: Node) -> Iterator[Change]:
    """A plus becomes a minus, a minus a plus; a whole assigned value changes its sign."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        old, new = _SIGNS[type(node.op)]
        if piece := _operator(code, node.left, node.right, old, new):
            yield Change((piece,), f"{old} becomes {new} in `{_short(code, node)}`")
    elif isinstance(node, ast.AugAssign) and type(node.op) in _SIGNS:
        old, new = (symbol + "=" for symbol in _SIGNS[type(node.op)])
        if piece := _operator(code, node.target, node.value, old, new):
            yield Change((piece,), f"{old} becomes {new}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Change(((*code.range(node), code.words(node.operand)),), "leave out the minus sign")
    elif (value := _assigned(node)) is not None:
        low, high = code.range(value)
        left, right = ("-(", ")") if loose(value) else ("-", "")
        yield Change(((low, low, left), (high, high, right)), f"change the sign of `{_short(code, value)}`")


def axis(code: Code, node: Node) -> Iterator[Change]:
    """A reduction runs over another axis."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    if node.func.attr not in _REDUCTIONS:
        return
    given = [keyword.value for keyword in node.keywords if keyword.arg == "axis"]
    for new in ("0", "1", "-1"):
        if given and code.words(given[0]) != new:
            yield Change(((*code.range(given[0]), new),), f"reduce over axis {new}")
    if not given:
        end = code.range(node)[1] - 1
        comma = ", " if node.args or node.keywords else ""
        for new in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True"):
            yield Change(((end, end, comma + new),), f"reduce with {new}")


def transpose(code: Code, node: Node) -> Iterator[Change]:
    """`.T` is added to an operand of a matrix product or taken away."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        low, high = code.range(node)
        yield Change(((code.range(node.value)[1], high, ""),), f"leave out .T of `{code.text[low:high]}`")
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call) and _multiplied(code, node):
        end = code.range(node)[1]
        yield Change(((end, end, ".T"),), f"transpose `{_short(code, node)}`")


def name(code: Code, node: Node) -> Iterator[Change]:
    """Another variable, attribute, key or function that is at hand takes the place of one."""
    others: list[str] = []
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load):
        others = code.members(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        function = code.functions.get(node.id)
        if function is not None:
            same = [other for other in code.functions.values() if _arity(other) == _arity(function)]
            others = [other.name for other in same]
        elif node.id in (values := code.data_names(node)):
            others = values
    for other in others:
        if other != code.words(node):
            yield Change(((*code.range(node), other),), f"use {other} instead of {code.words(node)}")


def move(code: Code, node: Node) -> Iterator[Change]:
    """An update that comes before the old value is used moves to the end of its block."""
    if not isinstance(node, ast.stmt):
        return
    block = code.block(node)
    used = {ast.dump(_loaded(item)) for item in ast.walk(node) if isinstance(item, ast.Name | ast.Attribute)}
    for statement in block[: block.index(node) + 1]:
        target = statement.target if isinstance(statement, ast.AugAssign) else _rebound(statement)
        if target is None or (statement is not node and ast.dump(_loaded(target)) not in used):
            continue
        if pieces := _to_the_end(code, statement, block):
            yield Change(pieces, f"move `{_short(code, statement)}` to the end of its block")


FAMILIES: Mapping[str, Callable[[Code, Node], Iterator[Change]]] = {
    "comparison": comparison,
    "name": name,
    "transpose": transpose,
    "sign": sign,
    "drop": drop,
    "swap": swap,
    "axis": axis,
    "move": move,
    "formula": formula,
    "factor": factor,
}


# ----- Helpers ------------------------------------------------------------------------------------------


def _operator(code: Code, left: ast.expr, right: ast.expr, old: str, new: str) -> Piece | None:
    """The piece that replaces the operator `old` between two operands."""
    low, high = code.range(left)[1], code.range(right)[0]
    between = re.sub(r"#[^\n]*", lambda match: " " * len(match[0]), code.text[low:high])
    at = between.find(old)
    return (low + at, low + at + len(old), new) if at >= 0 else None


def _grouped(code: Code, operand: ast.expr) -> tuple[int, int]:
    """The range of an operand, with its parentheses where they group (not where they call)."""
    return code.outer(operand) if isinstance(code.parent[operand], ast.BinOp) else code.range(operand)


def _multiplied(code: Code, node: ast.expr) -> bool:
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


def _assigned(node: Node) -> ast.expr | None:
    """The value that a statement assigns or returns."""
    return node.value if isinstance(node, _ASSIGNING) else None


def _rebound(statement: ast.stmt) -> ast.expr | None:
    """The target of an assignment that uses its own old value: W = W - rate * dW."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        own = ast.dump(_loaded(target))
        if any(ast.dump(item) == own for item in ast.walk(statement.value)):
            return target
    return None


def _loaded(node: ast.expr) -> ast.expr:
    """The same name, attribute or item as it looks where it is read."""
    return ast.parse(ast.unparse(node), mode="eval").body


def _to_the_end(code: Code, statement: ast.stmt, block: list[ast.stmt]) -> tuple[Piece, ...]:
    """The pieces that move a statement which has its lines to itself; empty when it cannot move."""
    last = block[-2] if isinstance(block[-1], ast.Return | ast.Break | ast.Continue) else block[-1]
    if last is statement or block.index(last) < block.index(statement):
        return ()
    assert statement.end_lineno is not None
    assert last.end_lineno is not None
    low, high = code.line_start(statement.lineno), code.line_start(statement.end_lineno + 1)
    following = block[block.index(statement) + 1]
    if code.text[low : code.range(statement)[0]].strip() or following.lineno <= statement.end_lineno:
        return ()
    end = code.line_start(last.end_lineno + 1)
    missing = "" if code.text[:end].endswith("\n") else "\n"
    text = code.text[low:high]
    return (low, high, ""), (end, end, missing + (text.removesuffix("\n") if missing else text))


def _derivatives(code: Code, node: Node) -> Iterator[str]:
    """Factors at hand: derivatives written with the values in scope, the script's own derivatives, masks."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    taken = {code.words(target) for target in targets if isinstance(target, ast.expr)}
    values = [value for value in code.data_names(node) if value not in taken]
    here = code.scope(node)
    own = [function for function in code.functions.values() if _arity(function) == 1 and function is not here]
    written = [
        function.name for function in own if re.search(r"(?i)deriv|prime|grad|back|^d_?[a-z]", function.name)
    ]
    for value in values:
        yield from (f"{function}({value})" for function in written)
        yield from _shapes(value)
        if re.search(r"(?i)mask|drop", value):
            yield value


def _shapes(value: str) -> tuple[str, ...]:
    """The derivatives of rectifier, sigmoid and tanh, written with the activated value."""
    return f"({value} > 0)", f"{value} * (1 - {value})", f"(1 - {value} ** 2)"


def _arity(function: ast.FunctionDef) -> int:
    return len([item for item in function.args.args if item.arg not in ("self", "cls")])


def _short(code: Code, node: Node) -> str:
    text = " ".join(code.words(node).split())
    return text if len(text) <= 50 else text[:47] + "..."
