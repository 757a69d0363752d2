"""An output and its target, and how the elements of their difference are weighted on the way back.

What a difference is multiplied by next, if it varies among the elements, weights their losses: class weights, the
mask of padded sequences, the advantage of an action.  Differences of single samples may be collected in an array
before that happens, so each element is followed to where it is moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Array
from unstuck.trace.reading.views import CONTRACTIONS

COLLECTING = {"array", "stack", "vstack", "hstack", "concatenate", "column_stack"}
ELEMENTWISE = {"copy", "negative", "positive"}
BENDING = {"sign", "clip", "where", "maximum", "minimum", "tanh", "arctan"}  # functions of a difference
MOVING = COLLECTING | ELEMENTWISE | {"gather", "getitem", "reshape", "ravel", "transpose"}


@dataclass(frozen=True, eq=False)
class Pair:
    """An output and the target that it is compared with.

    weight  of each element's loss
    held    which operand of the difference is the target, where it depends on the parameters and counts as constant
    bent    is it a function of the difference, such as its sign, that is sent back?
    """

    output: Node
    target: Array
    weight: Array | float = 1.0
    held: Literal["", "first", "second"] = ""
    bent: bool = False


@dataclass(frozen=True, eq=False)
class Met:
    """The difference of some pairs, wherever its elements are now.

    place  for each element of the value: its number among all elements of the pairs' outputs
    """

    pairs: list[Pair]
    place: Array

    def weighted(self, factor: Array) -> Met:
        """The same, where each element of the value is multiplied by a factor of its own."""
        factors = np.empty(self.place.size)
        factors[self.place.ravel()] = np.broadcast_to(factor, self.place.shape).ravel()
        pairs, start = [], 0
        for pair in self.pairs:
            shape, size = np.shape(pair.output.value), np.size(pair.output.value)
            pairs.append(replace(pair, weight=pair.weight * factors[start : start + size].reshape(shape)))
            start += size
        return Met(pairs, self.place)


def bent(known: Met, compared: Node, made: Node) -> Met | None:
    """What a function makes of a difference, where that may be the derivative of another loss of it; else None.

    The derivative of a convex loss of differences has their sign, and does not fall where they rise: the sign of the
    absolute error, what Huber's loss cuts off.
    """
    difference, value = np.asarray(compared.value, float), np.asarray(made.value, float)
    if difference.shape != value.shape or not np.all(np.isfinite(value)):
        return None
    order = np.argsort(difference, axis=None)
    if np.any(np.diff(value.ravel()[order]) < 0) or np.any(value * difference < 0):
        return None
    factor = np.divide(value, difference, out=np.zeros(difference.shape), where=difference != 0)
    weighted = known.weighted(factor)
    return Met([replace(pair, bent=True) for pair in weighted.pairs], weighted.place)


def met(pair: Pair) -> Met:
    """The difference of one pair, every element where it was worked out."""
    return Met([pair], np.arange(np.size(pair.output.value)).reshape(np.shape(pair.output.value)))


def moved(node: Node, known: Mapping[Node, Met]) -> Met | None:
    """Differences collected or moved by one operation; None unless every element is kept, and nothing else."""
    parents = list(dict.fromkeys(node.parents()))
    if node.op not in MOVING or not parents or not all(parent in known for parent in parents):
        return None
    sources = [known[parent] for parent in parents]
    sizes = [source.place.size for source in sources]
    if np.size(node.value) != sum(sizes):
        return None
    starts = np.cumsum([0, *sizes[:-1]])
    numbered = {
        parent: (source.place + start).astype(float)
        for parent, source, start in zip(parents, sources, starts, strict=True)
    }
    place = numbered[parents[0]] if node.op in ELEMENTWISE else np.asarray(run(node, numbered))
    whole = place.shape == np.shape(node.value) and np.array_equal(
        np.sort(place.ravel()), np.arange(place.size)
    )
    return Met([pair for source in sources for pair in source.pairs], place.astype(int)) if whole else None


def are_views(pair: Pair, other: Pair) -> bool:
    """Are the targets the same, and the outputs too, or one made of the other by functions, not by a layer?"""
    if not np.array_equal(pair.target, other.target):
        return False
    first, last = sorted((pair.output, other.output), key=lambda node: node.id)
    if first is last:
        return True
    behind = sorted(ancestors([last], oldest=first.id), key=lambda node: node.id)
    made = descendants([first], behind)
    return last in made and all(node.op not in CONTRACTIONS for node in made - {first})
