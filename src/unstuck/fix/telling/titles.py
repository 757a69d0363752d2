"""What explanations call things, and what the text calls them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Node
from unstuck.fix.changes.slopes import own_derivatives, simple_shapes
from unstuck.fix.code import Code, is_number

VALUES = (ast.Name, ast.Attribute, ast.Subscript)
LINEAR = {"dot", "matmul", "outer", "sum", "mean", "einsum", "reshape", "ravel", "copy", "transpose"}


def is_titled(code: Code, node: ast.expr, title: str) -> bool:
    """Does an explanation mean this operand?  A number by its value, anything without a name by its place."""
    if is_number(node):
        return plain(title) == str(ast.literal_eval(node)) or title == f"{ast.literal_eval(node):g}"
    if re.fullmatch(r"the value of line \d+", title):
        return title.endswith(f" {node.lineno}")
    return isinstance(node, VALUES) and is_called(code, node, title)


def is_called(code: Code, node: ast.expr, title: str) -> bool:
    """Is this what a person would call the value?  (net.W1 is self.W1 inside of the class.)"""
    words = plain(code.words(node))
    if words == plain(title):
        return True
    known = re.fullmatch(r"[\w.\[\]\"]+", plain(title))
    return bool(known) and last(title) == code.last_word(node) and words != last(title)


def texts(code: Code, node: Node, title: str) -> Iterator[str]:
    """The texts that may stand for what an explanation calls by this title, in the scope of a node."""
    if derived := re.fullmatch(r"the derivative of (.+) by (.+)", title):
        for value in (text for each in derived.groups() for text in texts(code, node, each)):
            yield from (*own_derivatives(code, node, value), *simple_shapes(value))
        return
    if error := re.fullmatch(r"the error of (.+)", title):
        names = "|".join(re.escape(each) for each in {last(error[1]), plain(error[1])})
        yield from (each for each in code.data_names(node) if re.fullmatch(rf"d_?({names})", each))
        return
    if called := re.fullmatch(r"(\w+)\((.+)\)", title):
        yield from (f"{code.numpy}.{called[1]}({text})" for text in texts(code, node, called[2]))
        return
    if line := re.fullmatch(r"the value of line (\d+)", title):
        assignments = (each for each in ast.walk(code.tree) if isinstance(each, ast.Assign))
        made = (each for each in assignments if each.lineno == int(line[1]))
        yield from (code.words(each.targets[0]) for each in made if isinstance(each.targets[0], VALUES))
        return
    known = list(dict.fromkeys((*code.data_names(node), *code.values)))
    same = [text for text in known if plain(text) == plain(title)]
    same = same or [text for text in known if last(text) == last(title) and text != last(text)]
    yield from same or [text for text in known if title.startswith(f"{text}[")]


def plain(text: str) -> str:
    """The text with one kind of quotes."""
    return text.replace("'", '"')


def last(text: str) -> str:
    """The last word of a path such as net.params["W1"]."""
    words = re.findall(r"\w+", text)
    return words[-1] if words else text


def is_factor(code: Code, node: ast.expr) -> bool:
    """Does the sign of this value go over to all that its statement computes?"""
    child: ast.AST = node
    while not isinstance(parent := code.parent[child], ast.stmt):
        if isinstance(parent, ast.BinOp):
            if not isinstance(parent.op, ast.Mult | ast.MatMult | ast.Div):
                return False
        elif isinstance(parent, ast.Call):
            name = parent.func.attr if isinstance(parent.func, ast.Attribute) else ""
            if name not in LINEAR:
                return False
        elif not isinstance(
            parent, ast.Attribute | ast.UnaryOp | ast.Tuple | ast.List | ast.Dict | ast.Subscript
        ):
            return False
        child = parent
    return not isinstance(parent, ast.If | ast.For | ast.While)
