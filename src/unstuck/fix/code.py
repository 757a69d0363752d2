"""A parsed source file whose nodes know their exact characters, their parents and the names around them."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property

from unstuck.facts import Source, Span
from unstuck.fix.vocabulary import identifier, without_arrays
from unstuck.trace.running.sources import line_starts, offsets, parsed

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_LOOSE = (ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.Starred)


class Code:
    """The syntax tree of a Source; raises SyntaxError when the text does not parse.

    unmoved  the last words of the parameters that nothing updates
    """

    def __init__(self, source: Source, unmoved: Sequence[str] = ()) -> None:
        self.source = source
        self.unmoved = tuple(unmoved)
        self.text = source.text
        self.tree = parsed(self.text)
        self._starts = line_starts(self.text)
        self._lines = [line.encode() for line in self.text.split("\n")]
        self.parent = {child: node for node in walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.functions = {node.name: node for node in walk(self.tree) if isinstance(node, ast.FunctionDef)}
        imports = [node for node in walk(self.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        aliases = [alias for node in imports for alias in node.names]
        self.imported = {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
        self.numpy = next((alias.asname or alias.name for alias in aliases if alias.name == "numpy"), "numpy")
        self._plain = without_arrays(self.tree)
        self._meanings: dict[ast.stmt, str] = {}
        self._names: dict[ast.AST, tuple[str, ...]] = {}
        self.identifiers = {word for node in walk(self.tree) if (word := identifier(node))}

    # ----- Characters -----------------------------------------------------------------------------------

    def range(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Offsets of the first and one past the last character of `node` (the tree counts UTF-8 bytes)."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1][:column].decode())

    def outer(self, node: ast.expr) -> tuple[int, int]:
        """The range of an operand with the parentheses that group it."""
        low, high = self.range(node)
        floor, ceiling = self.range(self.parent[node])  # type: ignore[arg-type]
        while True:
            left = len(self.text[floor:low].rstrip()) + floor
            right = ceiling - len(self.text[high:ceiling].lstrip())
            if self.text[floor:left][-1:] != "(" or self.text[right:ceiling][:1] != ")":
                return low, high
            low, high = left - 1, right + 1

    def words(self, node: ast.expr | ast.stmt) -> str:
        """The text of `node` as written."""
        low, high = self.range(node)
        return self.text[low:high]

    def span(self, low: int, high: int) -> Span:
        """The Span of text[low:high]."""
        return span_of(self.source.path, self._starts, low, high)

    def line_start(self, line: int) -> int:
        """Offset of the first character of `line`; the end of the text for the line after the last."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def lines(self, statement: ast.stmt) -> tuple[int, int] | None:
        """The range of the lines of a statement; None when it shares one with another statement."""
        assert statement.end_lineno is not None
        low, high = self.line_start(statement.lineno), self.line_start(statement.end_lineno + 1)
        block = self.block(statement)
        following = block[block.index(statement) + 1 :][:1]
        shared = following and following[0].lineno <= statement.end_lineno
        return None if shared or self.indent(statement).strip() else (low, high)

    def indent(self, statement: ast.stmt) -> str:
        """What stands before a statement in its line."""
        return self.text[self.line_start(statement.lineno) : self.range(statement)[0]]

    @cached_property
    def _ranges(self) -> dict[ast.expr | ast.stmt, tuple[int, int]]:
        nodes = [node for node in walk(self.tree) if isinstance(node, ast.expr | ast.stmt)]
        return {node: self.range(node) for node in nodes}

    # ----- Places ---------------------------------------------------------------------------------------

    def inside(self, span: Span) -> list[ast.expr | ast.stmt]:
        """The expressions and statements that lie inside `span`, or the smallest one around it."""
        low, high = offsets(self.text, span)
        ranges = self._ranges
        inner = [node for node, (first, last) in ranges.items() if low <= first and last <= high]
        around = [node for node, (first, last) in ranges.items() if first <= low and high <= last]
        if inner or not around:
            return inner
        return [min(around, key=lambda node: ranges[node][1] - ranges[node][0])]

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that holds `node`."""
        while not isinstance(node, ast.stmt):
            if node not in self.parent:
                return None
            node = self.parent[node]
        return node

    def simple_statement(self, low: int, high: int) -> ast.stmt | None:
        """The statement without statements of its own that holds text[low:high]; None when there is none."""
        place = bisect_right(self._simple, low, key=lambda each: each[0]) - 1
        if place < 0 or high > self._simple[place][1]:
            return None
        return self._simple[place][2]

    @cached_property
    def _simple(self) -> list[tuple[int, int, ast.stmt]]:
        """The statements without statements of their own, in the order of the text, with their ranges."""
        kinds = ast.Assign | ast.AugAssign | ast.Expr | ast.Return
        found = [(*ends, node) for node, ends in self._ranges.items() if isinstance(node, kinds)]
        return sorted(found, key=lambda each: each[:2])

    def meaning(self, statement: ast.stmt) -> str:
        """What makes two texts of a statement the same, whatever their parentheses are."""
        if statement not in self._meanings:
            self._meanings[statement] = ast.dump(parsed(self.words(statement)))
        return self._meanings[statement]

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements that `statement` stands in."""
        for _, value in ast.iter_fields(self.parent[statement]):
            if isinstance(value, list) and statement in value:
                return value
        return [statement]

    def scope(self, node: ast.AST) -> ast.AST:
        """The enclosing function, or in a script's top level the outermost loop, or the whole module."""
        found: ast.AST = self.tree
        while node in self.parent:
            node = self.parent[node]
            if isinstance(node, Function):
                return node
            if isinstance(node, ast.For | ast.While):
                found = node
        return found

    def around(self, span: Span) -> Span:
        """All of the function, or of the outermost loop of the top level, that `span` lies in."""
        scope = self.scope(self.inside(span)[0])
        if isinstance(scope, ast.stmt | ast.expr):
            return self.span(*self.range(scope))
        return self.span(0, len(self.text))

    def data_names(self, node: ast.AST) -> list[str]:
        """Names and attributes that the scope around `node` uses as values, in order of appearance.

        Functions that are called, modules whose members are taken, plain numbers and loop counters are left out.
        """
        scope = self.scope(node)
        if scope not in self._names:
            self._names[scope] = tuple(dict.fromkeys(self._values_in(scope)))
        return list(self._names[scope])

    def _values_in(self, scope: ast.AST) -> Iterator[str]:
        for item in walk(scope):
            if isinstance(item, ast.Name) and self._is_value(item):
                yield item.id
            elif isinstance(item, ast.Attribute | ast.Subscript) and (text := self._member(item)):
                yield text
            elif isinstance(item, ast.arg) and item.arg not in ("self", "cls"):
                yield item.arg

    def members(self, node: ast.Attribute | ast.Subscript) -> list[str]:
        """The other members of the same object that the file uses: self.W2 for self.W1, p["b"] for p["W"]."""
        if not self._member(node):
            return []
        base = ast.dump(node.value)
        same = [item for item in walk(self.tree) if type(item) is type(node)]
        others = [item for item in same if ast.dump(item.value) == base and self._member(item)]
        return list(
            dict.fromkeys(self._member(item) for item in others if self._member(item) != self._member(node))
        )

    def methods(self, node: ast.expr) -> list[str]:
        """The other methods of the same class that take as many arguments as the one called here."""
        called = isinstance(self.parent.get(node), ast.Call) and self.parent[node].func is node  # type: ignore[attr-defined]
        if not (called and isinstance(node, ast.Attribute) and node.attr in self.functions):
            return []
        own = self.functions[node.attr]
        same = [
            other
            for other in self.functions.values()
            if self.parent[other] is self.parent[own] and len(other.args.args) == len(own.args.args)
        ]
        return [f"{self.words(node.value)}.{other.name}" for other in same if other is not own]

    def owner(self, node: ast.AST) -> ast.ClassDef | None:
        """The class whose method a node stands in."""
        while node in self.parent and not isinstance(node, ast.ClassDef):
            node = self.parent[node]
        return node if isinstance(node, ast.ClassDef) else None

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The numbers that stand in the file, as written, each once."""
        constants = (node for node in walk(self.tree) if isinstance(node, ast.Constant))
        return tuple(dict.fromkeys(self.words(node) for node in constants if is_number(node)))

    @cached_property
    def indexed(self) -> set[str]:
        """The values of which the file takes elements."""
        return {self.words(node.value) for node in walk(self.tree) if isinstance(node, ast.Subscript)}

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The attributes and items that the file uses as values, as written, each once."""
        nodes = (node for node in walk(self.tree) if isinstance(node, ast.Attribute | ast.Subscript))
        return tuple(dict.fromkeys(text for node in nodes if (text := self._member(node))))

    @cached_property
    def updates(self) -> list[ast.Assign | ast.AugAssign]:
        """The statements of the file that make a new value from the old one of the same name."""
        return [
            node
            for node in walk(self.tree)
            if isinstance(node, ast.AugAssign)
            or (isinstance(node, ast.Assign) and self._own_value(node.targets[0], node.value))
        ]

    def _own_value(self, target: ast.expr, value: ast.expr) -> bool:
        words = self.words(target)
        return any(self.words(item) == words for item in walk(value) if isinstance(item, ast.expr))

    def last_word(self, node: ast.expr) -> str:
        """The name, attribute or key by which people would call a value: W1 for self.params["W1"]."""
        while isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            node = node.value
        if isinstance(node, ast.Subscript):
            node = node.slice
        return identifier(node)

    def _member(self, node: ast.expr) -> str:
        """The text of `self.x` or `params["x"]` used as a value; empty for anything else."""
        if isinstance(self.parent.get(node), ast.Call) and self.parent[node].func is node:  # type: ignore[attr-defined]
            return ""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr != "T":
            return self.words(node) if node.value.id == "self" else ""
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Attribute):
            text = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
            return self.words(node) if text else ""
        return ""

    def _is_value(self, name: ast.Name) -> bool:
        parent = self.parent[name]
        called = isinstance(parent, ast.Call) and parent.func is name
        module = name.id in self.imported
        container = isinstance(parent, ast.Subscript) and parent.value is name and bool(self._member(parent))
        no_array = name.id in ("self", "cls") or name.id in self.functions or name.id in self._plain
        return not (called or module or container or no_array)


def span_of(path: str, starts: Sequence[int], low: int, high: int) -> Span:
    """The Span between two offsets of a text whose lines start at `starts`."""
    first, last = bisect_right(starts, low), bisect_right(starts, high)
    return Span(path, first, low - starts[first - 1] + 1, last, high - starts[last - 1] + 1)


def walk(root: ast.AST) -> Iterator[ast.AST]:
    """Every node below `root` in the order of the text, but for the insides of f-strings.

    Before Python 3.12 the positions of those are wrong, and no arithmetic of a network stands there.
    """
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.JoinedStr):
            pending += reversed(list(ast.iter_child_nodes(node)))


def is_number(node: ast.AST) -> bool:
    """Is this a number as it stands in the text?"""
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def loose(node: ast.expr) -> bool:
    """Does `node` need parentheses to become a factor?"""
    weak = isinstance(node, ast.BinOp) and isinstance(
        node.op, ast.Add | ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor | ast.LShift | ast.RShift
    )
    return weak or isinstance(node, (*_LOOSE, ast.Tuple))
