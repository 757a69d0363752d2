"""What a line of the backward pass should have computed: one operation altered, and the truth comes out.

When it is known which value of the script stands for which error (see `unstuck.trace.explaining.forcing`), the
few operations that made this value are run again with one of them altered: another operator, another operand
from the same step, an operand left out or put in, another axis.  An alteration after which the true error appears,
in several steps, says what is wrong in the words of the script.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array
from unstuck.trace.explaining.alterations import Alteration, Pool, alterations, pool_of
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.hypotheses import Search
from unstuck.trace.explaining.localise import RightValues, computed_from
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.places import statement_of
from unstuck.trace.judging.replay import replay
from unstuck.trace.reading.written import Step

NEAREST = 12  # operations before the wrong value that are tried
STEPS = 4  # in which an alteration must give the truth
LEAST_STEPS = 2
# Kinds that may concern the formula of a derivative.
OF_FORMULAS = {"operator", "factor-extra", "sign", "wrong-operand", "wrong-number"}


def mended(search: Search, forced: Forced) -> Forced:
    """The hypothesis with the kind, the words and the place of the alteration that mends it, if there is one."""
    cases = list(islice(_cases(search, forced), STEPS))
    if len(cases) < LEAST_STEPS:
        return forced
    first, *others = cases
    for index, node in enumerate(first.cone):
        for alteration in alterations(node, first.pool):
            if first.gives(index, alteration) and all(case.gives(index, alteration) for case in others):
                return _told(forced, node, alteration, first.forward)
    return forced


def _told(forced: Forced, node: Node, alteration: Alteration, forward: Forward) -> Forced:
    """The hypothesis in the words of the alteration; what is computed from one activation alone is its derivative."""
    kind, culprit = alteration.kind, alteration.culprit
    inside = any(node in computed_from(forward.step, piece) for piece in forward.activated)
    if inside and kind in OF_FORMULAS:
        kind = "activation-derivative-wrong"
    made = statement_of(culprit) if culprit is not None and culprit not in forward.nodes else None
    also = (made,) if made is not None and made != node.span else ()
    return replace(forced, kind=kind, text=alteration.text, place=node.span or forced.place, also=also)


class _Case:
    """One wrong value of one step: the true one, the operations that made it, and what else is at hand there."""

    def __init__(
        self, written: Node, true: Array, cone: Sequence[Node], pool: Pool, forward: Forward
    ) -> None:
        self.written, self.cone, self.pool, self.forward = written, cone, pool, forward
        self._right = RightValues([true])

    def gives(self, index: int, alteration: Alteration) -> bool:
        """Does the altered operation make the written value a multiple of the true one?"""
        if index >= len(self.cone):
            return False
        node = self.cone[index]
        try:
            with np.errstate(all="ignore"):
                value = alteration.value(node, self.pool)
                if value is None:
                    return False
                found = replay([self.written], {node: value})[self.written]
        except (TypeError, ValueError, AttributeError, KeyError, IndexError):
            return False  # another shape than the operations after it can take
        return (
            np.shape(found) == np.shape(self.written.value) and self._right.sign(np.asarray(found, float)) > 0
        )


def _cases(search: Search, forced: Forced) -> Iterator[_Case]:
    """The steps, from the first on, in which both the written and the true value say something."""
    for number, forward in search.passes.items():
        pairs = forced.pairs(number)
        if not pairs:
            continue
        target, written = pairs[0]
        found = search.cotangents(number)
        true = found.get(target)
        if (
            true is None
            or np.shape(true) != np.shape(written.value)
            or not (np.any(true) and np.any(written.value))
        ):
            continue
        if _turns_later(search, forward.step, true, written):
            continue
        cone = _cone(written, forward, found, _behind_what_is_right(search, forward.step))
        yield _Case(written, forced.sign * true, cone, pool_of(forward, found), forward)


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
) -> list[Node]:
    """The wrong operations that lead to a written value, in order of time: none before what is right.

    sound  operations that cannot be wrong, because right gradients come from them too
    """
    right = RightValues([g for node, g in cotangents.items() if node.op != "negative"])
    start = forward.step.nodes[0].id
    cone, pending = {written}, [written]
    while pending and len(cone) < NEAREST:
        for parent in pending.pop(0).parents():
            made_here = parent.id >= start and parent.op != "leaf" and parent not in cotangents
            known = parent in cone or parent in sound
            if made_here and not known and not right.sign(np.asarray(parent.value, float)):
                cone.add(parent)
                pending.append(parent)
    return sorted(cone, key=lambda node: node.id)
