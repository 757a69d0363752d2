"""Indices into arrays, compared: do two pick the same elements, or some of the same?"""

from __future__ import annotations

from typing import Any

import numpy as np

from unstuck.autodiff.node import Node

FEW_PLACES = 64  # of elements, which are compared faster as whole numbers than as arrays


def meet(one: Any, other: Any) -> bool:
    """Have two sets of positions one in common?  Most rows of a matrix lie apart, which their ends tell."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.size + other.size <= FEW_PLACES:
        return not set(one.ravel().tolist()).isdisjoint(other.ravel().tolist())
    if not np.size(one) or not np.size(other) or np.max(one) < np.min(other) or np.max(other) < np.min(one):
        return False
    return bool(np.intersect1d(one, other).size)


def same_place(one: Any, other: Any) -> bool:
    """Are these two indices (of one kind) the same?"""
    if one is other:
        return True
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same_place, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other)


def apart(one: Node, other: Node) -> bool:
    """Do two operations read or write elements of one array of which none is the same?"""
    return not meet(_positions(one), _positions(other))


def _positions(node: Node) -> Any:
    """Of the elements that are read or written, counted along the whole array."""
    whole, where = node.args[:2]
    if node.op in ("gather", "scatter"):
        return where
    shape = np.shape(whole.value)
    return np.arange(int(np.prod(shape))).reshape(shape)[where]
