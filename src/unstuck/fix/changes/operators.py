"""Families that change an operator, the order of its operands, or a number.

Changes that only multiply by a constant are left out, because a constant factor is the learning rate's business.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from unstuck.fix.changes.change import Change, Node, assigned, grouped, operator, short
from unstuck.fix.code import Code, is_number, loose

_COMPARE: Mapping[type[ast.cmpop], str] = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<"}
_SIGNS: Mapping[type[ast.operator], tuple[str, str]] = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}
_PRODUCTS: Mapping[type[ast.operator], tuple[str, ...]] = {
    ast.Mult: ("@", "/"),
    ast.MatMult: ("*",),
    ast.Div: ("*",),
}
_SYMBOLS: Mapping[type[ast.operator], str] = {ast.Mult: "*", ast.MatMult: "@", ast.Div: "/"}
_CONTRACTIONS = ("dot", "matmul", "outer")


def comparison(code: Code, node: Node) -> Iterator[Change]:
    """`h >= 0` with another comparison, the one that differs in the case of equality first; h > 1 with 0."""
    if not isinstance(node, ast.Compare) or len(node.ops) > 1:
        return
    number = node.comparators[0]
    if is_number(number) and ast.literal_eval(number):
        yield Change(((*code.range(number), "0"),), f"0 instead of {code.words(number)}")
    if type(node.ops[0]) in _COMPARE:
        old = _COMPARE[type(node.ops[0])]
        strict = {">=": ">", ">": ">=", "<=": "<", "<": "<="}[old]
        for new in (strict, *sorted({*_COMPARE.values()} - {old, strict})):
            if piece := operator(code, node.left, node.comparators[0], old, new):
                yield Change((piece,), f"compare with {new} instead of {old}")


def swap(code: Code, node: Node) -> Iterator[Change]:
    """The two operands of a difference, quotient, power or matrix product change places."""
    pair: tuple[ast.expr, ast.expr] | None = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        pair = node.left, node.right
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _CONTRACTIONS
    ):
        operands = [node.func.value, *node.args] if len(node.args) == 1 else node.args
        pair = (operands[0], operands[1]) if len(operands) == 2 else None
    if pair is not None:
        (a, b), (c, d) = (grouped(code, operand) for operand in pair)
        texts = [code.text[a:b], code.text[c:d]]
        if any(loose(operand) for operand in pair):
            texts = [
                f"({code.words(operand)})" if loose(operand) else code.words(operand) for operand in pair
            ]
        yield Change(((a, b, texts[1]), (c, d, texts[0])), f"swap the operands of `{short(code, node)}`")


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
        yield Change(((*code.range(node), "pass"),), f"leave out `{short(code, node)}`")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
        kept = [node.func.value] if not node.args else []  # x.copy(), x.sum()
    for part in kept:
        if not isinstance(part, ast.Constant):  # dropping all but a number is never a gradient
            text = f"({code.words(part)})" if loose(part) else code.words(part)
            yield Change(((*code.range(node), text),), f"use `{short(code, part)}` alone")


def sign(code: Code, node: Node) -> Iterator[Change]:
    """A plus becomes a minus, a minus a plus; a whole assigned value changes its sign."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        old, new = _SIGNS[type(node.op)]
        if piece := operator(code, node.left, node.right, old, new):
            yield Change((piece,), f"{old} becomes {new} in `{short(code, node)}`")
    elif isinstance(node, ast.AugAssign) and type(node.op) in _SIGNS:
        old, new = (symbol + "=" for symbol in _SIGNS[type(node.op)])
        if piece := operator(code, node.target, node.value, old, new):
            yield Change((piece,), f"{old} becomes {new}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Change(((*code.range(node), code.words(node.operand)),), "leave out the minus sign")
    elif (value := assigned(node)) is not None:
        low, high = code.range(value)
        left, right = ("-(", ")") if loose(value) else ("-", "")
        yield Change(((low, low, left), (high, high, right)), f"change the sign of `{short(code, value)}`")


def product(code: Code, node: Node) -> Iterator[Change]:
    """A matrix product becomes an element-wise one, an element-wise one a matrix product or a quotient."""
    if isinstance(node, ast.BinOp) and type(node.op) in _PRODUCTS:
        for new in _PRODUCTS[type(node.op)]:
            old = _SYMBOLS[type(node.op)]
            if piece := operator(code, node.left, node.right, old, new):
                yield Change((piece,), f"{old} becomes {new} in `{short(code, node)}`")


def constant(code: Code, node: Node) -> Iterator[Change]:
    """A number becomes another one that the file holds (a slope, a power, the 1 of a derivative)."""
    if not isinstance(node, ast.BinOp | ast.Call | ast.Compare):
        return
    scaling = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)
    for item in ast.iter_child_nodes(node) if not scaling else ():
        if isinstance(item, ast.Constant) and is_number(item):
            kind = type(item.value)
            others = [new for new in code.numbers if kind is float is type(ast.literal_eval(new))]
            for new in dict.fromkeys(["0", "1", "2", *others]):
                if ast.literal_eval(new) != item.value:
                    yield Change(((*code.range(item), new),), f"{new} instead of {code.words(item)}")


def power(code: Code, node: Node) -> Iterator[Change]:
    """A value is squared, where a running mean of squares forgot to."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load):
        parent = code.parent.get(node)
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Add | ast.Sub):
            end = code.range(node)[1]
            yield Change(((end, end, " ** 2"),), f"square `{short(code, node)}`")
