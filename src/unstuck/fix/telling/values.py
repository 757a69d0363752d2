"""Readings of explanations that are about one value: it stands for another, is missing, too much, or turned."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from unstuck.fix.changes.change import Change, Node, assigned, operator, rebound, short
from unstuck.fix.changes.operands import index, transpose
from unstuck.fix.changes.operators import sign, swap
from unstuck.fix.changes.statements import assignment
from unstuck.fix.code import Code, is_number, loose
from unstuck.fix.telling.titles import VALUES, is_called, is_factor, is_titled, last, texts

Reading = Callable[[Code, Node, re.Match[str]], Iterator[Change]]
SYMBOLS = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div}
COMPARISONS = {"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<="}
COMPARING = {">": ast.Gt, ">=": ast.GtE, "<": ast.Lt, "<=": ast.LtE}
HERE = "what is computed here"


# ----- One thing in the place of another ----------------------------------------------------------------


def other_operator(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """`/` stands where `*` is right; `minimum` where `maximum` is."""
    old, new = (COMPARISONS.get(word, word) for word in match.groups())
    piece = None
    if isinstance(node, ast.BinOp) and type(node.op) is SYMBOLS.get(old):
        piece = operator(code, node.left, node.right, old, new)
    elif isinstance(node, ast.AugAssign) and type(node.op) is SYMBOLS.get(old):
        piece = operator(code, node.target, node.value, f"{old}=", f"{new}=")
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) is COMPARING.get(old):
        piece = operator(code, node.left, node.comparators[0], old, new)
    elif isinstance(node, ast.Attribute) and node.attr == old and new.isidentifier():
        high = code.range(node)[1]
        piece = (high - len(old), high, new)
    if piece is not None:
        yield Change((piece,), f"{new} instead of {old} in `{short(code, node)}`", 1)


def number(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """The number 2 stands where 1 belongs."""
    old, new = (float(word) for word in match.groups())
    for item in ast.iter_child_nodes(node):
        if isinstance(item, ast.Constant) and is_number(item) and float(str(item.value)) == old:
            text = f"{new:g}" if isinstance(item.value, int) else repr(new)
            title = f"{text} instead of {code.words(item)} in `{short(code, node)}`"
            yield Change(((*code.range(item), text),), title, 1)


def value(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """h stands where dz belongs; the error goes back through W2 instead of W3."""
    old, new = match.groups()
    if not (isinstance(node, VALUES) and isinstance(node.ctx, ast.Load) and is_titled(code, node, old)):
        return
    found = list(texts(code, node, new))
    for text in found:
        if text != code.words(node):
            yield Change(((*code.range(node), text),), f"use {text} instead of {short(code, node)}", 1)
    if not found:  # of what the text has no name for, the neighbour is meant
        yield from index(code, node)


def wrapped(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """X stands where mean(X, axis=0) belongs."""
    title, function, options = match.groups()
    if isinstance(node, (ast.BinOp, ast.Call, *VALUES)) and is_titled(code, node, title):
        text = f"{code.numpy}.{function}({code.words(node)}{options or ''})"
        yield Change(((*code.range(node), text),), f"{function} of `{short(code, node)}`", 1)


# ----- Something is missing ---------------------------------------------------------------------------


def put_in(symbol: str, flipped: bool = False) -> Reading:
    """What is missing beside a value: a factor, a divisor, a term."""

    def reading(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
        item, whole = match.groups() if flipped else match.groups()[::-1]
        part = _whole(code, node, whole)
        for text in texts(code, node, item) if part is not None else ():
            assert part is not None
            yield beside(code, part, symbol, text)

    return reading


def _whole(code: Code, node: Node, title: str) -> ast.expr | None:
    """The value that a title means: what a statement assigns to that name, or the name where it is read."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = any(isinstance(each, VALUES) and is_called(code, each, title) for each in targets)
        return assigned(node) if named or title == HERE else None
    if isinstance(node, VALUES) and isinstance(node.ctx, ast.Load) and is_called(code, node, title):
        return node
    return None


def beside(code: Code, part: ast.expr, symbol: str, text: str) -> Change:
    """A value with another one put to it, in the parentheses that it needs."""
    low, high = code.range(part)
    parent = code.parent[part]
    product = symbol in "*/"
    inner = product and loose(part)
    tight = isinstance(parent, ast.Attribute | ast.UnaryOp) or (
        isinstance(parent, ast.BinOp) and not (product and isinstance(parent.op, ast.Add | ast.Sub))
    )
    left, right = "(" * (inner + tight), ")" * inner
    pieces = ((low, low, left), (high, high, f"{right} {symbol} {text}{')' * tight}"))
    return Change(pieces, f"{short(code, part)} {symbol} {text}", 2)


# ----- Something is too much, or turned ---------------------------------------------------------------


def left_out(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """X does not belong here: the other operand alone."""
    if isinstance(node, ast.AugAssign) and is_titled(code, node.target, match[1]):
        yield from assignment(code, node)
    if isinstance(node, ast.BinOp):
        for extra, rest in ((node.left, node.right), (node.right, node.left)):
            if is_titled(code, extra, match[1]):
                text = f"({code.words(rest)})" if loose(rest) else code.words(rest)
                yield Change(((*code.range(node), text),), f"use `{short(code, rest)}` alone", 1)


def alone(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """`exp` of X stands where X itself belongs, or X is raised to a power."""
    inner = node.left if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) else None
    if isinstance(node, ast.Call) and len(node.args) == 1:
        inner = node.args[0]
    if inner is not None and is_titled(code, inner, match[1]):
        yield Change(((*code.range(node), f"({code.words(inner)})" if loose(inner) else code.words(inner)),),
                     f"use `{short(code, inner)}` alone", 1)  # fmt: skip


def turned(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """X should be transposed here, or its transpose is meant."""
    base = node.value if isinstance(node, ast.Attribute) and node.attr == "T" else node
    if isinstance(base, VALUES) and is_called(code, base, match[1]):
        yield from transpose(code, node)


def minus(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """The minus sign in front of X does not belong here."""
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and is_titled(code, node.operand, match[1])
    ):
        yield from sign(code, node)


def own_gradient(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """The update of X is made of X, or of another parameter, where the gradient of X belongs."""
    taken, name = match.groups()
    if isinstance(node, VALUES) and isinstance(node.ctx, ast.Load) and is_called(code, node, taken):
        wanted = re.compile(rf"(?:.*[\W_])?(?:d|g|grad|delta|nabla)_?{re.escape(last(name))}\W*")
        for text in code.data_names(node):
            if wanted.fullmatch(text):
                yield Change(((*code.range(node), text),), f"use {text} instead of {short(code, node)}", 1)


def negated(code: Code, node: Node, match: re.Match[str]) -> Iterator[Change]:
    """A minus sign is missing in front of X."""
    named = isinstance(node, VALUES) and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.expr) and (named or loose(node)) and is_titled(code, node, match[1]):
        left, right = ("(-", ")") if isinstance(code.parent[node], ast.BinOp) else ("-", "")
        words = f"({code.words(node)})" if loose(node) else code.words(node)
        yield Change(((*code.range(node), f"{left}{words}{right}"),), f"-{words}", 1)


def reversed_sign(code: Code, node: Node, _: re.Match[str]) -> Iterator[Change]:
    """The sign is wrong: all changes that turn the sign of what the statement computes, and nothing else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and is_factor(code, node):
        yield from (Change(change.pieces, change.title, 1) for change in sign(code, node))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_factor(code, node):
        yield from (Change(change.pieces, change.title, 2) for change in swap(code, node))
    elif isinstance(node, ast.AugAssign):
        yield from sign(code, node)
    elif isinstance(node, ast.Assign) and rebound(node) is not None and isinstance(node.value, ast.BinOp):
        yield from (Change(change.pieces, change.title, 1) for change in sign(code, node.value))
