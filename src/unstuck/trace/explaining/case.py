"""One wrong value of one step: what it should be, the operations that made it, and what else is at hand there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import NOT_RUN
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array, Span
from unstuck.trace.explaining.alteration import Alteration
from unstuck.trace.explaining.directions import DIRECTION, DIRECTION_SINGLE, RightValues
from unstuck.trace.explaining.hypotheses import Search
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pool import Pool, pool_of
from unstuck.trace.judging.replay import replay
from unstuck.trace.reading.written import Step

NEAREST = 12  # operations before the wrong value that are tried
Place = tuple[Span | None, str, int]  # in the source, the operation, and the how-many-th there


class Case:
    """The value `written` of one step, which should be a multiple of `true`.

    cone  the operations that made it and may be wrong, in order of time, by what identifies them in every step
    pool  what is at hand in the step
    """

    def __init__(self, written: Node, true: Array, cone: Mapping[Place, Node], pool: Pool) -> None:
        self.written, self.true, self.cone = written, true, cone
        self.pool = pool
        single = np.asarray(written.value).dtype == np.float32
        self._tolerance = DIRECTION_SINGLE if single else DIRECTION

    @property
    def tells(self) -> bool:
        """Is the true value something?  Where it is zero, an alteration can only fail."""
        return bool(np.any(self.true))

    def factor(self, place: Place, alteration: Alteration) -> float:
        """The written value as a multiple of the true one when this operation is altered so.

        0 where it is none; NaN where both are zero, which speaks for no factor and against none.
        """
        node = self.cone.get(place)
        found = None if node is None else self.result(node, alteration)
        if found is None or not np.all(np.isfinite(found)):
            return 0.0
        if not self.tells:
            return 0.0 if np.any(found) else float("nan")
        factor = float(np.vdot(found, self.true) / np.vdot(self.true, self.true))
        close = np.abs(found - factor * self.true).max() <= self._tolerance * np.abs(found).max()
        return factor if close and (factor > 0 or not alteration.signed) else 0.0

    def result(self, node: Node, alteration: Alteration) -> Array | None:
        """The written value when one operation is altered; None where the operations after it cannot take it."""
        try:
            with np.errstate(all="ignore"):
                value = alteration.value(node, self.pool)
                if value is None:
                    return None
                found = value if node is self.written else replay([self.written], {node: value})[self.written]
                return np.asarray(found, float) if np.shape(found) == np.shape(self.true) else None
        except NOT_RUN:
            return None


def case_of(search: Search, number: int, target: Node, written: Node, sign: float) -> Case | None:
    """The case of one step; None where it says nothing, or where nothing is wrong."""
    forward, found = search.passes[number], search.cotangents(number)
    true = found.get(target)
    if (
        true is None
        or np.shape(true) != np.shape(written.value)
        or not (np.all(np.isfinite(true)) and np.any(written.value))
        or (np.any(true) and np.ptp(true) == 0)
        or _turns_later(search, forward.step, true, written)
    ):
        return None
    cone = _cone(written, forward, found, _behind_what_is_right(search, forward.step))
    return Case(written, sign * true, cone, pool_of(forward, found, search.loss, cone.values()))


def _turns_later(search: Search, step: Step, true: Array, written: Node) -> bool:
    """Is the error right as it stands, while the one statement that makes all updates goes up the loss?

    (With several such statements, the one place where all errors begin is the smaller change.)
    """
    updating = {update.after.span for update in step.updates.values()}
    right = RightValues([true]).sign(np.asarray(written.value, float)) > 0
    return right and not search.right and len(updating) == 1


def _behind_what_is_right(search: Search, step: Step) -> set[Node]:
    """What right gradients are computed from; of a number that all are divided by, such as a norm, only itself."""
    right = [update.after for name, update in step.updates.items() if name in search.right]
    numbers = {node for node in step.nodes if np.size(node.value) == 1}
    return ancestors(right, oldest=step.nodes[0].id, stop=numbers)


def _cone(
    written: Node, forward: Forward, cotangents: Mapping[Node, Array], sound: Collection[Node]
) -> dict[Place, Node]:
    """The wrong operations that lead to a written value, in order of time: none before what is right.

    sound  operations that cannot be wrong, because right gradients come from them too
    """
    right = RightValues([g for node, g in cotangents.items() if node.op != "negative"])
    start = forward.step.nodes[0].id
    cone, pending = {written}, [written]
    while pending and len(cone) < NEAREST:
        for parent in pending.pop(0).parents():
            made_here = parent.id >= start and parent.op != "leaf" and parent not in cotangents
            known = parent in cone or parent in sound or (parent.span, parent.op) in forward.sites
            if made_here and not known and not right.sign(np.asarray(parent.value, float)):
                cone.add(parent)
                pending.append(parent)
    counts: Counter[tuple[Span | None, str]] = Counter()
    placed: dict[Place, Node] = {}
    for node in sorted(cone, key=lambda item: -item.id):  # the last are met in every step
        placed[node.span, node.op, counts[node.span, node.op]] = node
        counts[node.span, node.op] += 1
    return dict(reversed(placed.items()))
