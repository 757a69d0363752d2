"""Readings of explanations that are about whole statements, or about the derivative of an activation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, assigned, rebound, short
from unstuck.fix.changes.operators import swap
from unstuck.fix.changes.slopes import formula, own_derivatives, simple_shapes, slope
from unstuck.fix.changes.statements import assignment, copied, nest
from unstuck.fix.code import Code, is_number
from unstuck.fix.telling.titles import VALUES, is_called, is_factor, last
from unstuck.fix.telling.values import beside

SHAPES = {"ReLU": "({} > 0)", "sigmoid": "{0} * (1 - {0})", "tanh": "(1 - {} ** 2)"}


def kept(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """The old value should be kept as it is: = and += are mistaken for each other, or a number in front of it."""
    found: list[Change] = []
    if isinstance(node, ast.AugAssign):
        words = code.words(node.target)
        if any(isinstance(item, VALUES) and code.words(item) == words for item in ast.walk(node.value)):
            found += assignment(code, node)
    elif isinstance(node, ast.Assign) and rebound(node) is None:
        found += assignment(code, node)
    elif isinstance(node, ast.Assign):
        found += swap(code, node.value)
        sums = (item for item in ast.walk(node.value) if isinstance(item, ast.BinOp))
        for number in (item.left for item in sums if isinstance(item.op, ast.Add | ast.Sub)):
            if is_number(number):
                found.append(Change(((*code.range(number), "1"),), f"1 instead of {code.words(number)}"))
    yield from (Change(change.pieces, change.title, 1) for change in found)


def in_place(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """The array itself is changed, `w -= step` for `w = w - step`, where w is a second name of it."""
    target = rebound(node) if isinstance(node, ast.Assign) else None
    value = node.value if isinstance(node, ast.Assign) else None
    if target is None or not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
        return
    if code.words(value.left) == code.words(target):
        sign = "+" if isinstance(value.op, ast.Add) else "-"
        low, high = code.range(target)[1], code.range(value.right)[0]
        yield Change(((low, high, f" {sign}= "),), "change the array itself", 1)


def before_loop(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """What is made anew in every round is made once, before the loop."""
    for change in nest(code, node):
        if change.title.endswith("before the loop"):
            yield Change(change.pieces, change.title, 1)


def into_loop(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """What stands behind a loop and takes only its last values, moves into it; or adds up what it overwrites."""
    for change in (*nest(code, node), *assignment(code, node)):
        if change.title.endswith("into the loop") or change.title == "= becomes +=":
            yield Change(change.pieces, change.title, 1)


def zeros(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """A sum starts from zeros of its own, and not from ones, or from the array that it moves."""
    if isinstance(node, ast.Attribute) and node.attr in ("ones_like", "ones"):
        high = code.range(node)[1]
        new = node.attr.replace("ones", "zeros")
        yield Change(((high - len(node.attr), high, new),), f"{new} instead of {node.attr}", 1)


def zeros_like(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """What is only another name for an array becomes zeros of its shape."""
    if isinstance(node, VALUES) and isinstance(node.ctx, ast.Load):
        above = code.parent[node]
        above = code.parent[above] if isinstance(above, ast.Tuple) else above
        if isinstance(above, ast.Assign):
            text = f"{code.numpy}.zeros_like({code.words(node)})"
            yield Change(((*code.range(node), text),), f"zeros like `{short(code, node)}`", 1)


def unshared(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """A gradient that is written into the very array that it moves gets zeros of its own."""
    for item in ast.walk(code.scope(node)) if isinstance(node, ast.stmt) else ():
        targets = item.targets if isinstance(item, ast.Assign) and isinstance(item.value, VALUES) else []
        if any(isinstance(each, VALUES) and is_called(code, each, match[1]) for each in targets):
            assert isinstance(item, ast.Assign)
            yield from (change for change in copied(code, item) if "zeros" in change.title)


def missing_slope(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """The derivative of a known activation is missing, of one of the values at hand."""
    value, shape = assigned(node), SHAPES.get(match[1])
    if value is None or shape is None:
        return
    own = {code.words(item) for item in ast.walk(node) if isinstance(item, ast.expr)}
    for text in code.data_names(node):
        if text not in own:
            yield beside(code, value, "*", shape.format(text))


def another_slope(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """What stands in the place of the derivative of a known activation becomes its usual form."""
    shape = SHAPES.get(match[1])
    if shape is None:
        return
    for change in (*slope(code, node), *formula(code, node)):
        new = change.pieces[0][2].strip("()")
        values = re.findall(r"[\w.\[\]\"']+", new)
        if any(new == shape.format(value).strip("()") for value in values):
            yield Change(change.pieces, change.title, 1)


def of_its_own(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """The derivative of a sigmoid or tanh takes what the activation is called with: a(z) * (1 - z) for a(z)."""
    shape = SHAPES.get(match[1])
    if shape is None or not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)):
        return
    for call in (node.left, node.right):
        if isinstance(call, ast.Call):
            text = shape.format(code.words(call))
            yield Change(((*code.range(node), text),), f"{text} instead of `{short(code, node)}`", 1)


def corrected(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """What a running mean lacks after few steps: 1 - beta ** t for 1 - beta, with the exponents that the file has."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_number(node.left)):
        return
    base = node.right.left if isinstance(node.right, ast.BinOp) else node.right
    powers = (
        item for item in ast.walk(code.tree) if isinstance(item, ast.BinOp) and isinstance(item.op, ast.Pow)
    )
    for exponent in dict.fromkeys(code.words(item.right) for item in powers if not is_number(item.right)):
        text = f"{code.words(base)} ** {f'({exponent})' if not exponent.isidentifier() else exponent}"
        yield Change(((*code.range(node.right), text),), f"{text} instead of {short(code, node.right)}", 1)


def with_gradient(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """A number is added to a parameter that should be multiplied by its gradient: rate * grads[name] for rate."""
    value = assigned(node)
    if isinstance(node, ast.Assign) and rebound(node) is not None and isinstance(value, ast.BinOp):
        value = value.right
    target = node.target if isinstance(node, ast.AugAssign) else None
    if value is None or not isinstance(node, ast.Assign | ast.AugAssign):
        return
    names = code.data_names(node)
    if isinstance(target, ast.Subscript):
        fixed = isinstance(target.slice, ast.Constant)
        holders = [name for name in names if name in code.indexed or not fixed]
        names = [*(f"{name}[{code.words(target.slice)}]" for name in holders), *names]
    own = {code.words(item) for item in ast.walk(node) if isinstance(item, ast.expr)}
    moved = target if target is not None else rebound(node)
    called = last(code.words(moved)) if moved is not None else ""
    names.sort(key=lambda name: not last(name).endswith(called))
    yield from (beside(code, value, "*", name) for name in dict.fromkeys(names) if name not in own)


def derived(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """An activation stands in a product where its derivative belongs."""
    if isinstance(node, VALUES) and isinstance(code.parent[node], ast.BinOp) and is_factor(code, node):
        for text in (*own_derivatives(code, node, code.words(node)), *simple_shapes(code.words(node))):
            yield Change(((*code.range(node), text),), f"{text} instead of {short(code, node)}", 2)
