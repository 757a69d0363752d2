"""What is at hand in one step: the values that an operation of the backward pass could have used instead of its own.

These are the parameters, the values of the forward pass and their true errors, the derivatives of element-wise
functions, the targets, masks and data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import backward
from unstuck.facts import Array, Span
from unstuck.trace.explaining.hypotheses import label
from unstuck.trace.explaining.macros import Forward, elementwise_ends
from unstuck.trace.reading.losses import Candidate

Key = tuple[str, Span | None, str, int]  # role, place in the source, operation, and the how-many-th there
BEFORE = "before"  # the role of what has had the name of a value before it
MOST_VALUES = 80
WHOLE = 1e-6  # distance from a whole number within which a number counts as one
MOST_ROUNDS = 6  # values that one place makes in turn: samples, layers, instants


@dataclass(frozen=True)
class Item:
    """Something that an operation could have used: its name for a person, its value, and what it is the value of."""

    title: str
    value: Array
    node: Node | None = None


Pool = Mapping[Key, Item]


def pool_of(
    forward: Forward, cotangents: Mapping[Node, Array], loss: Candidate, users: Iterable[Node]
) -> Pool:
    """The values at hand in one step, by what identifies them in every step.

    users  the operations that might take them: what has a side that none of theirs and their operands' has is no use
    """
    sides = {n for node in users for each in (node, *node.parents()) for n in (1, *np.shape(each.value))}
    counts: Counter[tuple[str, Span | None, str]] = Counter()
    pool: dict[Key, Item] = {}
    for role, node, title, value in items(forward, cotangents, loss):
        place = role, node.span, node.op
        if np.ndim(value) and sides.issuperset(np.shape(value)) and counts[place] < MOST_ROUNDS:
            pool[*place, counts[place]] = Item(title, np.asarray(value, float), node)
        counts[place] += 1
    return dict(list(pool.items())[:MOST_VALUES])


def fits(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Can an array of the first shape be broadcast to the other?"""
    pairs = zip(own[::-1], shape[::-1], strict=False)
    return len(own) <= len(shape) and all(n in (1, m) for n, m in pairs)


def items(
    forward: Forward, cotangents: Mapping[Node, Array], loss: Candidate
) -> Iterator[tuple[str, Node, str, Array]]:
    """(role, node, title, value), what is likeliest first."""
    step = forward.step
    parameters = {update.before: name for name, update in step.updates.items()}
    for node, name in parameters.items():
        yield "weights", node, name, node.value
    for pair in step.losses[loss].pairs:
        yield "target", pair.output, "the target", pair.target
    for node, target in _implied(forward, cotangents):
        yield "target", node, "the target", target
    for node in sorted(cotangents, key=lambda item: -item.id):
        yield "error", node, f"the error of {label(node)}", cotangents[node]
    for z, h in elementwise_ends(forward.nodes):
        found = None if z in parameters else backward([(h, np.ones(np.shape(h.value)))], [z], stop={z})[0]
        if found is not None:
            yield "slope", h, f"the derivative of {label(h)} by {label(z)}", found
    for node in step.nodes:
        if node not in parameters and not (node in step.tainted and node not in forward.nodes):
            yield ("activation" if node in forward.nodes else "other"), node, label(node), node.value


def _implied(forward: Forward, cotangents: Mapping[Node, Array]) -> Iterator[tuple[Node, Array]]:
    """(output, target): what a probability exceeds its error by, up to the error's factor, if that is 0 or 1."""
    outputs = [*forward.softmax, *((piece.z, piece.h) for piece in forward.activated)]
    for z, p in outputs:
        output, error = np.asarray(p.value, float), cotangents.get(z)
        if error is None or np.shape(error) != np.shape(output) or not np.all(error):
            continue
        factor = np.median((output / error)[error > 0]) if np.any(error > 0) else 0.0
        target = output - factor * error
        if np.abs(target - np.round(target)).max() < WHOLE and set(np.unique(np.round(target))) == {0.0, 1.0}:
            yield p, np.round(target)
