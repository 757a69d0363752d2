"""Which values of a written backward pass are right: multiples of a true derivative.

One array of one step may be a multiple of many things: of a single sample, the gradient of a layer is a multiple
of its input whatever the error is, and a plain number is a multiple of every other.  So the values that one
operation makes in several steps count together: one factor must make all of them the derivative.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from unstuck.autodiff.call import Call, Contribution, Part
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Overrides, adjoints, ancestors
from unstuck.autodiff.rules import contributions, passes
from unstuck.facts import Array, Span
from unstuck.trace.explaining.directions import DIRECTION, DIRECTION_SINGLE, RightValues
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, untransposed
from unstuck.trace.reading.written import Step

TOGETHER = -2  # in the place of an operand: the derivative by a value that was computed more than once
MOST_STEPS, LEAST_STEPS = 4, 2
MOST_NODES = 100_000  # of these steps together, if they are more than the least
Value = TypeVar("Value", Node, Array)
Sent = dict[Node, Sequence[Contribution]]  # what every operation passes to its operands
Key = tuple[
    Span | None, str, int, int
]  # place, operation, which of its values, and which operand of it, -1 or TOGETHER


# ----- The written values -------------------------------------------------------------------------------


def right_values(forward: Forward, loss: Candidate) -> RightValues:
    """The directions of all derivatives of one step."""
    single = any(np.asarray(node.value).dtype == np.float32 for node in forward.step.wrt())
    return RightValues(_truth(forward, loss, {}).values(), DIRECTION_SINGLE if single else DIRECTION)


def right_signs(
    passes: Sequence[Forward], loss: Candidate, overrides: Mapping[int, Overrides]
) -> dict[Node, int]:
    """+1 or -1 for the written values that are a multiple of a derivative, by one factor in all of these steps.

    overrides  of the reverse pass, by step number: the faults that are known already
    Where an operation does not run as often in every step, its values are compared step by step.
    """
    steps = [forward.step for forward in passes]
    single = any(np.asarray(node.value).dtype == np.float32 for step in steps for node in step.wrt())
    tolerance = DIRECTION_SINGLE if single else DIRECTION
    sent: list[Sent] = [{} for _ in steps]
    own = [
        adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends, sent=table).cotangents
        for step, table in zip(steps, sent, strict=True)
    ]
    truths = [
        _directions_of(forward, altered, *_altered(forward, loss, altered, true, table))
        for forward, true, table in zip(passes, own, sent, strict=True)
        for altered in [overrides.get(forward.step.number, {})]
    ]
    together = RightValues((list(same) for same in _aligned(truths)), tolerance)
    found: dict[Node, int] = {}
    written = [_keyed(sorted(_written(step), key=lambda node: node.id)) for step in steps]
    for nodes in _aligned(written):
        forward = _own_derivative(nodes, own)
        value = [np.asarray(node.value, float) for node in nodes]
        sign = together.sign(value) if forward is None else _sign_along(forward, value, tolerance)
        found |= dict.fromkeys(nodes, sign)
    for index, nodes_by_key in enumerate(written):
        alone = [node for node in nodes_by_key.values() if node not in found]
        if alone:
            each = RightValues(truths[index].values(), tolerance)
            found |= {node: _alone(node, each, own[index], tolerance) for node in alone}
    return found


def comparable(steps: Sequence[Step], loss: Candidate) -> list[Step]:
    """The steps with as many rows as the first of them: a mean over others would have another factor."""
    known = [step for step in steps if loss in step.losses]
    shapes = [[np.shape(node.value) for node, _ in step.losses[loss].seeds] for step in known]
    alike = [step for step, shape in zip(known, shapes, strict=True) if shape == shapes[0]][:MOST_STEPS]
    while len(alike) > LEAST_STEPS and sum(len(step.nodes) for step in alike) > MOST_NODES:
        alike.pop()
    return alike


def _truth(forward: Forward, loss: Candidate, overrides: Overrides) -> dict[Key, Array]:
    """The derivatives by all values of the forward pass, and what every operation passes to every operand."""
    return _directions_of(forward, overrides, *_altered(forward, loss, overrides))


def _altered(
    forward: Forward,
    loss: Candidate,
    overrides: Overrides,
    true: Mapping[Node, Array] | None = None,
    sent: Sent | None = None,
) -> tuple[Mapping[Node, Array], Sent]:
    """All cotangents of one step, and what each operation passes on; `true` and `sent` are those without overrides."""
    if true is not None and sent is not None and not overrides:
        return true, sent
    step, passed = forward.step, Sent()
    seeds = step.losses[loss].seeds
    found = adjoints(seeds, step.wrt(), stop=step.ends, overrides=overrides, sent=passed)
    return found.cotangents, passed


def _directions_of(
    forward: Forward, overrides: Overrides, found: Mapping[Node, Array], sent: Sent
) -> dict[Key, Array]:
    wrt = forward.step.wrt()
    keys = {node: key for key, node in _keyed(sorted(found, key=lambda node: node.id)).items()}
    told = {node: g for node, g in found.items() if node not in forward.interior}
    directions = {keys[node]: g for node, g in told.items() if node.op != "negative"}  # -z turns every sign
    for node, g in told.items():
        if node in overrides or node in wrt or not passes(node):
            continue
        if any(parent in found for parent in node.parents()):  # else its rule has failed before
            parts = sent[node] if node in sent else contributions(Call(node, g, found))
            known = (part for part in parts if part[0] in found)
            for position, (operand, part) in enumerate(known):
                if operand not in forward.interior:
                    passed = np.asarray(part.g if isinstance(part, Part) else part, float)
                    directions[*keys[node][:3], position] = passed
    for same in _computed_again(told):
        directions[*keys[same[0]][:3], TOGETHER] = np.sum([told[node] for node in same], axis=0)
    return directions


def _computed_again(nodes: Iterable[Node]) -> Iterator[list[Node]]:
    """Values that were computed several times from the same operands, where once would do: they are one to a person."""
    first: dict[Node, Node] = {}
    groups: dict[object, list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda each: each.id):
        if np.size(node.value) > 1 and node.op in {*CONTRACTIONS, "add"}:
            same = groups[node.op, *(first.get(parent, parent).id for parent in node.parents())]
            same.append(node)
            first[node] = same[0]
    yield from (group for group in groups.values() if len(group) > 1)


def _written(step: Step) -> set[Node]:
    return ancestors([update.after for update in step.updates.values()], oldest=step.nodes[0].id)


def _keyed(nodes: Iterable[Node]) -> dict[Key, Node]:
    """What identifies each value from step to step: the operation, and which of its values."""
    counts: dict[tuple[Span | None, str], int] = defaultdict(int)
    found: dict[Key, Node] = {}
    for node in nodes:
        site = node.span, node.op
        found[*site, counts[site], -1] = node
        counts[site] += 1
    return found


def aligned(tables: Sequence[Iterable[Node]]) -> Iterator[tuple[Node, ...]]:
    """Nodes that correspond in all of several steps, each given in order of time."""
    return _aligned([_keyed(nodes) for nodes in tables])


def _aligned(tables: Sequence[Mapping[Key, Value]]) -> Iterator[tuple[Value, ...]]:
    """Values that correspond in all of several steps, of the operations that run equally often in each."""
    counts = [_counts(table) for table in tables]
    for key in tables[0]:
        if len({count.get(key[:2], 0) for count in counts}) == 1 and all(key in table for table in tables):
            yield tuple(table[key] for table in tables)


def _counts(keys: Collection[Key]) -> dict[tuple[Span | None, str], int]:
    counts: dict[tuple[Span | None, str], int] = defaultdict(int)
    for span, op, _, _ in keys:
        counts[span, op] += 1
    return counts


def _own_derivative(nodes: Sequence[Node], own: Sequence[Mapping[Node, Array]]) -> list[Array] | None:
    """The derivative by values of the forward pass themselves; None for other values.

    A value of the forward pass is right as an error only if it is that of its own derivative.  (For one sample and
    one output the gradient of the weights is a multiple of the layer's input.)
    """
    found = [_derivative_by(node, table) for node, table in zip(nodes, own, strict=True)]
    known = [g for g in found if g is not None]
    return known if len(known) == len(nodes) else None


def _sign_along(direction: Sequence[Array], value: Sequence[Array], tolerance: float) -> int:
    """The sign of a value along one direction; numbers, of which there are many, are compared at once."""
    if any(part.ndim for part in (*direction, *value)):
        return RightValues([direction], tolerance).sign(value)
    along, whole = np.array(direction), np.array(value)
    norms = float(np.linalg.norm(along)), float(np.linalg.norm(whole))
    if len(along) < 2 or not np.all(np.isfinite(norms)) or 0.0 in norms or np.ptp(along) == 0:
        return 0
    unit, known = whole / norms[1], along / norms[0]
    sign = 1 if float(known @ unit) > 0 else -1
    return sign if np.abs(unit - sign * known).max() <= tolerance * np.abs(unit).max() else 0


def _derivative_by(node: Node, own: Mapping[Node, Array]) -> Array | None:
    base = untransposed(node)
    if base not in own and node not in own:
        return None
    return own.get(node, own.get(base, np.zeros(0)))


def _alone(node: Node, right: RightValues, own: Mapping[Node, Array], tolerance: float) -> int:
    if np.size(node.value) < 2:
        return 0
    forward = _derivative_by(node, own)
    return (right if forward is None else RightValues([forward], tolerance)).sign(
        np.asarray(node.value, float)
    )
