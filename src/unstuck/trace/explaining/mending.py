"""What a line of the backward pass should have computed: one operation altered, and the truth comes out.

When it is known which value of the script stands for which error (see `unstuck.trace.explaining.forcing`), the
few operations that made this value are run again with one of them altered: another operator, another operand
from the same step, an operand left out or put in, another axis.  The simplest alteration after which the true
error appears, in several steps and with one and the same factor, says what is wrong in the words of the script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.alteration import Alteration
from unstuck.trace.explaining.alterations import FAMILIES
from unstuck.trace.explaining.case import Case, Place, case_of
from unstuck.trace.explaining.derivative_places import computed_from
from unstuck.trace.explaining.directions import DIRECTION
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.hypotheses import Search, Unaltered, value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated
from unstuck.trace.explaining.places import place_of
from unstuck.trace.judging.matching import STEADY, match
from unstuck.trace.judging.statements import statement_of
from unstuck.trace.reading.views import CONTRACTIONS, untransposed

DEEPEST = 3  # values of the forward pass that one written error may belong to
MOST_CASES = 8  # steps that are looked at
STEPS = 4  # in which an alteration must give the truth
LEAST_STEPS = 2
# Kinds that may concern the formula of a derivative.
OF_FORMULAS = {"operator", "factor-extra", "term-extra", "sign", "wrong-operand", "wrong-number"}


def mended(
    search: Search,
    forced: Forced,
    refuted: Callable[[Node, Alteration], bool] = lambda node, alteration: False,
) -> Forced:
    """The hypothesis with the kind, the words and the place of the alteration that mends it, if there is one.

    refuted  does an alteration of the operation, in all its rounds, leave the gradients wrong?
    One that does so with the same factor in every step is believed before one whose factor changes.
    """
    for depth in range(DEEPEST):
        cases = list(islice(_cases(search, forced, depth), MOST_CASES))
        telling = [each for each in cases if each[1].tells]
        if not telling or len(cases) < LEAST_STEPS:
            break
        (number, first), *others = (telling + [each for each in cases if each not in telling])[:STEPS]
        found = _simplest(first, [case for _, case in others], refuted)
        if found is not None:
            return _told(forced, *found, first, search.passes[number])
    return forced


def _simplest(
    first: Case, others: Sequence[Case], refuted: Callable[[Node, Alteration], bool]
) -> tuple[Node, Alteration] | None:
    """The first operation and alteration that give the truth in all cases, with one factor if there is such a one."""
    best: tuple[Node, Alteration] | None = None
    for place, node, alteration in _tried(first):
        factors = _factors(place, alteration, first, others)
        if not factors or refuted(node, alteration):
            continue
        if _steady(factors):
            return node, alteration
        if best is None:
            best = node, alteration
    return best


def _tried(case: Case) -> Iterator[tuple[Place, Node, Alteration]]:
    """Every altered operation, the simplest alterations first; of one family, the earliest operation first."""
    for family in FAMILIES:
        for place, node in case.cone.items():
            yield from ((place, node, alteration) for alteration in family(node, case))


def _factors(place: Place, alteration: Alteration, first: Case, others: Sequence[Case]) -> list[float]:
    """The factors to the truth in all cases; none where one case is not mended, or another sign is needed there."""
    factors = [first.factor(place, alteration)]
    for case in others if factors[0] else ():
        factor = case.factor(place, alteration)
        if factor * factors[0] <= 0:
            return []
        factors.append(factor)
    return [factor for factor in factors if np.isfinite(factor)] if factors[0] else []


def _steady(factors: Sequence[float]) -> bool:
    sizes = [abs(factor) for factor in factors]
    return max(sizes) - min(sizes) <= STEADY * max(sizes)


def _cases(search: Search, forced: Forced, depth: int) -> Iterator[tuple[int, Case]]:
    """The steps, from the first on, in which something is written; of the places it may belong to, this one."""
    for number in search.passes:
        for target, written in _telling_pair(search, number, forced):
            behind = list(islice(_as_well(search, number, target, written), depth, depth + 1))
            case = case_of(search, number, behind[0], written, forced.sign) if behind else None
            if case is not None:
                yield number, case


def _telling_pair(search: Search, number: int, forced: Forced) -> Sequence[tuple[Node, Node]]:
    """One value with its written error: of several rounds the first in which that is no multiple of the true error.

    (Where the last round of a recurrent network gets nothing from a later one, what is wrong with the sum of both does
    not show, and any operator would do.)
    """
    true, pairs = search.cotangents(number), forced.pairs(number)
    wrong = (pair for pair in pairs if pair[0] in true and not _is_multiple(pair[1].value, true[pair[0]]))
    return [next(wrong, pairs[0])] if pairs else []


def _is_multiple(written: Any, true: Array) -> bool:
    found = match(np.asarray(written, float), true)
    return found.vacuous or min(found.residual, found.mirrored) <= DIRECTION


def _as_well(search: Search, number: int, target: Node, written: Node) -> Iterator[Node]:
    """The values of which the written one may be the error: as that of max(z, 0), x * (z > 0) is that of z as well."""
    forward, error = search.passes[number], value_of(written)
    yield target
    true = search.cotangents(number)
    while (before := _only_operand(target, forward)) is not None and before in true:
        if not np.array_equal(Unaltered(target, before)(error), error):
            return
        if not np.array_equal(true[before], true[target]):
            yield before
        target = before


def _only_operand(node: Node, forward: Forward) -> Node | None:
    """The one operand of an element-wise operation that depends on the parameters."""
    parents = [parent for parent in dict.fromkeys(node.parents()) if parent in forward.nodes]
    alike = len(parents) == 1 and np.shape(parents[0].value) == np.shape(node.value)
    return parents[0] if alike and node.op not in CONTRACTIONS else None


# ----- In words -----------------------------------------------------------------------------------------


def _told(forced: Forced, node: Node, alteration: Alteration, case: Case, forward: Forward) -> Forced:
    """The hypothesis in the words of the alteration; what the error is multiplied by as f'(z) is a derivative."""
    kind, culprit = alteration.kind, alteration.culprit
    if kind in OF_FORMULAS and any(
        _is_slope(node, alteration, piece, case, forward) for piece in forward.activated
    ):
        kind = "activation-derivative-wrong"
    made = statement_of(culprit) if culprit is not None and culprit not in forward.nodes else None
    also = (made,) if made is not None and made != node.span else ()
    place, lent = place_of(node, alteration, forward) or forced.place, not alteration.signed
    if alteration.of_itself and culprit in forward.nodes and len(culprit.bound) > 1:  # `delta = output`
        place, also = culprit.bound[-1], (node.span,) if node.span is not None else ()
    return replace(
        forced,
        kind=kind,
        text=alteration.text,
        place=place,
        also=also,
        lent=lent,
        of_itself=alteration.of_itself,
    )


def _is_slope(node: Node, alteration: Alteration, piece: Activated, case: Case, forward: Forward) -> bool:
    """Is the mended operation a function of this activation alone, element by element, that the error is multiplied by?

    (As the input of a matrix product, the activation is what the layer has taken in.)
    """
    family = computed_from(forward.step, piece)
    own = [parent for parent in node.parents() if parent in forward.step.tainted]
    data = [parent for parent in node.parents() if parent not in own and np.size(parent.value) > 1]
    compared = node.op in ("add", "subtract") and any(np.ptp(value_of(each)) for each in data)
    if node.op in CONTRACTIONS or compared:  # with targets, say
        return False
    belonging = [alteration.item.node] if alteration.item is not None else []
    kept = [parent for parent in own if parent is not alteration.culprit]
    taken = [each for each in (*kept, *belonging) if each is not None and each in forward.step.tainted]
    if not (taken or own) or not all(each in family for each in taken or own):
        return False
    inside, pending = {node}, [node]
    while pending:
        current = pending.pop()
        for after in case.cone.values():
            if current in after.parents() and after not in inside:
                if after.op in CONTRACTIONS:
                    return False
                if after in family or untransposed(after) is not after:
                    inside.add(after)
                    pending.append(after)
    return True
