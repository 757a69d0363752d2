"""How the gradient of one parameter is formed: from which error, and with which input of its layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.trace.explaining.catalogue import toward, with_operand
from unstuck.trace.explaining.directions import RightValues
from unstuck.trace.explaining.hypotheses import Hypothesis, Search, Unaltered, label, value_of
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated
from unstuck.trace.explaining.slopes import Slope, slopes_instead_of
from unstuck.trace.explaining.sums import ELEMENTWISE, sums
from unstuck.trace.explaining.uses import Back, Formed, Use, constantly, formed, uses_of

ONE = "activation-derivative-one"
MOST_PLACES = 40  # places whose values are tried as the input, or as the error, of a gradient
MOST_ROUNDS = 8  # of values that one place makes in turn (one per layer, say)
Place = tuple[object, int, int]
"""Where values are made; of these, the first that counts, and every how many (0: one value serves for all uses)."""


def of_one_gradient(search: Search) -> Iterator[Hypothesis]:
    """All hypotheses about single gradients; those about sums also for all wrong gradients together."""
    names = sorted(search.wrong)
    if len(names) > 1:
        yield from sums(search, names)
    for name in names:
        uses = {number: table for number, table in uses_of(search, name).items() if table}
        yield from sums(search, [name])
        if uses:
            yield from _inputs(search, name, uses)
            yield from _slopes(search, name, uses)
            yield from _errors(search, name, uses)


# ----- The input ----------------------------------------------------------------------------------------


def _inputs(search: Search, name: str, uses: Mapping[int, list[Use]]) -> Iterator[Hypothesis]:
    """The gradient is formed with another value than the one that entered the layer."""
    number, first = next((number, table[0]) for number, table in uses.items())
    true = first.input
    if true is None:
        return
    known = _known(search, number)
    for place in _places(known, np.shape(true.value), [use.input for use in uses[number]]):
        sample = _at(known, place, 1)[0]
        text = f"the gradient of {name} is formed with {label(sample)} instead of {label(true)}"
        yield formed(search, "wrong-layer-input", text, [name], _entering(search, place))


def _entering(search: Search, place: Place) -> Formed:
    def rule(number: int, uses: Sequence[Use]) -> Sequence[Back | None]:
        values = _at(_known(search, number), place, len(uses))
        return (
            [_entered(*pair) for pair in zip(uses, values, strict=True)] if len(values) == len(uses) else []
        )

    return rule


def _entered(use: Use, value: Node) -> Back | None:
    if use.input is None or np.shape(value.value) != np.shape(use.input.value):
        return None
    return toward(with_operand(use.y, use.input, value_of(value)), use.operand)


def _known(search: Search, number: int) -> list[Node]:
    """Values that may serve as an input: those of the forward pass, and data."""
    forward = search.passes[number]
    return [n for n in forward.step.nodes if n in forward.nodes or n not in forward.step.tainted]


# ----- The error ----------------------------------------------------------------------------------------


def _slopes(search: Search, name: str, uses: Mapping[int, list[Use]]) -> Iterator[Hypothesis]:
    """The derivative of the activation is altered in this gradient and in no other."""
    number, first = next((number, table[0]) for number, table in uses.items())
    piece = _activation_after(search.passes[number], first.y)
    if piece is not None:
        for kind, text, slope in slopes_instead_of(piece.activation):
            text = f"in the gradient of {name} alone, {text}"
            taken = _taken_instead(search, number, piece) if kind == ONE else None
            if taken is not None:
                kind, text = "wrong-operand", f"{taken} belongs: {text}"
            yield formed(search, kind, text, [name], _sloping(search, slope))


def _taken_instead(search: Search, number: int, piece: Activated) -> str | None:
    """`a stands where b`, by the names of the error behind an activation and of the one before it, if both have one."""
    found, forward = search.cotangents(number), search.passes[number]
    if piece.h not in found or piece.z not in found:
        return None
    errors = RightValues([found[piece.h]]), RightValues([found[piece.z]])
    written = [
        node
        for node in forward.step.nodes
        if node.names and node in forward.step.backward and np.shape(node.value) == np.shape(piece.h.value)
    ]
    behind, before = (
        next((node.names[-1] for node in written if each.sign(value_of(node))), None) for each in errors
    )
    return f"{behind} stands where {before}" if behind and before and behind != before else None


def _sloping(search: Search, slope: Slope) -> Formed:
    return lambda number, uses: [_sloped(search, number, use, slope) for use in uses]


def _sloped(search: Search, number: int, use: Use, slope: Slope) -> Back | None:
    piece = _activation_after(search.passes[number], use.y)
    g = search.cotangents(number).get(piece.h) if piece is not None else None
    factor = slope(piece) if piece is not None else None
    if piece is None or g is None or factor is None or np.shape(piece.z.value) != np.shape(use.y.value):
        return None
    turned = -1.0 if piece.activation.turned and not _is_turned(piece, use.y) else 1.0
    return constantly(Unaltered(use.y, use.operand)(g * factor * turned), use.operand)


def _activation_after(forward: Forward, y: Node) -> Activated | None:
    """The activation whose pre-activation is y, y plus a bias, or the negative of that."""
    near = (
        a
        for a in forward.activated
        if a.z is y or (a.z.op in ELEMENTWISE and (y in a.z.parents() or _is_turned(a, y)))
    )
    return next(near, None)


def _is_turned(piece: Activated, y: Node) -> bool:
    """Is it the function of the negative of y, without or with a bias, where what it takes has a minus itself?"""
    return piece.activation.turned and any(
        part.op == "negative" and part.args[0] is y for part in (piece.z, *piece.z.parents())
    )


def _errors(search: Search, name: str, uses: Mapping[int, list[Use]]) -> Iterator[Hypothesis]:
    """The gradient is formed with the error of another layer."""
    number, first = next((number, table[0]) for number, table in uses.items())
    kind = "bias-of-other-layer" if first.y.op in ELEMENTWISE else "wrong-layer-error"
    known = _with_cotangent(search, number)
    for place in _places(known[::-1], np.shape(first.y.value), [use.y for use in uses[number]][::-1]):
        sample = _at(known, place, 1)[0]
        text = (
            f"the gradient of {name} is formed with the error of {label(sample)} instead of its own layer's"
        )
        yield formed(search, kind, text, [name], _erring(search, place))


def _erring(search: Search, place: Place) -> Formed:
    def rule(number: int, uses: Sequence[Use]) -> Sequence[Back | None]:
        found = search.cotangents(number)
        nodes = _at(_with_cotangent(search, number), place, len(uses))
        if [np.shape(node.value) for node in nodes] != [np.shape(use.y.value) for use in uses]:
            return []
        return [
            constantly(Unaltered(use.y, use.operand)(found[node]), use.operand)
            for use, node in zip(uses, nodes, strict=True)
        ]

    return rule


def _with_cotangent(search: Search, number: int) -> list[Node]:
    """The values by which somebody may take a derivative: not those inside of an activation."""
    interior = search.passes[number].interior
    return sorted(search.cotangents(number).keys() - interior, key=lambda item: item.id)


# ----- Corresponding values in every step ---------------------------------------------------------------


def _places(nodes: Sequence[Node], shape: tuple[int, ...], own: Sequence[Node | None]) -> Iterator[Place]:
    """Places that make one value of this shape for every use, or one for all, other than the values used."""
    made: dict[object, list[Node]] = defaultdict(list)
    for node in nodes:
        made[node.span, node.op].append(node)
    found = 0
    for where, listed in made.items():
        stride, rest = divmod(len(listed), len(own))
        starts = 1 if len(listed) == 1 else min(stride, MOST_ROUNDS) if not rest else 0
        for start in range(starts):
            chosen = listed[start::stride] if stride else listed * len(own)
            if np.shape(chosen[0].value) == shape and chosen != list(own) and found < MOST_PLACES:
                found += 1
                yield where, start, stride


def _at(nodes: Sequence[Node], place: Place, count: int) -> list[Node]:
    """What a place makes in one step, for so many uses."""
    where, start, stride = place
    made = [node for node in nodes if (node.span, node.op) == where]
    return made[start::stride] if stride else made * count
