"""Families that take a like statement for another layer as the model: the same is said here of other names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, assigned, rebound, short
from unstuck.fix.code import Code
from unstuck.trace.running.sources import expression, parsed

NUMBERS = r"(?<=[A-Za-z_])\d+\b"  # of names


def analogy(code: Code, node: Node) -> Iterator[Change]:
    """An update that is missing, made from the one of a sibling: b1 -= rate * db1 after W1 -= rate * dW1."""
    if not isinstance(node, ast.stmt):
        return
    known = code.identifiers
    for update in code.updates:
        lines = code.lines(update)
        target = update.target if isinstance(update, ast.AugAssign) else rebound(update)
        stem = code.last_word(target) if target is not None else ""
        if lines is None or not stem:
            continue
        for other in code.unmoved:
            text = code.text[slice(*lines)].replace(stem, other)
            variants = [(text, 0), *((each, 2) for each in _of_this_layer(code, text, code.words(node)))]
            for words, extra in variants if other != stem else ():
                if _words(words) <= known:
                    title = f"add `{' '.join(words.split())}`"
                    for at, size in zip(lines[::-1], (3, 4), strict=True):
                        added = words if words.endswith("\n") else "\n" + words
                        yield Change(((at, at, added),), title, size + extra + (stem[0] != other[0]))


def _of_this_layer(code: Code, text: str, beside: str) -> Iterator[str]:
    """An update with one value that another of its layer uses in the place of one of its own.

    (After `W1 -= rate * x.T @ d1`, `b1 -= rate * d2.sum(0)`, which is modelled on the update of b2, sums d1.)
    """
    parts = [re.split(r"(?<![=!<>])=(?!=)", each, maxsplit=1) for each in (text, beside)]
    if any(len(each) < 2 for each in parts):
        return
    (target, value), (_, model) = parts
    own, others = _values(code, value), _values(code, model)
    for name in sorted(own - others):
        whole = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
        yield from (f"{target}={whole.sub(other, value)}" for other in sorted(others - own))


def _values(code: Code, text: str) -> set[str]:
    """The names of values in an expression, and the attributes of their owner."""
    try:
        tree = expression(text.strip())
    except (SyntaxError, ValueError):
        return set()
    called = {item.func for item in ast.walk(tree) if isinstance(item, ast.Call)}
    names = {item for item in ast.walk(tree) if isinstance(item, ast.Name) and item not in called}
    members = {item for item in ast.walk(tree) if isinstance(item, ast.Attribute) and item.value in names}
    no_values = {*code.imported, "self"}
    found = {ast.unparse(item) for item in names | members - called}
    return {each for each in found if each not in no_values and each.split(".")[0] not in code.imported}


def sibling(code: Code, node: Node) -> Iterator[Change]:
    """What a like statement computes for its layer: d1 = d2 @ W2.T * (h1 > 0) makes d0 = d1 @ W1.T * (h0 > 0)."""
    value = assigned(node)
    target = _target(node)
    if value is None or target is None:
        return
    own, known = code.words(target), code.identifiers
    for other in ast.walk(code.scope(node)):
        model = _target(other)
        if model is None or other is node or type(other) is not type(node):
            continue
        assert isinstance(other, ast.Assign | ast.AugAssign)
        text = _translated(code.words(other.value), code.words(model), own)
        if text is not None and _words(text) <= known:
            title = f"compute {' '.join(text.split())}, as in `{short(code, other)}`"
            yield Change(((*code.range(value), text),), title, 2)


def _target(node: ast.AST) -> ast.expr | None:
    """The one name, attribute or item that a statement assigns to."""
    if isinstance(node, ast.AugAssign):
        return node.target
    return node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None


def _translated(text: str, model: str, own: str) -> str | None:
    """A text about one name as a text about another: by the distance of their numbers, or with one word for another."""
    numbers = [re.split(r"(\d+)", name) for name in (model, own)]
    if len(numbers[0]) == len(numbers[1]) > 1 and numbers[0][::2] == numbers[1][::2]:
        shift = int(numbers[1][1]) - int(numbers[0][1])
        found = [int(number) for number in re.findall(NUMBERS, text)]
        if not shift or min(found, default=0) + shift < 0:
            return None
        return re.sub(NUMBERS, lambda match: str(int(match[0]) + shift), text)
    parts = [re.split(r"(_|\W)", name) for name in (model, own)]
    if len(parts[0]) != len(parts[1]):
        return None
    pairs = [(a, b) for a, b in zip(*parts, strict=True) if a != b]
    if len(pairs) != 1 or not all(part.isidentifier() for part in pairs[0]):
        return None
    new = re.sub(rf"(?<![A-Za-z]){pairs[0][0]}(?![A-Za-z])", pairs[0][1], text)
    return new if new != text else None


def _words(text: str) -> set[str]:
    """The identifiers and literal keys of a statement; of what is none, its own text."""
    try:
        tree = parsed(text.strip())
    except (SyntaxError, ValueError):
        return {text}
    names = {item.id for item in ast.walk(tree) if isinstance(item, ast.Name)}
    names |= {item.attr for item in ast.walk(tree) if isinstance(item, ast.Attribute)}
    return names | {
        item.value
        for item in ast.walk(tree)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    }
