"""What one recorded operation gives with another operand, or with a factor or a term that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from unstuck.autodiff.activations import is_dropout_mask
from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.alteration import (
    OVERWRITTEN,
    Alteration,
    Value,
    applied,
    number,
    title,
    title_at,
    with_operand,
)
from unstuck.trace.explaining.case import Case
from unstuck.trace.explaining.directions import RightValues
from unstuck.trace.explaining.pool import BEFORE, Item, Key, Pool, fits
from unstuck.trace.reading.views import CONTRACTIONS

OF_PRODUCTS = {  # kind of the fault where an operand of a matrix product is something else than a value of this role
    "error": "wrong-layer-error",
    "weights": "error-through-wrong-weights",
    "activation": "wrong-layer-input",
}
HERE = "what is computed here"
Combined = Callable[[Array, Array], Array]
FACTORS: tuple[tuple[str, Combined], ...] = (
    ("{whole} should be multiplied by {item}: this factor is missing", np.multiply),
    ("{whole} should be divided by {item}", np.true_divide),
)
TERMS: tuple[tuple[str, Combined], ...] = (
    ("{item} should be subtracted from {whole}", np.subtract),
    ("{item} should be added to {whole}", np.add),
)


def replaced(node: Node, case: Case) -> Iterator[Alteration]:
    """Another value at hand in the place of an operand."""
    return (each for each in _replaced(node, case) if each.signed)


def replaced_by_errors(node: Node, case: Case) -> Iterator[Alteration]:
    """A true error in the place of an operand: the last resort, since it says least about the operand."""
    return (each for each in _replaced(node, case) if not each.signed)


def _replaced(node: Node, case: Case) -> Iterator[Alteration]:
    product = node.op in CONTRACTIONS
    for position, arg in enumerate(node.args if node.op != "copy" else ()):
        if not isinstance(arg, Node) or not np.ndim(arg.value):
            continue
        masks = is_dropout_mask(arg.value) is not None  # a mask is taken for another mask, if there is one
        items = sorted(case.pool.items(), key=lambda each: masks and is_dropout_mask(each[1].value) is None)
        for key, item in items:
            if key[0] == BEFORE:
                continue
            for turned in (False, True) if product and np.ndim(item.value) == 2 else (False,):
                value = item.value.T if turned else item.value
                if np.shape(value) == np.shape(arg.value) and not np.array_equal(value, arg.value):
                    kind = _kind(key[0], product, arg, item)
                    text = f"{title_at(node, position)} stands where {item.title} belongs"
                    if _overwrites(arg, item):
                        kind = OVERWRITTEN
                        text = f"{title(arg)} is given another value here: what was in it before is lost"
                    instead = _instead(position, key, turned)
                    yield Alteration(kind, text, instead, arg, item, key[0] != "error")


def _overwrites(arg: Node, item: Item) -> bool:
    """Has a variable been given another value while what it held before, and no more of it, is what belongs here?"""
    before = item.node
    same = before is not None and before.id < arg.id and before.names[-1:] == arg.names[-1:] != []
    return same and before not in arg.parents()


def _kind(role: str, product: bool, arg: Node, item: Item) -> str:
    """The kind of fault where a value of this role belongs in the place of an operand."""
    if role == "other" and is_dropout_mask(item.value) and is_dropout_mask(arg.value):
        return "dropout-mask-redrawn"
    if product or role == "error":
        return OF_PRODUCTS.get(role, "wrong-operand")
    return "activation-derivative-wrong" if role == "slope" else "wrong-operand"


def _instead(position: int, key: Key, turned: bool) -> Value:
    def value(node: Node, pool: Pool) -> Array | None:
        item = pool.get(key)
        if item is None:
            return None
        return applied(with_operand(node, position, item.value.T if turned else item.value))

    return value


def kept(key: Key, item: Item) -> Alteration:
    """A value that is made anew in every round, where what the round before has made of it belongs."""
    text = f"{item.title} is made anew in every round of its loop: what the earlier rounds have made of it is lost"
    return Alteration(OVERWRITTEN, text, _as_before(key), None, item)


def _as_before(key: Key) -> Value:
    """The first round has none before it, and stays as it is."""
    return lambda node, pool: pool[key].value if key in pool else number(node)


# ----- Something is missing -----------------------------------------------------------------------------


def factors(node: Node, case: Case) -> Iterator[Alteration]:
    """A factor or a divisor that is missing."""
    return _besides(node, case, "factor-missing", FACTORS)


def terms(node: Node, case: Case) -> Iterator[Alteration]:
    """A term that is missing.

    To what the truth itself is added does not matter, nor what is added to zeros, and what is subtracted from itself
    is left out instead.
    """
    right = RightValues([case.true])
    for each in _besides(node, case, "term-missing", TERMS) if np.any(number(node)) else ():
        value = each.item.value if each.item is not None else case.true
        alike = any(np.array_equal(value, number(part)) for part in (node, *node.parents()))
        if not right.sign(value) and not alike:
            yield each


def _besides(
    node: Node, case: Case, kind: str, ways: tuple[tuple[str, Combined], ...]
) -> Iterator[Alteration]:
    """Each value at hand together with what the operation gives, and with each of its operands; errors come last."""
    if node.op == "leaf":
        return
    for key, item in sorted(case.pool.items(), key=lambda each: each[0][0] == "error"):
        if key[0] == BEFORE:
            continue
        signed = key[0] != "error"
        for words, combine in ways:
            if fits(np.shape(item.value), np.shape(node.value)):
                whole = _result(node)  # a function may call its argument as its caller calls the result
                text = words.format(item=item.title, whole=whole if whole != item.title else HERE)
                yield Alteration(kind, text, _with_result(key, combine), None, item, signed)
            for position, arg in enumerate(node.args):
                if _can_take(node, arg, item):
                    text = words.format(item=item.title, whole=title(arg))
                    lacking = arg if isinstance(arg, Node) else None
                    made = _at_operand(position, key, combine)
                    yield Alteration(kind, text, made, None, item, signed, lacking)


def _result(node: Node) -> str:
    return node.names[-1] if node.names else HERE


def _can_take(node: Node, arg: object, item: Item) -> bool:
    """Is this operand made outside of the backward pass, so that nothing before it could lack the item?

    A plain number may stand alone where it should scale an array, in a product of any kind.
    """
    if isinstance(arg, Node) and np.ndim(arg.value):
        return fits(np.shape(item.value), np.shape(arg.value))
    plain = isinstance(arg, int | float | np.number | Node) and not isinstance(arg, bool)
    return plain and node.op in {*CONTRACTIONS, "multiply", "true_divide"}


def _with_result(key: Key, combine: Combined) -> Value:
    def value(node: Node, pool: Pool) -> Array | None:
        item = pool.get(key)
        return None if item is None else np.asarray(combine(number(node), item.value))

    return value


def _at_operand(position: int, key: Key, combine: Combined) -> Value:
    def value(node: Node, pool: Pool) -> Array | None:
        item = pool.get(key)
        if item is None:
            return None
        return applied(with_operand(node, position, combine(number(node.args[position]), item.value)))

    return value
