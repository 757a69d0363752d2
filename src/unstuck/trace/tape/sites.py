"""The places of a program where hooks stand, and the syntax of a hook's call."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from unstuck.facts import Span


@dataclass(frozen=True)
class Site:
    """Where a hook stands: its span and, for a store, the text of the target ("self.W")."""

    span: Span
    target: str = ""


class Places:
    """Numbers the places of one file; `sites[i]` is the place of the hook that was given the number i.

    `loops[i]` is likewise the i-th loop.
    """

    def __init__(self, sites: list[Site], loops: list[Span], path: str, text: str) -> None:
        self.sites = sites
        self.loops = loops
        self.classes: list[str] = []  # the classes around the statement that is being rewritten
        self._path = path
        self._lines = re.split(r"\r\n|\r|\n", text)  # splitlines() would also split at form feeds

    def site(self, node: ast.AST, target: str = "") -> ast.Constant:
        """A new site for this node, as the constant that the hook receives."""
        self.sites.append(Site(self.span(node), target))
        return ast.Constant(len(self.sites) - 1)

    def loop(self, node: ast.AST) -> ast.Constant:
        """A new loop at this node, as the constant that its hooks receive."""
        self.loops.append(self.span(node))
        return ast.Constant(len(self.loops) - 1)

    def span(self, node: ast.AST) -> Span:
        """The span of a node: its positions count bytes from 0, a span counts characters from 1."""
        line, end = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        start = self._characters(line, node.col_offset)  # type: ignore[attr-defined]
        stop = self._characters(end, node.end_col_offset)  # type: ignore[attr-defined]
        return Span(self._path, line, start + 1, end, stop + 1)

    def mangled(self, name: str) -> str:
        """A private attribute's real name inside a class body (the rule of the language)."""
        owner = self.classes[-1].lstrip("_") if self.classes else ""
        private = name.startswith("__") and not name.endswith("__")
        return f"_{owner}{name}" if owner and private else name

    def _characters(self, line: int, offset: int) -> int:
        text = self._lines[line - 1]
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))


def switch(node: ast.AST) -> ast.expr:
    """`__u__.on`, asked where `node` stands."""
    return _attribute("on", node)


def deaf(number: ast.Constant, node: ast.AST) -> ast.expr:
    """`number in __u__.deaf`, asked where `node` stands."""
    return ast.copy_location(ast.Compare(number, [ast.In()], [_attribute("deaf", node)]), node)


def hook(name: str, node: ast.AST, *parts: ast.expr, keywords: list[ast.keyword] | None = None) -> ast.Call:
    """`__u__.name(*parts)` in the place of `node`, so that a traceback shows the node's own line."""
    return ast.copy_location(ast.Call(_attribute(name, node), list(parts), keywords or []), node)


def _attribute(name: str, node: ast.AST) -> ast.expr:
    """`__u__.name` on one line: the compiler gives a call the last line of the attribute that it calls."""
    place = ast.copy_location(ast.Name("__u__", ast.Load()), node)
    place.end_lineno, place.end_col_offset = place.lineno, place.col_offset
    return ast.copy_location(ast.Attribute(place, name, ast.Load()), place)
