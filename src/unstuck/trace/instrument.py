"""Rewrite a program so that every operation on values passes through a hook.

`a * b` becomes `__u__.bin(17, "multiply", a, b)`; the hook runs the real operation on the real objects and
notes what happened.  Each run of simple statements is compiled twice and chosen by one attribute test,

    if __u__.on:  (the instrumented copy)
    else:         (the statements as written)

so that a program whose recorder sleeps runs at native speed.  Compound statements (loops, ifs, functions) are
kept once and treated from the inside, hence the code grows by a factor of about two, whatever the nesting.

Both copies keep the positions of the original: tracebacks show the user's own lines.  The name `__u__` is
not mangled inside classes because it ends in two underscores.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from unstuck.facts import Span

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "true_divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "mod",
    ast.Pow: "power",
    ast.MatMult: "matmul",
    ast.BitAnd: "bitwise_and",
    ast.BitOr: "bitwise_or",
    ast.BitXor: "bitwise_xor",
}
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "negative", ast.UAdd: "positive", ast.Invert: "invert"}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
# These look at the frame that calls them, so they must be called by the user's own frame.
FRAME_READERS = {"super", "locals", "globals", "vars", "dir", "eval", "exec", "input", "print", "isinstance"}
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)


@dataclass(frozen=True)
class Site:
    """Where a hook stands: its span and, for a store, the text of the target ("self.W")."""

    span: Span
    target: str = ""


class Instrumenter:
    """Rewrites modules; `sites[i]` is the place of the hook that was given the number i."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.loops: list[Span] = []
        self.files: dict[str, str] = {}

    def transform(self, tree: ast.Module, filename: str, text: str, shown: str = "") -> ast.Module:
        """The instrumented form of one module (changes the tree in place); spans carry the path `shown`."""
        self.files[filename] = text
        body = _Module(self, shown or filename, text).block(tree.body, keep_docstring=True)
        tree.body = _future_first(body)
        return ast.fix_missing_locations(tree)


class _Places:
    """Turns AST positions, which count bytes, into spans, which count characters from 1."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def span(self, node: ast.AST) -> Span:
        line, end = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        start = self._characters(line, node.col_offset)  # type: ignore[attr-defined]
        stop = self._characters(end, node.end_col_offset)  # type: ignore[attr-defined]
        return Span(self.path, line, start + 1, end, stop + 1)

    def _characters(self, line: int, offset: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))


class _Module:
    """Statements: dual copies of simple ones, a walk through compound ones."""

    def __init__(self, owner: Instrumenter, path: str, text: str) -> None:
        self.owner = owner
        self.places = _Places(path, text)
        self.classes: list[str] = []
        self.in_generator = False

    def site(self, node: ast.AST, target: str = "") -> ast.Constant:
        """A new site for this node, as the constant that the hook receives."""
        self.owner.sites.append(Site(self.places.span(node), target))
        return ast.Constant(len(self.owner.sites) - 1)

    def block(self, body: Sequence[ast.stmt], keep_docstring: bool = False) -> list[ast.stmt]:
        """A list of statements with every run of simple ones doubled."""
        result: list[ast.stmt] = []
        run: list[ast.stmt] = []
        for index, statement in enumerate(body):
            if isinstance(statement, SIMPLE) and not (keep_docstring and index == 0 and _is_text(statement)):
                run.append(statement)
                continue
            result += self._dual(run)
            run = []
            result += self._compound(statement)
        return result + self._dual(run)

    def _dual(self, run: list[ast.stmt]) -> list[ast.stmt]:
        if not run:
            return []
        before = len(self.owner.sites)
        expressions = _Expressions(self)
        recorded = [new for statement in run for new in expressions.statement(deepcopy(statement))]
        if len(self.owner.sites) == before:
            return run
        choice = ast.If(test=_hook("on"), body=recorded, orelse=list(map(self._lambdas, run)))
        return [ast.copy_location(choice, run[0])]

    def _lambdas(self, statement: ast.stmt) -> ast.stmt:
        """The unrecorded copy still makes lambdas that record when they are called later."""
        result: ast.stmt = _Lambdas(self).visit(statement)
        return result

    def _compound(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.For | ast.While):
            return self._loop(statement)
        if isinstance(statement, ast.FunctionDef):
            outer, self.in_generator = self.in_generator, _is_generator(statement)
            statement.body = self.block(statement.body, keep_docstring=True)
            self.in_generator = outer
        elif isinstance(statement, ast.ClassDef):
            self.classes.append(statement.name)
            statement.body = [
                new
                for item in statement.body
                for new in (self._compound(item) if _has_body(item) else [item])
            ]
            self.classes.pop()
        elif isinstance(statement, ast.If | ast.With | ast.Try | ast.Match):
            for inner in [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
                for field in ("body", "orelse", "finalbody"):
                    if getattr(inner, field, None):
                        setattr(inner, field, self.block(getattr(inner, field)))
        return [statement]

    def _loop(self, loop: ast.For | ast.While) -> list[ast.stmt]:
        """Announce entry, every iteration and exit; but not inside generators, whose loops interleave."""
        number = len(self.owner.loops)
        self.owner.loops.append(self.places.span(loop))
        if isinstance(loop, ast.For) and isinstance(
            loop.iter, ast.Name | ast.Attribute | ast.Subscript | ast.Call
        ):
            loop.iter = _Expressions(self).iterated(loop.iter)
        loop.body = self.block(loop.body)
        loop.orelse = self.block(loop.orelse)
        if self.in_generator:
            return [loop]
        announce = [
            ast.copy_location(ast.Expr(_call(name, ast.Constant(number))), loop)
            for name in ("enter", "tick", "leave")
        ]
        loop.body.insert(0, announce[1])
        return [announce[0], loop, announce[2]]


class _Lambdas(ast.NodeTransformer):
    """Give every lambda a body that asks, when it runs, whether to record."""

    def __init__(self, module: _Module) -> None:
        self.module = module

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        recorded = _Expressions(self.module).visit(deepcopy(node.body))
        node.body = ast.copy_location(ast.IfExp(test=_hook("on"), body=recorded, orelse=node.body), node.body)
        return node


class _Expressions(ast.NodeTransformer):
    """The instrumented copy of simple statements and of the expressions inside them."""

    def __init__(self, module: _Module) -> None:
        self.module = module

    # ----- Statements ---------------------------------------------------------------------------------------

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """The statements that take the place of this simple one."""
        if isinstance(node, ast.Assign):
            return self._assign(node)
        if isinstance(node, ast.AugAssign):
            return [ast.copy_location(self._augmented(node), node)]
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                node.value = self._named(node.target, self.visit(node.value), node)
            return [node]
        value = getattr(node, "value", None)
        if value is not None:
            node.value = self.visit(value)  # type: ignore[attr-defined]
        return [node]

    def _assign(self, node: ast.Assign) -> list[ast.stmt]:
        target = node.targets[0]
        value = self.visit(node.value)
        if len(node.targets) == 1 and isinstance(target, ast.Subscript):
            store = self._hooked(
                "set",
                node,
                value,
                self.visit(target.value),
                self._index(target.slice),
                target=ast.unparse(target),
            )
            return [ast.copy_location(ast.Expr(store), node)]
        node.value = value
        after: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Name | ast.Attribute):
                node.value = self._named(target, node.value, node)
            elif isinstance(target, ast.Subscript):
                after += self._dirty(target, node)
            elif isinstance(target, ast.Tuple | ast.List):
                after += self._unpacked(target, node)
        return [node, *after]

    def _unpacked(self, target: ast.Tuple | ast.List, node: ast.stmt) -> list[ast.stmt]:
        """Names for what a tuple assignment has just bound; arrays it wrote into are read anew."""
        after: list[ast.stmt] = []
        for item in target.elts:
            if isinstance(item, ast.Name):
                named = self._named(item, ast.Name(item.id, ast.Load()), item)
                after.append(ast.copy_location(ast.Expr(named), node))
            elif isinstance(item, ast.Subscript):
                after += self._dirty(item, node)
        return after

    def _dirty(self, target: ast.Subscript, node: ast.stmt) -> list[ast.stmt]:
        if not isinstance(target.value, ast.Name | ast.Attribute):
            return []
        return [ast.copy_location(ast.Expr(_call("dirty", deepcopy(target.value))), node)]

    def _augmented(self, node: ast.AugAssign) -> ast.stmt:
        target, value = node.target, self.visit(node.value)
        text = ast.unparse(target)
        operation = ast.Constant(BINARY.get(type(node.op), ""))
        if not operation.value:
            node.value = value
            return node
        if isinstance(target, ast.Name):
            old = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            return ast.Assign([target], self._hooked("iop", node, operation, old, value, target=text))
        if isinstance(target, ast.Attribute):
            name = ast.Constant(self._mangled(target.attr))
            owner = self.visit(target.value)
            return ast.Expr(self._hooked("aug_attr", node, operation, owner, name, value, target=text))
        parts = (operation, self.visit(target.value), self._index(target.slice), value)
        return ast.Expr(self._hooked("aug_item", node, *parts, target=text))

    def _named(self, target: ast.expr, value: ast.expr, node: ast.AST) -> ast.expr:
        if isinstance(value, ast.Constant):
            return value
        return self._hooked("name", node, value, target=ast.unparse(target))

    def _mangled(self, name: str) -> str:
        """A private attribute's real name inside a class body (the rule of the language)."""
        classes = self.module.classes
        private = name.startswith("__") and not name.endswith("__")
        return f"_{classes[-1].lstrip('_')}{name}" if classes and private else name

    # ----- Expressions --------------------------------------------------------------------------------------

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        name = BINARY.get(type(node.op))
        self.generic_visit(node)
        return self._hooked("bin", node, ast.Constant(name), node.left, node.right) if name else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        name = UNARY.get(type(node.op))
        constant = isinstance(node.operand, ast.Constant)
        self.generic_visit(node)
        return self._hooked("un", node, ast.Constant(name), node.operand) if name and not constant else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        name = COMPARE.get(type(node.ops[0])) if len(node.ops) == 1 else None
        self.generic_visit(node)
        if name is None:
            return node
        return self._hooked("bin", node, ast.Constant(name), node.left, node.comparators[0])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id in FRAME_READERS:
            return node if node.func.id in {"super", "locals", "globals"} else self.generic_visit(node)  # type: ignore[return-value]
        self.generic_visit(node)
        hook = ast.Attribute(ast.Name("__u__", ast.Load()), "call", ast.Load())
        call = ast.Call(hook, [self.module.site(node), node.func, *node.args], node.keywords)
        return ast.copy_location(call, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if node.attr == "T" and isinstance(node.ctx, ast.Load):
            return self._hooked("transpose", node, node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        owner = self.visit(node.value)
        return self._hooked("get", node, owner, self._index(node.slice))

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        return _Lambdas(self.module).visit_Lambda(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node

    def iterated(self, iterable: ast.expr) -> ast.expr:
        """The iterable of a for loop, handed to a hook while recording so that elements of 1-D arrays are seen."""
        recorded = self._hooked("iterate", iterable, self.visit(deepcopy(iterable)))
        return ast.copy_location(ast.IfExp(_hook("on"), recorded, iterable), iterable)

    def _index(self, node: ast.expr) -> ast.expr:
        """An index as an ordinary expression: a:b becomes a slice object."""
        if isinstance(node, ast.Slice):
            parts = [ast.Constant(None) if part is None else self.visit(part) for part in _slice_parts(node)]
            return ast.copy_location(_call("slice", *parts), node)
        if isinstance(node, ast.Tuple) and any(isinstance(item, ast.Slice) for item in node.elts):
            return ast.copy_location(ast.Tuple([self._index(item) for item in node.elts], ast.Load()), node)
        result: ast.expr = self.visit(node)
        return result

    def _hooked(self, hook: str, node: ast.AST, *parts: ast.expr, target: str = "") -> ast.expr:
        call = _call(hook, self.module.site(node, target), *parts)
        return ast.copy_location(call, node)


def _slice_parts(node: ast.Slice) -> tuple[ast.expr | None, ...]:
    return node.lower, node.upper, node.step


def _hook(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("__u__", ast.Load()), name, ast.Load())


def _call(hook: str, *parts: ast.expr) -> ast.Call:
    return ast.Call(_hook(hook), list(parts), [])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _has_body(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If)


def _is_generator(function: ast.FunctionDef) -> bool:
    """Does this function (not one nested in it) contain a yield?"""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(node))
    return False


def _future_first(body: list[ast.stmt]) -> list[ast.stmt]:
    """`from __future__` imports must stay at the top."""
    return sorted(
        body,
        key=lambda item: (
            not (isinstance(item, ast.ImportFrom) and item.module == "__future__") and not _is_text(item)
        ),
    )
