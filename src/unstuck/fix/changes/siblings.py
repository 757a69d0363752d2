"""Families that take a like statement for another layer as the model: the same is said here of other names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstuck.fix.changes.change import Change, Node, assigned, rebound, short
from unstuck.fix.code import Code
from unstuck.trace.running.sources import parsed

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
            if other != stem and _words(text) <= known:
                title = f"add `{' '.join(text.split())}`"
                for at, size in zip(lines[::-1], (3, 4), strict=True):
                    added = text if text.endswith("\n") else "\n" + text
                    yield Change(((at, at, added),), title, size)


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
