"""Run a recorded forward pass again with one number changed: the finite difference as third witness.

The tape is a pure function of its leaves, so the loss can be evaluated at a shifted parameter without running
the script again.  Masks and batches stay as recorded.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from unstuck.autodiff.effort import count
from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import NOT_RUN, run
from unstuck.autodiff.reverse import between
from unstuck.facts import Array
from unstuck.trace.reading.losses import loss_value
from unstuck.trace.reading.pairs import Pair

STEP = 1e-5


def finite_difference(
    kind: str, pairs: Sequence[Pair], parameter: Node, index: tuple[int, ...], fixed: Collection[Node] = ()
) -> float | None:
    """The central difference of the loss by one element; None when an operation cannot be run again.

    fixed  keep their values, because no derivative passes through them: weights that were updated in this step
    """
    value = np.array(parameter.value, dtype=np.float64)
    width = STEP * max(1.0, abs(float(value[index])))
    try:
        with np.errstate(all="ignore"):
            ends = [
                _loss_at(kind, pairs, parameter, value, index, sign * width, fixed) for sign in (1.0, -1.0)
            ]
    except NOT_RUN:
        return None
    slope = (ends[0] - ends[1]) / (2 * width)
    return slope if math.isfinite(slope) else None


def _loss_at(
    kind: str,
    pairs: Sequence[Pair],
    parameter: Node,
    value: Array,
    index: tuple[int, ...],
    shift: float,
    fixed: Collection[Node],
) -> float:
    shifted = value.copy()
    shifted[index] += shift
    outputs = [pair.output for pair in pairs]
    values = replay(outputs, {parameter: shifted}, fixed)
    return sum(loss_value(kind, values[pair.output], pair.target, pair.weight) for pair in pairs)


def replay(
    roots: Sequence[Node], changed: Mapping[Node, Array], fixed: Collection[Node] = ()
) -> dict[Node, Any]:
    """The values of the roots when some nodes take other values, and others keep theirs."""
    values: dict[Node, Any] = dict(changed)
    visited = between(roots, list(changed), stop={*changed, *fixed})
    count(visited)
    for node in reversed(visited):
        if node not in values:
            values[node] = run(node, values)
    return {root: values.get(root, root.value) for root in roots}
