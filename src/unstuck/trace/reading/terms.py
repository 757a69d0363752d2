"""Sums taken apart: a value as coefficient-times-node terms, through every linear operation on the tape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node

MOST_TERMS = 20_000


@dataclass(frozen=True)
class Term:
    """One additive part of an increment: coefficient x value of the node."""

    coefficient: float
    node: Node


def terms_of(node: Node, stop: Callable[[Node], bool] = lambda _: False) -> list[Term]:
    """The additive terms of a node: sums, differences and scalar factors are opened, anything else is a term.

    Nodes are opened from the latest to the earliest, so that each is met once with its total coefficient.
    """
    coefficients = {node: 1.0}
    latest = [(-node.id, node)]
    terms: list[Term] = []
    while latest:
        _, current = heappop(latest)
        coefficient = coefficients.pop(current)
        may_open = (current is node or not stop(current)) and len(terms) < MOST_TERMS
        parts = opened(coefficient, current) if may_open else None
        if parts is None:
            terms.append(Term(coefficient, current))
            continue
        for factor, part in parts:
            if part not in coefficients:
                heappush(latest, (-part.id, part))
            coefficients[part] = coefficients.get(part, 0.0) + factor
    return terms


def opened(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    """A linear node as coefficient-term pairs; None when it is not linear in a way that we open."""
    args = node.args
    if node.op in ("add", "subtract"):
        signs = (coefficient, coefficient if node.op == "add" else -coefficient)
        return [(sign, arg) for sign, arg in zip(signs, args, strict=False) if isinstance(arg, Node)]
    if node.op in ("copy", "positive", "negative"):
        sign = -coefficient if node.op == "negative" else coefficient
        return [(sign, args[0])] if isinstance(args[0], Node) else None
    if node.op in ("multiply", "true_divide"):
        return _scaled(coefficient, node)
    if node.op == "gather":
        return _forwarded(coefficient, node)
    if node.op in ("add.at", "subtract.at"):
        sign = coefficient if node.op == "add.at" else -coefficient
        return [(coefficient, args[0]), (sign, _spread(node))] if isinstance(args[0], Node) else None
    return None


def _spread(node: Node) -> Node:
    """What np.add.at (or subtract.at) added, as an array of the whole shape."""
    before, index, value = node.args
    whole = np.zeros(np.shape(before.value))
    np.add.at(whole, index, value.value if isinstance(value, Node) else value)
    return Node(node.id, "add.at", None, (np.zeros_like(whole), index, value), {}, whole, node.span)


def _scaled(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    left, right = node.args[:2]
    factor = _scalar(right)
    if factor is not None and isinstance(left, Node) and not (node.op == "true_divide" and factor == 0):
        return [(coefficient * factor if node.op == "multiply" else coefficient / factor, left)]
    factor = _scalar(left)
    if factor is not None and isinstance(right, Node) and node.op == "multiply":
        return [(coefficient * factor, right)]
    return None


def _scalar(value: Any) -> float | None:
    """The number of a constant or of an untouched scalar variable (a learning rate, a batch size)."""
    if isinstance(value, Node):
        if np.ndim(value.value) == 0 and _is_plain(value):
            return float(value.value)
        return None
    return float(value) if isinstance(value, int | float | np.number) else None


def _is_plain(node: Node, depth: int = 0) -> bool:
    """Does this scalar come from constants only?  (A scheduled rate, 1 - beta ** t, ...)"""
    if node.op == "leaf":
        return True
    return depth < 12 and all(
        np.ndim(parent.value) == 0 and _is_plain(parent, depth + 1) for parent in node.parents()
    )


def _forwarded(coefficient: float, node: Node) -> list[tuple[float, Node]] | None:
    """gather(scatter(whole, f, v), f) is v; positions that do not meet f are read from before the write."""
    source, flat = node.args
    while isinstance(source, Node) and source.op == "scatter":
        whole, written, value = source.args
        if np.array_equal(written, flat):
            return [(coefficient, value)]
        if np.intersect1d(written, flat).size:
            return None
        source = whole
    return None
