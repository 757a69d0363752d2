"""A file of a program as a syntax tree with places: parents, texts, edits of expressions and of whole lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Edit = tuple[int, int, str]  # replace text[low:high]
Block = list[ast.stmt]
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class File:
    """The text of one file, its tree, and where every node stands in it."""

    name: str
    text: str
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text)
        self._starts = [0]
        for line in self.text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._parents = {
            child: parent for parent in ast.walk(self.tree) for child in ast.iter_child_nodes(parent)
        }

    # ----- Places -------------------------------------------------------------------------------------------

    def low(self, node: ast.expr | ast.stmt) -> int:
        """Where a node begins."""
        return self._offset(node.lineno, node.col_offset)

    def high(self, node: ast.expr | ast.stmt) -> int:
        """Where it ends."""
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _offset(self, line: int, column: int) -> int:
        start = self._starts[line - 1]
        encoded = self.text[start : self._starts[line]].encode()
        return start + len(encoded[:column].decode())

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        return ast.get_source_segment(self.text, node) or ""

    # ----- Relations ----------------------------------------------------------------------------------------

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around a node."""
        return self._parents.get(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """All nodes around a node, from the inside."""
        while (above := self._parents.get(node)) is not None:
            yield above
            node = above

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node belongs to."""
        return next(each for each in (node, *self.around(node)) if isinstance(each, ast.stmt))

    def function(self, node: ast.AST) -> int:
        """The first line of the function around a node; 1 for the module."""
        found = next((each for each in self.around(node) if isinstance(each, FUNCTIONS)), None)
        if isinstance(found, ast.FunctionDef) and found.decorator_list:
            return found.decorator_list[0].lineno
        return found.lineno if found else 1

    def siblings(self, statement: ast.stmt) -> Block:
        """The block of statements that a statement stands in."""
        parent = self._parents[statement]
        blocks = [getattr(parent, name, None) for name in ("body", "orelse", "finalbody")]
        return next(block for block in blocks if isinstance(block, list) and statement in block)

    def loop(self, statement: ast.stmt) -> ast.For | ast.While | None:
        """The loop whose body a statement stands directly in."""
        parent = self._parents[statement]
        return parent if isinstance(parent, ast.For | ast.While) and statement in parent.body else None

    # ----- Edits --------------------------------------------------------------------------------------------

    def replaced(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """Another text for a node; an expression keeps its place in the order of operations."""
        loose = isinstance(node, ast.expr) and isinstance(
            _parsed(text), ast.BinOp | ast.UnaryOp | ast.Compare
        )
        inner = isinstance(self.parent(node), ast.expr) and not isinstance(self.parent(node), ast.Call)
        return self.low(node), self.high(node), f"({text})" if loose and inner else text

    def alone(self, statement: ast.stmt) -> bool:
        """Does a statement have its lines for itself?"""
        before = self.text[self._starts[statement.lineno - 1] : self.low(statement)]
        after = self.text[self.high(statement) : self._starts[statement.end_lineno or 0]]
        return not before.strip() and not after.partition("#")[0].strip()

    def lines(self, statement: ast.stmt) -> Edit:
        """The whole lines of a statement, as an edit that deletes them."""
        return self._starts[statement.lineno - 1], self._starts[statement.end_lineno or 0], ""

    def indented(self, statement: ast.stmt, like: ast.stmt) -> str:
        """The lines of a statement, indented as another one is."""
        low, high, _ = self.lines(statement)
        shift = like.col_offset - statement.col_offset
        lines = self.text[low:high].splitlines(keepends=True)
        moved = "".join(" " * shift + line if shift > 0 else line[-shift:] for line in lines)
        return moved if moved.endswith("\n") else moved + "\n"


def _parsed(text: str) -> ast.AST | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def applied(text: str, edits: tuple[Edit, ...]) -> str:
    """The text after the edits."""
    for low, high, new in sorted(edits, reverse=True):
        text = text[:low] + new + text[high:]
    return text
