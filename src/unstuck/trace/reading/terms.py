"""Sums taken apart: a value as coefficient-times-node terms, through every linear operation on the tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any

import numpy as np

from unstuck.autodiff.call import shape_of
from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.reading.indices import apart, meet, same_place

STORES = {"setitem", "scatter", "add.at", "subtract.at"}
LINEAR = {"add", "subtract", "copy", "positive", "negative", "trunc", "gather", "getitem", *STORES}
STORED, DECAYED = "stored", "decayed"  # what was added to elements, and what they have lost of themselves
MOST_TERMS = 20_000
MOST_PLACES = 12  # in the source, one after the other, from which a plain number may have come


@dataclass(frozen=True)
class Term:
    """One additive part of an increment: coefficient x value of the node."""

    coefficient: float
    node: Node


def terms_of(node: Node, stop: Callable[[Node], bool] = lambda _: False) -> list[Term]:
    """The additive terms of a node: sums, differences and scalar factors are opened, anything else is a term.

    Nodes are opened from the latest to the earliest, so that each is met once with its total coefficient.
    What was added to single elements, one after the other, is a term together.
    """
    coefficients = {node: 1.0}
    latest = [(-node.id, 0, node)]
    terms: list[Term] = []
    stored = Stored()
    while latest:
        _, _, current = heappop(latest)
        coefficient = coefficients.pop(current)
        may_open = (current is node or not stop(current)) and len(terms) < MOST_TERMS
        if may_open and stores_element(current):
            parts = stored.opened(coefficient, current)
        else:
            parts = opened(coefficient, current) if may_open else None
        if parts is None:
            terms.append(Term(coefficient, current))
            continue
        for factor, part in parts:
            if part not in coefficients:
                heappush(latest, (-part.id, len(coefficients), part))
            coefficients[part] = coefficients.get(part, 0.0) + factor
    return terms + stored.terms()


def opened(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    """A linear node as coefficient-term pairs; None when it is not linear in a way that we open."""
    args = node.args
    if node.op in ("add", "subtract"):
        signs = (coefficient, coefficient if node.op == "add" else -coefficient)
        parts = zip(signs, (_part(arg, node) for arg in args), strict=False)
        return [(sign, part) for sign, part in parts if part is not None]
    if node.op in ("copy", "positive", "negative", "trunc"):  # trunc: a cast to whole numbers
        sign = -coefficient if node.op == "negative" else coefficient
        return [(sign, args[0])] if isinstance(args[0], Node) else None
    if node.op in ("multiply", "true_divide"):
        return _scaled(coefficient, node)
    if node.op in ("gather", "getitem"):
        return _forwarded(coefficient, node)
    if truncates(node):
        return None
    if stores_element(node):
        return Stored().opened(coefficient, node)
    if stores_whole(node):
        return [(coefficient, args[2])]
    if node.op in ("add.at", "subtract.at"):
        sign = coefficient if node.op == "add.at" else -coefficient
        return [(coefficient, args[0]), (sign, _spread(node))] if isinstance(args[0], Node) else None
    return None


def may_open(node: Node) -> Sequence[Node]:
    """The recorded nodes that opening this one can lead to next, and perhaps some more."""
    if node.op in ("multiply", "true_divide"):
        return [part for _, part in _scaled(1.0, node) or ()]
    return node.parents() if node.op in LINEAR else ()


def _part(arg: Any, node: Node) -> Node | None:
    """One side of a sum; a number (the 1 of p - 1) becomes a node, for it belongs to what is added."""
    if isinstance(arg, Node):
        return arg
    if not isinstance(arg, int | float | np.number | np.ndarray) or not np.any(arg):
        return None
    value = np.broadcast_to(np.asarray(arg, float), np.shape(node.value))
    return Node(node.id, "constant", None, (), {}, value, None)


def _spread(node: Node) -> Node:
    """What np.add.at (or subtract.at) added, as an array of the whole shape."""
    before, index, value = node.args
    whole = np.zeros(np.shape(before.value))
    np.add.at(whole, index, value.value if isinstance(value, Node) else value)
    return Node(node.id, "add.at", None, (np.zeros_like(whole), index, value), {}, whole, node.span)


def _scaled(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    left, right = node.args[:2]
    factor = plain_number(right)
    if factor is not None and isinstance(left, Node) and not (node.op == "true_divide" and factor == 0):
        return [(coefficient * factor if node.op == "multiply" else coefficient / factor, left)]
    factor = plain_number(left)
    if factor is not None and isinstance(right, Node) and node.op == "multiply":
        return [(coefficient * factor, right)]
    return None


def plain_number(value: Any) -> float | None:
    """The number of a constant or of an untouched scalar variable (a learning rate, a batch size); else None."""
    if isinstance(value, Node):
        if shape_of(value.value) or (value.op == "getitem" and shape_of(value.args[0].value)):
            return None  # an element of an array
        if _is_plain(value) and not isinstance(value.value, complex):
            return float(value.value)
        return None
    return float(value) if isinstance(value, int | float | np.number) else None


@lru_cache(maxsize=2**14)  # networks of single numbers ask again and again about the same ones
def _is_plain(node: Node, depth: int = 0) -> bool:
    """Does this scalar come from constants only?  (A scheduled rate, 1 - beta ** t, ...)

    A rate that one statement shrinks in every step has come from no deeper by that.
    """
    if node.op == "leaf":
        return not node.moved
    return depth < MOST_PLACES and all(
        not shape_of(parent.value) and _is_plain(parent, depth + (parent.span != node.span))
        for parent in node.parents()
    )


def mark_moved(leaves: Sequence[Node]) -> None:
    """From here on these numbers are parameters, which scale nothing as a constant does."""
    for leaf in leaves:
        if not leaf.moved:
            leaf.moved = True
            _is_plain.cache_clear()


def _forwarded(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    """What is read from where it was just written; positions that a write did not meet come from before it."""
    source, where = node.args
    like = "scatter" if node.op == "gather" else "setitem"
    while isinstance(source, Node) and source.op in ("scatter", "setitem"):
        whole, written, value = source.args
        if truncates(source):
            return None
        if source.op != like:
            if not apart(node, source):
                return None
        elif same_place(written, where):
            return [(coefficient, value)] if isinstance(value, Node) else None
        elif node.op == "getitem" or meet(written, where):
            return None
        source = whole
    return None


def truncates(node: Node) -> bool:
    """Does this write fractions into an array of whole numbers, which keeps only what is before the point?"""
    if node.op not in STORES or np.asarray(node.value).dtype.kind not in "iu":
        return False
    value = node.args[2].value if isinstance(node.args[2], Node) else node.args[2]
    return np.asarray(value).dtype.kind == "f" and bool(np.any(np.asarray(value) != np.trunc(value)))


def stores_whole(node: Node) -> bool:
    """Is this x[:] = value or x[...] = value, with a value of the same shape?"""
    if node.op != "setitem" or not isinstance(node.args[2], Node):
        return False
    parts = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    whole = all(part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts)
    return whole and np.shape(node.args[2].value) == np.shape(node.value)


def stores_element(node: Node) -> bool:
    """Does this write x[i] or x[i][j], one number of an array, the rows x[indices], or now this row and now that?"""
    if node.op == "setitem":
        _, where, value = node.args
        picks = any(
            isinstance(part, np.ndarray | list) for part in (where if isinstance(where, tuple) else (where,))
        )
        return isinstance(value, Node) and (
            picks or len(shape_of(value.value)) == 0 < len(shape_of(node.value))
        )
    if node.roving:
        return True
    inner = node.args[2] if node.op == "scatter" else None
    return isinstance(inner, Node) and inner.span == node.span and stores_element(inner)


@dataclass(frozen=True)
class Entry:
    """What a write has added: a factor times a value, where the write says."""

    factor: float
    write: Node
    value: Node


class Stored:
    """What was added to elements of arrays: x[i] += d is x plus an array that is d at i and 0 elsewhere.

    The contributions to one array are summed, so that a thousand elements cost no thousand arrays.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, tuple[int, ...]], Array] = {}
        self._entries: dict[tuple[str, tuple[int, ...]], list[Entry]] = {}

    def opened(self, coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
        """A write as (coefficient, array before) with the rest set aside; None where it only overwrites."""
        whole, where, value = node.args
        if (
            truncates(node)
            or not isinstance(whole, Node)
            or not isinstance(value, Node)
            or shape_of(node.value) != shape_of(whole.value)
        ):
            return None
        inner = terms_of(value, stop=lambda other: reads(other, whole, where))
        kept = [term for term in inner if reads(term.node, whole, where)]
        own = sum(
            term.coefficient for term in kept
        )  # an element may be read twice: for itself, and for its decay
        if not 0.5 < own < 1.5:
            return None
        if own != 1:  # what decays is what remains less what was
            self.add(DECAYED, Entry(coefficient * (own - 1), node, kept[0].node))
        for term in inner:
            if term not in kept:
                self.add(STORED, Entry(coefficient * term.coefficient, node, term.node))
        return [(coefficient, whole)]

    def add(self, kind: str, entry: Entry) -> None:
        """One more part of the sum of this kind."""
        write, shape = entry.write, np.shape(entry.write.value)
        total = self._sums.setdefault((kind, shape), np.zeros(shape))
        target, where = (
            (total.reshape(-1), write.args[1]) if write.op == "scatter" else (total, write.args[1])
        )
        target[where] += entry.factor * np.asarray(entry.value.value, float)
        self._entries.setdefault((kind, shape), []).append(entry)

    def terms(self) -> list[Term]:
        """The sums as terms of their own; each leads to everything that was added."""
        return [
            Term(1.0, _sum_of(kind, entries, total))
            for (kind, _), entries, total in zip(
                self._entries, self._entries.values(), self._sums.values(), strict=True
            )
        ]


def _sum_of(kind: str, entries: Sequence[Entry], total: Array) -> Node:
    parts = tuple(entry.value for entry in entries)
    return Node(max(p.id for p in parts), kind, None, parts, {"entries": entries}, total, parts[-1].span)


def reads(node: Any, whole: Any, where: Any) -> bool:
    """Is this the element, as it was before the write?  (Other elements may have been written in between.)"""
    if (
        not isinstance(node, Node)
        or node.op not in ("getitem", "gather")
        or not same_place(node.args[1], where)
    ):
        return False
    while isinstance(whole, Node) and whole is not node.args[0]:
        if not whole.roving or meet(whole.args[1], where):
            return False
        whole = whole.args[0]
    return whole is node.args[0]
