"""Rewrite a program so that every operation on values passes through a hook.

`a * b` becomes `__u__.bin(17, "multiply", a, b)`; the hook runs the real operation on the real objects and
notes what happened.  Each run of simple statements is compiled twice and chosen by one attribute test,

    if __u__.on:  (the instrumented copy)
    else:         (the statements as written)

so that a program whose recorder sleeps runs at native speed.  Other compound statements (ifs, functions) are
kept once and treated from the inside.  A loop announces its rounds to a clock, so it too exists twice, chosen at
its entry: with hooks, and as written for the time when nobody listens.  The code grows by a factor of about two
and one more for every loop around it.

Both copies keep the positions of the original: tracebacks show the user's own lines.  The name `__u__` is
not mangled inside classes because it ends in two underscores.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from copy import deepcopy

from unstuck.facts import Span
from unstuck.trace.tape.expressions import Expressions, Lambdas, either
from unstuck.trace.tape.sites import Places, Site, deaf, hook, switch

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
COMPILERS = {
    "jit",
    "njit",
    "vectorize",
    "guvectorize",
    "stencil",
    "cfunc",
}  # decorators that compile a function


class Instrumenter:
    """Rewrites modules; `sites[i]` is the place of the hook that was given the number i.

    probes  numbers of the probes, by the statement that they stand before
    """

    def __init__(self, probes: Mapping[Span, int] | None = None) -> None:
        self.probes = probes or {}
        self.sites: list[Site] = []
        self.loops: list[Span] = []
        self.loop_variables: set[str] = set()
        self.files: dict[str, str] = {}

    def transform(self, tree: ast.Module, filename: str, text: str, shown: str = "") -> ast.Module:
        """The instrumented form of one module (changes the tree in place); spans carry the path `shown`."""
        self.files[filename] = text
        tree.body = _Statements(self, Places(self.sites, self.loops, shown or filename, text)).block(
            tree.body, top=True
        )
        return ast.fix_missing_locations(tree)


class _Statements:
    """Dual copies of simple statements, a walk through compound ones."""

    def __init__(self, owner: Instrumenter, places: Places) -> None:
        self.owner = owner
        self.places = places
        self.recorded = Expressions(places)
        self.asleep = Lambdas(places)
        self.in_generator = False

    def block(self, body: Sequence[ast.stmt], top: bool = False) -> list[ast.stmt]:
        """A list of statements with every run of simple ones doubled; `top` if it may begin with a docstring."""
        result: list[ast.stmt] = []
        run: list[ast.stmt] = []
        for index, statement in enumerate(body):
            if isinstance(statement, SIMPLE) and not (top and index == 0 and _is_text(statement)):
                run.append(statement)
                continue
            result += [*self._dual(run), *self._compound(statement)]
            run = []
        return result + self._dual(run)

    def _dual(self, run: list[ast.stmt]) -> list[ast.stmt]:
        before = len(self.places.sites)
        try:
            recorded = [new for statement in run for new in self._recorded(statement)]
        except RecursionError:  # an expression of hundreds of terms runs, but is not recorded
            return run
        if len(self.places.sites) == before and len(recorded) == len(run):
            return run
        plain = [self.asleep.visit(statement) for statement in run]
        return [ast.copy_location(ast.If(test=switch(run[0]), body=recorded, orelse=plain), run[0])]

    def _recorded(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statement with its hooks, and behind the probe that stands before it."""
        number = self.owner.probes.get(self.places.span(statement)) if self.owner.probes else None
        result = self.recorded.statement(deepcopy(statement))
        if number is not None:
            probe = hook("probe", statement, ast.Constant(number))
            result = [ast.copy_location(ast.Expr(probe), statement), *result]
        return result

    def _compound(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.For | ast.While):
            return self._loop(statement)
        if isinstance(statement, ast.FunctionDef):
            self._function(statement)
        elif isinstance(statement, ast.ClassDef):
            self._class(statement)
        elif isinstance(statement, ast.If | ast.With | ast.Try | ast.TryStar | ast.Match | ast.Assert):
            self._headers(statement)
            for inner in [statement, *getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
                for field in ("body", "orelse", "finalbody"):
                    if getattr(inner, field, None):
                        setattr(inner, field, self.block(getattr(inner, field)))
        return [statement]

    def _headers(self, statement: ast.stmt) -> None:
        """The expressions at the head of a compound statement.

        Their values are used only if they are named; but of a margin, what is compared here is all that there is.
        """
        for field in ("test", "subject"):
            if hasattr(statement, field):
                setattr(statement, field, self._header(getattr(statement, field)))
        for item in getattr(statement, "items", []):
            item.context_expr = self._header(item.context_expr)
        for case in getattr(statement, "cases", []):
            case.guard = case.guard and self._header(case.guard)

    def _header(self, test: ast.expr) -> ast.expr:
        plain: ast.expr = self.asleep.visit(deepcopy(test))
        if any(isinstance(node, ast.NamedExpr | ast.BinOp) for node in ast.walk(test)):
            return either(self.recorded.visit(test), plain)
        return plain

    def _function(self, function: ast.FunctionDef) -> None:
        if any(_name(decorator) in COMPILERS for decorator in function.decorator_list):
            return
        function.decorator_list = [self.asleep.visit(decorator) for decorator in function.decorator_list]
        function.args = self.asleep.visit(function.args)
        outer, self.in_generator = self.in_generator, _is_generator(function)
        function.body = self.block(function.body, top=True)
        self.in_generator = outer

    def _class(self, statement: ast.ClassDef) -> None:
        """Methods are treated; what a class body itself computes is not."""
        self.places.classes.append(statement.name)
        kept = (*SIMPLE, ast.For, ast.While)
        statement.body = [
            new
            for item in statement.body
            for new in ([self.asleep.visit(item)] if isinstance(item, kept) else self._compound(item))
        ]
        self.places.classes.pop()

    def _loop(self, loop: ast.For | ast.While) -> list[ast.stmt]:
        """Announce entry, every iteration and exit; but not inside generators, whose loops interleave."""
        written = None if self.in_generator or _defines(loop) else self.asleep.visit(deepcopy(loop))
        number = self.places.loop(loop)
        if isinstance(loop, ast.For):
            loop.iter = self._iterable(loop.iter)
            self.owner.loop_variables |= {
                item.id for item in ast.walk(loop.target) if isinstance(item, ast.Name)
            }
            loop.target = self.recorded.target(loop.target)
        else:
            self._headers(loop)
        loop.body = self.block(loop.body)
        loop.orelse = self.block(loop.orelse)
        if self.in_generator:
            return [loop]
        enter, tick, leave = (
            ast.copy_location(ast.Expr(hook(name, loop, number)), loop) for name in ("enter", "tick", "leave")
        )
        loop.body.insert(0, tick)
        announced: list[ast.stmt] = [enter, loop, leave]
        if written is None:
            return announced
        return [ast.copy_location(ast.If(deaf(number, loop), [written], announced), loop)]

    def _iterable(self, iterable: ast.expr) -> ast.expr:
        """While recording, what a loop goes over is handed to a hook, which watches the elements of arrays."""
        name = "elements" if self.in_generator else "iterate"
        recorded = self.recorded.visit(deepcopy(iterable))
        recorded = hook(name, iterable, self.places.site(iterable), recorded)
        return either(recorded, self.asleep.visit(iterable))


def _defines(loop: ast.stmt) -> bool:
    """Does the loop define functions or classes?  They may be called later, while something is recorded."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(isinstance(node, kinds) for node in ast.walk(loop))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _name(decorator: ast.expr) -> str:
    """The last name of a decorator: `njit` for @numba.njit(cache=True)."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(function, "attr", getattr(function, "id", ""))


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
