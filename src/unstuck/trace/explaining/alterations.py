"""Altered operations: what one recorded operation gives with another operator, operand, axis or function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.facts import Array, Span
from unstuck.trace.explaining.hypotheses import label
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.reading.views import CONTRACTIONS

Key = tuple[str, Span | None, str, int]  # role, place in the source, operation, and the how-many-th there
Value = Callable[[Node, "Pool"], Array | None]
ROLES = {  # kind of the fault when a value of this role is missing, or stands where another belongs
    "error": "wrong-layer-error",
    "weights": "error-through-wrong-weights",
    "activation": "wrong-layer-input",
    "other": "wrong-operand",
}
SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "true_divide": "/"}
OPPOSITE = {
    **{"add": "subtract", "subtract": "add", "multiply": "true_divide", "true_divide": "multiply"},
    **{"maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max"},
    **{"greater": "less", "less": "greater", "greater_equal": "less_equal", "less_equal": "greater_equal"},
    **{"power": "multiply"},
}
NUMBERS = (1.0, 2.0, 0.5, 0.0)
REDUCTIONS = {"sum", "mean"}
MOST_VALUES = 80


@dataclass(frozen=True)
class Item:
    """Something that an operation could have used: its name for a person, and its value."""

    title: str
    value: Array


Pool = Mapping[Key, Item]


@dataclass(frozen=True)
class Alteration:
    """kind and text say what is wrong with the operation as written; `value` computes what it gives when altered.

    culprit  the operand that does not belong there, if it is one
    """

    kind: str
    text: str
    value: Value
    culprit: Node | None = None


def pool_of(forward: Forward, cotangents: Mapping[Node, Array]) -> Pool:
    """What is at hand in one step: parameters, values of the forward pass, the true errors, masks and data."""
    counts: Counter[tuple[str, Span | None, str]] = Counter()
    pool: dict[Key, Item] = {}
    step = forward.step
    parameters = {update.before: name for name, update in step.updates.items()}

    def put(role: str, node: Node, title: str, value: Array) -> None:
        place = role, node.span, node.op
        pool[*place, counts[place]] = Item(title, np.asarray(value, float))
        counts[place] += 1

    for node, name in parameters.items():
        put("weights", node, name, node.value)
    for node in sorted(cotangents, key=lambda item: -item.id):
        put("error", node, f"the error of {label(node)}", cotangents[node])
    for node in step.nodes:
        if (
            node not in parameters
            and np.ndim(node.value)
            and not (node in step.tainted and node not in forward.nodes)
        ):
            put("activation" if node in forward.nodes else "other", node, label(node), node.value)
    return dict(list(pool.items())[:MOST_VALUES])


def alterations(node: Node, pool: Pool) -> Iterator[Alteration]:
    """Everything that the operation could have been, the simplest first."""
    yield from _operators(node)
    yield from _numbers(node)
    yield from _masks(node)
    yield from _transposed(node)
    yield from _axes(node)
    yield from _left_out(node)
    for position, arg in enumerate(node.args if node.op != "copy" else ()):
        if isinstance(arg, Node) and np.ndim(arg.value):
            yield from _replaced(node, position, arg, pool)
    yield from _put_in(node, pool)


# ----- The operation itself -----------------------------------------------------------------------------


def _operators(node: Node) -> Iterator[Alteration]:
    other = OPPOSITE.get(node.op)
    if other is None:
        return
    if node.op == "power":
        text = f"{_title(node)} is raised to a power where it should be taken once"
        yield Alteration("operator", text, lambda n, pool: _number(n.args[0]))
        return
    old, new = SYMBOLS.get(node.op, node.op), SYMBOLS.get(other, other)
    kind = "activation-derivative-wrong" if node.op.startswith(("greater", "less")) else "operator"
    yield Alteration(kind, f"`{old}` stands where `{new}` is right", _run_as(other))
    if node.op in ("subtract", "true_divide"):
        text = f"the operands of `{old}` are swapped"
        yield Alteration("sign" if node.op == "subtract" else "operator", text, _swapped)


def _masks(node: Node) -> Iterator[Alteration]:
    """x[mask] = value, for the elements that the mask leaves out."""
    if node.op == "setitem" and isinstance(node.args[1], np.ndarray) and node.args[1].dtype == bool:
        text = "the elements that are set here are those that should be left as they are"
        yield Alteration("activation-derivative-wrong", text, _inverted)


def _inverted(node: Node, pool: Pool) -> Array | None:
    whole, mask, *rest = node.args
    return _applied(_with_args(node, (whole, ~mask, *rest)))


def _run_as(op: str) -> Value:
    return lambda node, pool: _applied(Node(node.id, op, None, node.args, node.kwargs, node.value, node.span))


def _numbers(node: Node) -> Iterator[Alteration]:
    """Another number in the place of a plain one: nothing is subtracted where 1 belongs."""
    for position, arg in enumerate(node.args if node.op in SYMBOLS else ()):
        plain = arg.value if isinstance(arg, Node) and arg.op == "leaf" else arg
        if isinstance(plain, int | float | np.number) and not isinstance(plain, bool):
            for number in NUMBERS:
                if number != plain:
                    text = f"the number {float(plain):g} stands where {number:g} belongs"
                    yield Alteration("wrong-number", text, _with_number(position, number))


def _with_number(position: int, number: float) -> Value:
    return lambda node, pool: _applied(
        _with_args(node, tuple(number if i == position else arg for i, arg in enumerate(node.args)))
    )


def _swapped(node: Node, pool: Pool) -> Array | None:
    return _applied(_with_args(node, (node.args[1], node.args[0], *node.args[2:])))


def _transposed(node: Node) -> Iterator[Alteration]:
    """An operand of a product by its transpose."""
    if node.op not in CONTRACTIONS:
        return
    for position, arg in enumerate(node.args):
        if isinstance(arg, Node) and np.ndim(arg.value) == 2:
            yield Alteration(
                "transpose-missing", f"{_title(arg)} should be transposed here", _turned(position)
            )


def _turned(position: int) -> Value:
    return lambda node, pool: _applied(_with_operand(node, position, _number(node.args[position]).T))


def _axes(node: Node) -> Iterator[Alteration]:
    """A sum over another axis."""
    if node.op not in REDUCTIONS or not isinstance(node.args[0], Node):
        return
    for axis in (None, *range(np.ndim(node.args[0].value))):
        over = "all elements" if axis is None else f"axis {axis}"
        yield Alteration("bias-axis", f"the {node.op} should run over {over}", _over(axis))


def _over(axis: int | None) -> Value:
    return lambda node, pool: np.asarray(
        np.sum(_number(node.args[0]), axis=axis, keepdims=np.ndim(node.value) == np.ndim(node.args[0].value))
    )


# ----- Operands -----------------------------------------------------------------------------------------


def _left_out(node: Node) -> Iterator[Alteration]:
    """One operand of a product or sum too many."""
    if node.op not in ("multiply", "true_divide", "add", "subtract") or len(node.args) != 2:
        return
    for position in (0, 1):
        extra, rest = node.args[position], node.args[1 - position]
        if isinstance(rest, Node) and np.shape(rest.value) == np.shape(node.value):
            text = f"{_title(extra)} does not belong here"
            yield Alteration(
                "factor-extra", text, _only(1 - position), extra if isinstance(extra, Node) else None
            )


def _only(position: int) -> Value:
    return lambda node, pool: _number(node.args[position])


def _replaced(node: Node, position: int, arg: Node, pool: Pool) -> Iterator[Alteration]:
    """Another value in the place of an operand."""
    for key, item in pool.items():
        for turned in (False, True) if node.op in CONTRACTIONS and np.ndim(item.value) == 2 else (False,):
            value = item.value.T if turned else item.value
            if np.shape(value) == np.shape(arg.value) and not np.array_equal(value, arg.value):
                text = f"{_title(arg)} stands where {item.title} belongs"
                yield Alteration(ROLES[key[0]], text, _instead(position, key, turned), arg)


def _instead(position: int, key: Key, turned: bool) -> Value:
    def value(node: Node, pool: Pool) -> Array | None:
        item = pool.get(key)
        if item is None:
            return None
        return _applied(_with_operand(node, position, item.value.T if turned else item.value))

    return value


def _put_in(node: Node, pool: Pool) -> Iterator[Alteration]:
    """A factor that is missing."""
    for key, item in pool.items():
        if np.shape(item.value) == np.shape(node.value):
            yield Alteration("factor-missing", f"the factor {item.title} is missing", _times(key))


def _times(key: Key) -> Value:
    def value(node: Node, pool: Pool) -> Array | None:
        item = pool.get(key)
        return None if item is None else np.asarray(np.asarray(node.value, float) * item.value)

    return value


# ----- Helpers ------------------------------------------------------------------------------------------


def _with_operand(node: Node, position: int, value: Array) -> Node:
    old = node.args[position]
    stand_in = Node(old.id, "leaf", None, (), {}, value, None)
    return _with_args(node, tuple(stand_in if i == position else arg for i, arg in enumerate(node.args)))


def _with_args(node: Node, args: tuple[object, ...]) -> Node:
    return Node(node.id, node.op, node.fn, args, node.kwargs, node.value, node.span)


def _applied(node: Node) -> Array | None:
    """The operation run on its operands' recorded values."""
    return np.asarray(run(node, {}))


def _number(value: object) -> Array:
    return np.asarray(value.value if isinstance(value, Node) else value, float)


def _title(value: object) -> str:
    return label(value) if isinstance(value, Node) else repr(value)
