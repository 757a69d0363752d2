"""Which edits are worth a trial, and in which order.

Every family of edits is tried on the blamed expression, on the rest of its statement, and on the places where
its value is used; what agrees with the explanation comes first, then the smallest change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from unstuck.facts import Edit, Source, Span
from unstuck.fix.code import Code, walk
from unstuck.fix.families import FAMILIES, Change, Node

# Families that answer an explanation, by the words that its kind contains; the first row that fits counts.
AGREES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("derivative-omitted", "derivative-missing"), ("factor",)),
    (("derivative-one",), ("comparison", "factor", "formula")),
    (("derivative",), ("comparison", "name", "formula", "drop", "factor")),
    (("mask", "dropout"), ("factor", "name", "move")),
    (("updated", "stale"), ("move",)),
    (("transpose",), ("transpose",)),
    (("sign", "ascent"), ("sign", "swap")),
    (("axis", "sum"), ("axis",)),
    (("operand", "input", "value"), ("name",)),
)
LIMIT = 400


@dataclass(frozen=True)
class Candidate:
    """Edits that might repair the program.

    size    characters that change
    agrees  is this the kind of change that the explanation asks for, where it asks for it?
    place   0 the blamed expression, 1 the rest of its statement, 2 where its value is used
    """

    edits: tuple[Edit, ...]
    title: str
    size: int
    family: str = field(default="", compare=False)
    agrees: bool = False
    place: int = 0


def candidates(
    source: Source, spans: Sequence[Span], kind: str, uses: Sequence[Span] = ()
) -> list[Candidate]:
    """Candidate edits of `source` for a fault of this kind blamed on `spans`, best first, at most 400.

    Spans of other files are ignored.  Every candidate parses, means something else than the original, and
    no two give the same text.  Raises SyntaxError when the source itself does not parse.
    """
    code = Code(source)
    preferred = agreeing_families(kind)
    original = ast.dump(code.tree)
    found: dict[str, Candidate] = {}
    for node, place in _places(code, spans, uses):
        for family, generate in FAMILIES.items():
            if family == "factor" and kind and family not in preferred:
                continue  # too many to try without a reason
            for change in generate(code, node):
                text = _applied(code.text, change)
                if text not in found and _means_something_else(text, original):
                    agrees = family in preferred and place < 2
                    found[text] = _candidate(code, change, family, agrees, place)
    ranked = sorted(found.values(), key=lambda item: (not item.agrees, item.place, item.size))
    return ranked[:LIMIT]


def agreeing_families(kind: str) -> tuple[str, ...]:
    """The families of edits that answer an explanation of this kind; empty for an unknown kind."""
    return next((families for words, families in AGREES if any(word in kind for word in words)), ())


def _places(code: Code, spans: Sequence[Span], uses: Sequence[Span]) -> Iterator[tuple[Node, int]]:
    """The nodes to change with the priority of their place; each node once."""
    blamed = [node for span in spans if span.path == code.source.path for node in code.inside(span)]
    used = [node for span in uses if span.path == code.source.path for node in code.inside(span)]
    around = [node for item in blamed if (statement := code.statement(item)) for node in _below(statement)]
    called = [node for item in blamed for node in _bodies(code, item)]
    lines = [node for item in used if (statement := code.statement(item)) for node in _below(statement)]
    seen: set[Node] = set()
    for place, nodes in ((0, blamed), (1, called + around), (2, used + lines)):
        for node in nodes:
            if node not in seen and not isinstance(node, ast.Constant):
                seen.add(node)
                yield node, place


def _below(statement: ast.stmt) -> list[Node]:
    """A statement and its expressions, without the statements of its body."""
    if isinstance(
        statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.For | ast.While | ast.If
    ):
        return []
    return [node for node in walk(statement) if isinstance(node, ast.expr | ast.stmt)]


def _bodies(code: Code, node: ast.AST) -> list[Node]:
    """What the user's own functions called by `node` return."""
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in code.functions
    ):
        return []
    returns = [item for item in walk(code.functions[node.func.id]) if isinstance(item, ast.Return)]
    return [below for item in returns for below in _below(item)]


def _applied(text: str, change: Change) -> str:
    for low, high, new in sorted(change.pieces, reverse=True):
        text = text[:low] + new + text[high:]
    return text


def _means_something_else(text: str, original: str) -> bool:
    try:
        return ast.dump(ast.parse(text)) != original
    except (SyntaxError, ValueError):
        return False


def _candidate(code: Code, change: Change, family: str, agrees: bool, place: int) -> Candidate:
    edits = tuple(Edit(code.span(low, high), new) for low, high, new in change.pieces if low < high or new)
    size = sum(_distance(code.text[low:high], new) for low, high, new in change.pieces)
    return Candidate(edits, change.title, size, family, agrees, place)


def _distance(old: str, new: str) -> int:
    """Characters that differ once the common beginning and end are set aside."""
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return max(len(old), len(new))
