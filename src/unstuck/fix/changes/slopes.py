"""Families about the derivative of an activation, wherever it stands: another formula for it, or none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, arity, grouped, short
from unstuck.fix.code import Code
from unstuck.fix.vocabulary import identifier

DERIVATIVE = re.compile(r"(?i)deriv|prime|grad|back|slope|^d_?[a-z]")  # the names of functions
Run = list[ast.expr]  # neighbouring factors of a product that speak of one value only


def slope(code: Code, node: Node) -> Iterator[Change]:
    """Factors such as h * (1 - h) in a product become another derivative of the same value, or are left out."""
    factors = _factors(_whole_product(code, node))
    value, run = next(((v, r) for v, r in _runs(code, factors) if r[0] is node), ("", []))
    if not run:
        return
    low, high = grouped(code, run[0])[0], grouped(code, run[-1])[1]
    text = code.text[low:high]
    place = factors.index(run[0])
    if place > 0:
        start = grouped(code, factors[place - 1])[1]
        yield Change(((start, high, ""),), f"leave out `{text}`", 1)
    computed = len(run) > 1 or not isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
    for new in (*own_derivatives(code, node, value), *shapes(code, value)) if computed else ():
        if new.strip("()") != text.strip("()"):
            yield Change(((low, high, new),), f"{new} instead of `{text}`", 2)


def formula(code: Code, node: Node) -> Iterator[Change]:
    """The body of a function of one array becomes another activation's derivative."""
    function = code.scope(node)
    if isinstance(node, ast.Return) and isinstance(function, ast.FunctionDef):
        body = node.value
    elif isinstance(function, ast.Lambda) and node is function.body:
        body = function.body
    else:
        return
    names = [item.arg for item in function.args.args if item.arg not in ("self", "cls")]
    if body is not None and len(names) == 1:
        for new in shapes(code, names[0]):
            text = new[1:-1] if new.startswith("(") else new
            yield Change(((*code.range(body), text),), f"return {text} instead of `{short(code, body)}`")


def shapes(code: Code, value: str) -> tuple[str, ...]:
    """The derivatives of rectifier, sigmoid and tanh, of the output; of softplus; and those of the input."""
    return (
        *simple_shapes(value),
        f"(1 - {code.numpy}.exp(-{value}))",
        f"(1 - {code.numpy}.tanh({value}) ** 2)",
        f"(1 / (1 + {code.numpy}.exp(-{value})))",
    )


def simple_shapes(value: str) -> tuple[str, ...]:
    """The derivatives of rectifier, sigmoid and tanh, written with the activated value."""
    return f"({value} > 0)", f"{value} * (1 - {value})", f"(1 - {value} ** 2)"


def leaky_shapes(code: Code, value: str) -> Iterator[str]:
    """The derivatives of leaky rectifiers, with the slopes that stand in the file."""
    for number in code.numbers:
        if 0 < ast.literal_eval(number) < 1:
            yield f"{code.numpy}.where({value} > 0, 1, {number})"


def own_derivatives(code: Code, node: Node, value: str) -> Iterator[str]:
    """The script's own functions of one value that may be a derivative, called with this value."""
    here = code.scope(node)
    for function in code.functions.values():
        if DERIVATIVE.search(function.name) and function is not here and arity(function) == 1:
            method = isinstance(code.parent[function], ast.ClassDef)
            yield f"{'self.' if method else ''}{function.name}({value})"
    yield from (f"{name}({value})" for name in _lifted(code) if DERIVATIVE.search(name))


def _lifted(code: Code) -> Iterator[str]:
    """The names of functions of single numbers that were made functions of arrays."""
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            together = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=False) if together else [(target, value)]  # type: ignore[attr-defined]
            for name, made in pairs:
                if (
                    isinstance(name, ast.Name)
                    and isinstance(made, ast.Call)
                    and identifier(made.func) == "vectorize"
                ):
                    yield name.id


# ----- Products -----------------------------------------------------------------------------------------


def _is_product(node: ast.AST | None) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)


def _whole_product(code: Code, node: ast.AST) -> ast.AST:
    """The longest product that a node is a factor of; the node itself where it is none."""
    parent = code.parent.get(node)
    while _is_product(parent):
        node, parent = parent, code.parent.get(parent)  # type: ignore[assignment, arg-type]
        if isinstance(parent, ast.BinOp) and parent.right is node:
            break  # a product in parentheses
    return node


def _factors(node: ast.AST) -> Run:
    """The factors of a product in the order of the text; a divisor counts as one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        return [*_factors(node.left), node.right]
    return [node] if isinstance(node, ast.expr) else []


def _runs(code: Code, factors: list[ast.expr]) -> Iterator[tuple[str, Run]]:
    """Neighbouring factors that speak of the same single value, longest runs only."""
    abouts = [_only_value(code, factor) for factor in factors]
    start = 0
    while start < len(factors):
        end = start + 1
        while end < len(factors) and abouts[end] == abouts[start]:
            end += 1
        if abouts[start]:
            yield abouts[start], factors[start:end]
        start = end


def _only_value(code: Code, node: ast.expr) -> str:
    """The one value that an expression is computed from, element by element; empty when there are others."""
    values: set[str] = set()
    pending: list[ast.AST] = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, ast.Call):
            pending += item.args
        elif isinstance(item, ast.BinOp) and isinstance(item.op, ast.MatMult):
            return ""
        elif isinstance(item, ast.Name | ast.Attribute | ast.Subscript):
            values.add(code.words(item))
        elif not isinstance(item, ast.expr_context | ast.operator | ast.cmpop):
            pending += ast.iter_child_nodes(item)
    return values.pop() if len(values) == 1 else ""
