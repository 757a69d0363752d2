"""Products of the values at hand: what a statement could compute instead, in hundreds.

Too many to run the program with each of them; they are evaluated where the statement stands (see
`unstuck.fix.probing`), and only those that compute a derivative of the loss become candidates.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import product

from unstuck.fix.changes.change import Change, assigned, rebound
from unstuck.fix.changes.slopes import leaky_shapes, own_derivatives, simple_shapes
from unstuck.fix.code import Code, loose, walk

MOST_ATOMS = 12  # values of which products are made
METHODS = {
    "dot",
    "sum",
    "mean",
    "max",
    "min",
    "reshape",
    "copy",
    "transpose",
    "astype",
    "shape",
    "size",
    "append",
}
MOST = 600  # of one statement
LEAST_LIKELY = 60  # as large as that many characters


def compositions(code: Code, statement: ast.stmt) -> Iterator[Change]:
    """Changes of the value that a statement assigns or returns: factors put to it, or other products in its place."""
    value = assigned(statement)
    if value is None or isinstance(value, ast.Tuple | ast.List | ast.Dict):
        return
    values = _atoms(code, statement)
    atoms = values[:MOST_ATOMS]
    products = _products(atoms)
    for part in _parts(statement, value):
        low, high = code.range(part)
        left, right = ("(", ")") if loose(part) else ("", "")
        for new in (*_factors(code, statement, values), *(f"({item})" for item in products)):
            yield Change(((low, low, left), (high, high, f"{right} * {new}")), f"multiply by {new}")
        text = f"{left}{code.words(part)}{right}"
        for atom in atoms:
            for new in (f"{atom} @ {text}", f"{atom}.T @ {text}", f"{text} @ {atom}", f"{text} @ {atom}.T"):
                yield Change(((low, high, new),), f"multiply `{code.words(part)}` by the matrix {atom}")
    if not isinstance(statement, ast.AugAssign) and rebound(statement) is None:
        low, high = code.range(value)
        for new in products:
            yield Change(((low, high, new),), f"compute {new}")
        for new in atoms:  # what computes nothing is the right thing least of all
            yield Change(((low, high, new),), f"use {new}", LEAST_LIKELY)


def _parts(statement: ast.stmt, value: ast.expr) -> list[ast.expr]:
    """The value, or of an update that is written as a sum what is added to the old value."""
    if rebound(statement) is not None and isinstance(value, ast.BinOp):
        return [value.right]
    return [value]


def _atoms(code: Code, statement: ast.stmt) -> list[str]:
    """Names of the scope that hold arrays, and the parts of them that the file uses, nearest first."""
    found: dict[str, int] = {}
    names = set(code.data_names(statement))
    taken = {code.words(item) for item in getattr(statement, "targets", [])}
    for item in walk(code.tree):
        if isinstance(item, ast.Name | ast.Attribute | ast.Subscript):
            text = code.words(item)
            if text not in taken and not text.endswith(".T") and _is_value(item, names):
                found[text] = min(found.get(text, len(code.text)), abs(item.lineno - statement.lineno))
    return sorted(found, key=lambda text: found[text])


def _is_value(item: ast.expr, names: set[str]) -> bool:
    """Is this one of the names, or a part of one that is known without a call?"""
    root = item
    while isinstance(root, ast.Attribute | ast.Subscript):
        if isinstance(root, ast.Subscript) and any(
            isinstance(part, ast.Call) for part in ast.walk(root.slice)
        ):
            return False
        root = root.value
    known = isinstance(root, ast.Name) and (root.id in names or (root.id == "self" and root is not item))
    return known and not (isinstance(item, ast.Attribute) and item.attr in METHODS)


def _products(atoms: list[str]) -> list[str]:
    """Matrix products of two values, each as it is or transposed; then element-wise ones."""
    sides = [(a, text) for a in atoms for text in (a, f"{a}.T")]
    pairs = [f"{left} @ {right}" for (a, left), (b, right) in product(sides, sides) if a != b]
    return [*pairs[:MOST], *(f"{a} * {b}" for a, b in product(atoms, atoms) if a < b)]


def _factors(code: Code, statement: ast.stmt, atoms: list[str]) -> Iterator[str]:
    """Values and derivatives of activations."""
    for atom in atoms:
        yield atom
        yield from own_derivatives(code, statement, atom)
        yield from simple_shapes(atom)
        yield from leaky_shapes(code, atom)
