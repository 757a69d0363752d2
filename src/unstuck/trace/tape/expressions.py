"""The instrumented copy of simple statements and of the expressions inside them.

Every hook evaluates its operands in the order of the original syntax.  What a statement stores into goes through
small stand-ins for the owner (`__u__.owner(...)[index] = value`), so that tuple targets keep their order too.
"""

from __future__ import annotations

import ast
from copy import deepcopy

from unstuck.trace.tape.sites import Places, hook, switch

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
    ast.LShift: "left_shift",
    ast.RShift: "right_shift",
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
# These look at the frame that calls them (its names, its line, its module), so the user's own frame must call them.
FRAME_READERS = {"super", "locals", "globals", "vars", "dir", "eval", "exec"}
PLAIN_CALLS = {
    *FRAME_READERS,
    *(
        "type",
        "namedtuple",
        "NamedTuple",
        "TypedDict",
        "TypeVar",
        "NewType",
        "Enum",
        "IntEnum",
        "make_dataclass",
    ),
    *("debug", "info", "warn", "warning", "error", "exception", "critical", "getLogger", "basicConfig"),
    *("_getframe", "currentframe", "print_stack", "extract_stack", "set_trace", "breakpoint"),
    *("input", "print", "isinstance", "range", "len"),  # and these hand no value on
}
EXHAUSTING = {"sum", "fsum", "list", "tuple", "sorted", "max", "min", "set", "dict"}
LIBRARIES = {"np", "numpy", "math", "scipy", "special"}  # as they are usually called: what they return is new
INPLACE_ATTRIBUTES = {"shape", "flat", "real", "imag"}  # assigning to these changes an array in place


class Lambdas(ast.NodeTransformer):
    """Give every lambda a body that asks, when it runs, whether to record."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        recorded = Expressions(self.places).returned(deepcopy(node.body), node.body)
        node.args = self.visit(node.args)
        node.body = either(recorded, self.visit(node.body))
        return node


def either(recorded: ast.expr, plain: ast.expr) -> ast.expr:
    """The recorded form while recording is on, else the plain one."""
    return ast.copy_location(ast.IfExp(switch(plain), recorded, plain), plain)


class Expressions(ast.NodeTransformer):
    """Rewrites one copy of a statement or an expression, in place."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._exhausted: set[ast.expr] = set()  # what calls get that go through it at once and to its end

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
                node.target = self.target(node.target)  # type: ignore[assignment]
            return [node]
        value = getattr(node, "value", None)
        if value is not None:
            returned = isinstance(node, ast.Return)
            node.value = self.returned(value, node) if returned else self.visit(value)  # type: ignore[attr-defined]
        return [node]

    def returned(self, value: ast.expr, place: ast.AST) -> ast.expr:
        """What a function gives back; of a value that was made elsewhere it is noted that it came by here."""
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        known = [isinstance(part, ast.Name | ast.Attribute) or _calls_other(part) for part in parts]
        parts = [self.visit(part) for part in parts]
        noted = [
            hook("passed", place, self.places.site(place), part) if made_elsewhere else part
            for part, made_elsewhere in zip(parts, known, strict=True)
        ]
        if isinstance(value, ast.Tuple):
            value.elts = noted
            return value
        return noted[0]

    def _assign(self, node: ast.Assign) -> list[ast.stmt]:
        value = self.visit(node.value)
        after: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Name | ast.Attribute):
                value = self._named(target, value, node)
            elif isinstance(target, ast.Tuple | ast.List) and len(node.targets) == 1:
                value = self._unpacked(target, value)
                after += [ast.copy_location(ast.Expr(expr), node) for expr in self._names(target, value)]
        node.value = value
        node.targets = [self.target(target) for target in node.targets]
        return [node, *after]

    def target(self, node: ast.expr) -> ast.expr:
        """What is assigned to; a store into a part of an object goes through a stand-in for the object."""
        if isinstance(node, ast.Tuple | ast.List):
            node.elts = [self.target(item) for item in node.elts]
        elif isinstance(node, ast.Starred):
            node.value = self.target(node.value)
        elif isinstance(node, ast.Subscript):
            text = ast.unparse(node)
            node.slice = self.visit(node.slice)
            node.value = hook("owner", node, self.places.site(node, text), self.visit(node.value))
        elif isinstance(node, ast.Attribute):
            owner = self.visit(node.value)
            if node.attr in INPLACE_ATTRIBUTES:
                owner = hook("owner", node, self.places.site(node), owner)
            node.value = owner
        return node

    def _unpacked(self, target: ast.Tuple | ast.List, value: ast.expr) -> ast.expr:
        """The right-hand side of `a, b = ...`: items are named in place, an array gives its elements."""
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            if not any(isinstance(item, ast.Starred) for item in [*value.elts, *target.elts]):
                value.elts = [
                    self._named(name, item, name) if isinstance(name, ast.Name | ast.Attribute) else item
                    for name, item in zip(target.elts, value.elts, strict=True)
                ]
            return value
        return self.elements(value)

    def _names(self, target: ast.Tuple | ast.List, value: ast.expr) -> list[ast.expr]:
        """Names for what an unpacking has just bound, unless they were given in place."""
        if isinstance(value, ast.Tuple | ast.List):
            return []
        names = [item for item in ast.walk(target) if isinstance(item, ast.Name)]
        stored = [item for item in names if isinstance(item.ctx, ast.Store)]
        return [
            self._named(item, ast.copy_location(ast.Name(item.id, ast.Load()), item), item) for item in stored
        ]

    def _augmented(self, node: ast.AugAssign) -> ast.stmt:
        """`target op= value`: the old value is fetched before the new operand is evaluated."""
        target = node.target
        operation, text = ast.Constant(BINARY[type(node.op)]), ast.unparse(target)
        if isinstance(target, ast.Name):
            old: ast.expr = ast.copy_location(ast.Name(target.id, ast.Load()), target)
        else:
            owner = self.visit(target.value)
            if isinstance(target, ast.Attribute):
                kind, key = "attr", self._key(target.attr)
            else:
                kind, key = "item", self._index(target.slice)
            old = hook("part", target, self.places.site(target), ast.Constant(kind), owner, key)
        value = self.visit(node.value)
        site = self.places.site(node, text)
        if isinstance(target, ast.Name):
            return ast.Assign([target], hook("iop", node, site, operation, old, value))
        return ast.Expr(hook("update", node, site, operation, old, value))

    def _key(self, name: str) -> ast.expr:
        return ast.Constant(self.places.mangled(name))

    def _named(self, target: ast.expr, value: ast.expr, node: ast.AST) -> ast.expr:
        if isinstance(value, ast.Constant):
            return value
        return hook("name", node, self.places.site(node, ast.unparse(target)), value)

    # ----- Expressions --------------------------------------------------------------------------------------

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self._hooked("bin", node, ast.Constant(BINARY[type(node.op)]), node.left, node.right)

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
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in EXHAUSTING and isinstance(node.func, ast.Name):
            self._exhausted.update(node.args)
        if called in PLAIN_CALLS:
            return node if called in FRAME_READERS else self.generic_visit(node)  # type: ignore[return-value]
        site = self.places.site(node)
        place = _place_of_call(node)
        self.generic_visit(node)
        return hook("call", place, site, node.func, *node.args, keywords=node.keywords)

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

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        node.value = self._named(node.target, self.visit(node.value), node)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        node.value = self.elements(self.visit(node.value))
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        return self._rounds(node, node.elt)

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        return self._rounds(node, node.elt)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        if node in self._exhausted:
            return self._rounds(node, node.elt)
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        return self._rounds(node, node.value)

    def _rounds(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, made: ast.expr
    ) -> ast.expr:
        """A comprehension that calls something for every element may be the training loop itself.

        (Not so most generator expressions: they run when somebody asks them, so that their rounds interleave.)
        """
        calls = any(isinstance(item, ast.Call) for item in ast.walk(made))
        self.generic_visit(node)
        outer = node.generators[0]
        if calls and not outer.is_async:
            outer.iter = hook("rounds", outer.iter, self.places.loop(node), outer.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        if not node.is_async:
            node.iter = self.elements(node.iter)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        return Lambdas(self.places).visit_Lambda(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """Text is not followed, unless it binds a name on the way."""
        binds = any(isinstance(item, ast.NamedExpr) for item in ast.walk(node))
        return self.generic_visit(node) if binds else node  # type: ignore[return-value]

    def elements(self, iterable: ast.expr) -> ast.expr:
        """Something that is iterated over, handed to a hook so that the elements of 1-D arrays are seen."""
        return hook("elements", iterable, self.places.site(iterable), iterable)

    def _index(self, node: ast.expr) -> ast.expr:
        """An index as an ordinary expression: a:b becomes a slice object."""
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return hook(
                "slice", node, *(ast.Constant(None) if part is None else self.visit(part) for part in parts)
            )
        if isinstance(node, ast.Tuple) and any(isinstance(item, ast.Slice) for item in node.elts):
            return ast.copy_location(ast.Tuple([self._index(item) for item in node.elts], ast.Load()), node)
        result: ast.expr = self.visit(node)
        return result

    def _hooked(self, name: str, node: ast.AST, *parts: ast.expr) -> ast.expr:
        return hook(name, node, self.places.site(node), *parts)


def _calls_other(part: ast.expr) -> bool:
    """Is this what another function of the program gives back, as far as its name tells?"""
    root = part.func if isinstance(part, ast.Call) else None
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id not in LIBRARIES


def _place_of_call(node: ast.Call) -> ast.AST:
    """A method call over several lines has, for a traceback, the line of the method's name."""
    unpacks = any(isinstance(item, ast.Starred) for item in node.args) or any(
        item.arg is None for item in node.keywords
    )
    function = node.func
    if isinstance(function, ast.Attribute) and function.lineno != function.end_lineno and not unpacks:
        place = ast.copy_location(ast.Pass(), node)
        place.lineno, place.col_offset = function.end_lineno or function.lineno, 0
        return place
    return node
