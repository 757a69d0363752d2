"""What one recorded operation gives with another operator, number, function, axis, index or mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from unstuck.autodiff.activations import expit, softmax
from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.alteration import (
    Alteration,
    Value,
    applied,
    number,
    title,
    title_at,
    with_args,
    with_operand,
)
from unstuck.trace.explaining.altered_parts import STORES
from unstuck.trace.explaining.case import Case
from unstuck.trace.explaining.pool import Pool
from unstuck.trace.reading.views import CONTRACTIONS

SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "true_divide": "/"}
OTHERS: dict[str, tuple[str, ...]] = {  # what may be meant instead of an operator, the likeliest first
    **{"add": ("subtract", "multiply"), "subtract": ("add", "multiply")},
    **{"multiply": ("true_divide", "add", "subtract"), "true_divide": ("multiply",)},
    **{"maximum": ("minimum",), "minimum": ("maximum",), "max": ("min",), "min": ("max",)},
    **{"greater": ("less",), "less": ("greater",)},
    **{"greater_equal": ("less_equal",), "less_equal": ("greater_equal",)},
}
WITH_NUMBERS = {*SYMBOLS, "power", "setitem", "where", "greater", "greater_equal", "less", "less_equal"}
NUMBERS = (1.0, 2.0, 3.0, 0.5, 0.0, -1.0)
REDUCTIONS = {"sum", "mean"}
WAYS: tuple[Callable[[float], float], ...] = (lambda at: at, lambda at: 1 / at)  # a value may depend on 1 / c
ROUND = 1e-6  # relative difference within which a number is the round one
FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "square": np.square,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "sign": np.sign,
    "tanh": np.tanh,
    "reciprocal": np.reciprocal,
    "sigmoid": expit,
}
OF_ROWS: dict[str, Callable[[Array], Array]] = {"softmax": softmax}  # which need more than one number
UNARY = {*FUNCTIONS, "absolute", "negative", "expit", "cos", "sin"}
EVEN = {
    "square",
    "abs",
    "absolute",
    "negative",
    "cos",
}  # what a minus sign changes nothing of, but for its own sign


# ----- Signs --------------------------------------------------------------------------------------------


def minus_extra(node: Node) -> Iterator[Alteration]:
    """A minus sign that does not belong here."""
    if node.op == "negative":
        text = f"the minus sign in front of {title(node.args[0])} does not belong here"
        yield Alteration("sign", text, _only(0))


def minus_missing(node: Node) -> Iterator[Alteration]:
    """A function of what is now without its minus: exp(x) where exp(-x) belongs."""
    if node.op in UNARY - EVEN and isinstance(node.args[0], Node):
        text = f"a minus sign is missing in front of {title(node.args[0])}"
        yield Alteration("sign", text, _of_operand(0, np.negative))


# ----- Operators ----------------------------------------------------------------------------------------


def operators(node: Node) -> Iterator[Alteration]:
    """Another operator, or the same with its operands swapped; no power."""
    if node.op == "power":
        text = f"{title(node.args[0])} is raised to a power where it should be taken once"
        yield Alteration("operator", text, _only(0))
    arrays = all(np.ndim(getattr(arg, "value", arg)) for arg in node.args) if node.op in SYMBOLS else True
    others = OTHERS.get(node.op, ())
    for other in others if arrays else others[:1]:  # x - 1 is meant as a sum: with * it would be x alone
        old, new = SYMBOLS.get(node.op, node.op), SYMBOLS.get(other, other)
        kind = "activation-derivative-wrong" if node.op.startswith(("greater", "less")) else "operator"
        yield Alteration(kind, f"`{old}` stands where `{new}` is right", _run_as(other))
    if node.op in ("subtract", "true_divide"):
        text = f"the operands of `{SYMBOLS[node.op]}` are swapped"
        yield Alteration("sign" if node.op == "subtract" else "operator", text, _swapped)


def _run_as(op: str) -> Value:
    return lambda node, pool: applied(Node(node.id, op, None, node.args, node.kwargs, node.value, node.span))


def _swapped(node: Node, pool: Pool) -> Array:
    return applied(with_args(node, (node.args[1], node.args[0], *node.args[2:])))


# ----- Too much -----------------------------------------------------------------------------------------


def left_out(node: Node) -> Iterator[Alteration]:
    """The operation does not belong here, or one operand of a product or sum does not."""
    whole = node.args[0] if node.args else None
    if node.op in UNARY - {"negative"}:
        yield Alteration(
            "operator", f"`{node.op}` of {title(whole)} stands where {title(whole)} itself belongs", _only(0)
        )
    elif node.op in STORES and isinstance(whole, Node):
        text = f"the elements of {title(whole)} should not be changed here (or not once more)"
        yield Alteration("statement-extra", text, _only(0))
    elif node.op in SYMBOLS and len(node.args) == 2:
        for position in (0, 1):
            extra, rest = node.args[position], node.args[1 - position]
            if isinstance(rest, Node) and np.shape(rest.value) == np.shape(node.value):
                kind = "term-extra" if node.op in ("add", "subtract") else "factor-extra"
                culprit = extra if isinstance(extra, Node) else None
                yield Alteration(kind, f"{title(extra)} does not belong here", _only(1 - position), culprit)


def _only(position: int) -> Value:
    return lambda node, pool: number(node.args[position])


# ----- Numbers ------------------------------------------------------------------------------------------


def numbers(node: Node) -> Iterator[Alteration]:
    """Another of the usual numbers in the place of a plain one: nothing is subtracted where 1 belongs."""
    for position, plain in _number_places(node):
        yield from (other_number(position, plain, each) for each in NUMBERS if each != plain)


def solved(node: Node, case: Case) -> Iterator[Alteration]:
    """The one number in the place of a plain one with which the truth comes out, if it is a round one."""
    for position, plain in _number_places(node):
        for way in WAYS:
            lines = [case.result(node, other_number(position, plain, way(at))) for at in (1.0, 2.0, 3.0)]
            at = _solution(lines, case.true)
            found = float(f"{way(at):.4g}") if at else plain
            if found != plain and abs(found - way(at)) <= ROUND * abs(found):
                yield other_number(position, plain, found)


def _solution(values: Sequence[Array | None], true: Array) -> float:
    """Where a straight line through three values meets a multiple of the true one; 0 where there is no such place."""
    one, two, three = values
    if one is None or two is None or three is None:
        return 0.0
    slope = two - one
    straight = np.abs(three - two - slope).max() <= ROUND * np.abs(three).max()
    if not straight or not np.any(slope):
        return 0.0
    columns = np.stack([slope.ravel() / np.linalg.norm(slope), true.ravel() / np.linalg.norm(true)], axis=1)
    if np.linalg.svd(columns, compute_uv=False)[-1] < ROUND:
        return 0.0
    share = np.linalg.lstsq(columns, (one - slope).ravel(), rcond=None)[0][0]
    return float(-share / np.linalg.norm(slope))


def _number_places(node: Node) -> Iterator[tuple[int, float]]:
    """(position, value) of every plain number among the operands."""
    for position, arg in enumerate(node.args if node.op in WITH_NUMBERS else ()):
        plain = arg.value if isinstance(arg, Node) and arg.op == "leaf" else arg
        index = node.op == "setitem" and position < 2
        if isinstance(plain, int | float | np.number) and not isinstance(plain, bool) and not index:
            yield position, float(plain)


def other_number(position: int, old: float, new: float) -> Alteration:
    """This number instead of the one at this position."""
    kind, text = "wrong-number", f"the number {old:g} stands where {new:g} belongs"
    if old and new == -old:
        kind, text = "sign", f"{old:g} has the wrong sign here"
    return Alteration(kind, text, _with_number(position, new))


def _with_number(position: int, new: float) -> Value:
    """In the rounds in which a number stands there: what starts as one may come to be an array."""

    def value(node: Node, pool: Pool) -> Array:
        if np.ndim(number(node.args[position])) and np.ndim(node.value):
            return applied(node)
        return applied(
            with_args(node, tuple(new if i == position else arg for i, arg in enumerate(node.args)))
        )

    return value


# ----- Functions, axes, transposes ----------------------------------------------------------------------


def functions(node: Node) -> Iterator[Alteration]:
    """A function of an operand instead of the operand itself, also before parts of it are changed in place."""
    for position, arg in enumerate(node.args):
        single = isinstance(arg, Node) and np.ndim(arg.value) == 0 and arg.op != "leaf"
        if isinstance(arg, Node) and (single or np.ptp(np.asarray(arg.value, float))):
            named = title_at(node, position)
            for call, function in _calls(node, np.ndim(arg.value)):
                text = f"{named} stands where {call.format(named)} belongs"
                apply = _before_store if node.op in STORES and not position else _of_operand
                yield Alteration("wrong-operand", text, apply(position, function), arg, of_itself=not single)


def _calls(node: Node, rank: int) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """Functions of an operand, as they are written; of one that is combined with another, sums and means as well."""
    yield from ((f"{name}({{}})", function) for name, function in FUNCTIONS.items())
    yield from ((f"{name}({{}})", function) for name, function in OF_ROWS.items() if rank)
    for op in sorted(REDUCTIONS):
        for axis in range(rank if node.op in SYMBOLS else 0):
            yield f"{op}({{}}, axis={axis})", partial(getattr(np, op), axis=axis, keepdims=True)


def _of_operand(position: int, function: Callable[[Array], Array]) -> Value:
    return lambda node, pool: applied(with_operand(node, position, function(number(node.args[position]))))


def _before_store(position: int, function: Callable[[Array], Array]) -> Value:
    """`d[rows, labels] -= 1` takes what it takes off a function of d: where it reads d, that is d as well."""

    def value(node: Node, pool: Pool) -> Array:
        whole = number(node.args[position])
        return np.asarray(function(whole) + (number(node) - whole))

    return value


def transposed(node: Node) -> Iterator[Alteration]:
    """An operand of a product by its transpose."""
    if node.op not in CONTRACTIONS:
        return
    for position, arg in enumerate(node.args):
        if isinstance(arg, Node) and np.ndim(arg.value) == 2:
            text = f"{title(arg)} should be transposed here"
            yield Alteration("transpose-missing", text, _of_operand(position, np.transpose))


def axes(node: Node) -> Iterator[Alteration]:
    """A sum or mean over another axis, or the other one of the two."""
    if node.op not in REDUCTIONS or not isinstance(node.args[0], Node):
        return
    rank = np.ndim(node.args[0].value)
    own = node.kwargs.get("axis", node.args[1] if len(node.args) > 1 else None)
    own = own % rank if isinstance(own, int) and rank else own
    for op in sorted(REDUCTIONS, key=lambda op: op != node.op):
        for axis in (None, *range(rank)):
            over = "all elements" if axis is None else f"axis {axis}"
            if op == node.op and axis != own:
                yield Alteration("bias-axis", f"the {op} should run over {over}", _over(op, axis))
            elif op != node.op and axis == own:
                yield Alteration("operator", f"`{node.op}` stands where `{op}` is right", _over(op, axis))
            elif op != node.op:
                yield Alteration("bias-axis", f"the {op} over {over} belongs here", _over(op, axis))


def _over(op: str, axis: int | None) -> Value:
    function = getattr(np, op)
    return lambda node, pool: np.asarray(
        function(number(node.args[0]), axis=axis, keepdims=np.ndim(node.value) == np.ndim(node.args[0].value))
    )
