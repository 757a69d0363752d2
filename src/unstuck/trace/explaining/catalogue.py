"""The catalogue of altered rules on the way back: activations, dropout, softmax, and weights.

Every generator yields hypotheses about the error signal as it travels toward the input.  How the gradient of
one parameter is formed from that signal is the business of `unstuck.trace.explaining.formation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from unstuck.autodiff.activations import is_dropout_mask
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Rule
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import (
    Altered,
    Group,
    Hypothesis,
    Scaled,
    Search,
    Unaltered,
    groups,
    label,
    other_edges,
    value_of,
)
from unstuck.trace.explaining.inactive import about_linear_outputs
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Dropped, Linear
from unstuck.trace.explaining.places import updated_at
from unstuck.trace.explaining.slopes import about_activations
from unstuck.trace.judging.replay import replay
from unstuck.trace.reading.views import untransposed

MOST_MASKS = 6


def on_the_way_back(search: Search) -> Iterator[Hypothesis]:
    """All hypotheses about the error signal, the commonest faults first."""
    yield from about_activations(search)
    yield from about_linear_outputs(search)
    for dropped in _masks(search):
        yield from _about_mask(search, dropped)
    yield from _about_softmax(search)
    for linear in _linear(search):
        yield from _about_weights(search, linear)


def scale_of_masks(search: Search) -> Iterator[Hypothesis]:
    """A backward mask without the forward factor, for all masks together and for each."""
    pieces = groups(
        search.passes,
        lambda forward: forward.dropped,
        (lambda forward, piece: "all", lambda forward, piece: piece.d.span),
    )
    for group in pieces:
        scale = next(iter(group.values()))[0].scale
        text = f"the backward mask lacks the factor {scale:g} that the forward pass multiplies by"
        yield _about("dropout-mask-unscaled", text, group, _unscaled)


# ----- Which pieces belong together ---------------------------------------------------------------------


def _masks(search: Search) -> Iterator[Group[Dropped]]:
    return groups(
        search.passes,
        lambda forward: [piece for piece in forward.dropped if search.may_alter(forward, piece.h)],
        (
            lambda forward, piece: "all",
            lambda forward, piece: piece.d.span,
            lambda forward, piece: forward.owner(piece.h),
        ),
    )


def _linear(search: Search) -> Iterator[Group[Linear]]:
    return groups(
        search.passes,
        lambda forward: [piece for piece in forward.linear if search.may_alter(forward, piece.x)],
        (
            lambda forward, piece: "all",
            lambda forward, piece: piece.y.span,
            lambda forward, piece: piece.parameter,
        ),
    )


def _about(
    kind: str, text: str, group: Group[Dropped], rule: Callable[[Dropped], tuple[Node, list[Rule]]]
) -> Hypothesis:
    def alter(number: int) -> Altered:
        return dict(rule(piece) for piece in group.get(number, ()))

    return Hypothesis(kind, text, alter, dropped=group)


# ----- Dropout ------------------------------------------------------------------------------------------


def _about_mask(search: Search, group: Group[Dropped]) -> Iterator[Hypothesis]:
    text = "the backward pass forgets the dropout mask"
    yield _about("dropout-mask-missing", text, group, lambda piece: (piece.d, [(piece.h, lambda g: g)]))
    number, (first, *_) = next(iter(group.items()))
    step = search.step(number)
    others = [node for node in step.nodes if _is_other_mask(node, first, search.passes[number])]
    for other in others[:MOST_MASKS]:
        text = f"the backward pass multiplies by another mask ({label(other)}) than the forward pass"
        yield _with_mask(search, group, other, text)


def _is_other_mask(node: Node, piece: Dropped, forward: Forward) -> bool:
    mine = node is piece.mask or node in forward.step.tainted or node.op == "copy"
    same_shape = np.shape(node.value) == np.shape(piece.mask.value)
    return not mine and same_shape and node.span is not None and is_dropout_mask(node.value) is not None


def _with_mask(search: Search, group: Group[Dropped], other: Node, text: str) -> Hypothesis:
    def alter(number: int) -> Altered:
        pieces = group.get(number, ())
        found = [
            node for node in search.step(number).nodes if node.span == other.span and node.op == other.op
        ]
        if len(found) != len(pieces):
            return {}
        return {
            piece.d: [(piece.h, Scaled(piece.scale * (np.asarray(node.value) != 0)))]
            for piece, node in zip(pieces, found, strict=True)
            if np.shape(node.value) == np.shape(piece.h.value)
        }

    return Hypothesis("dropout-mask-redrawn", text, alter, dropped=group)


def _unscaled(piece: Dropped) -> tuple[Node, list[Rule]]:
    return piece.d, [(piece.h, Scaled(np.asarray(piece.mask.value, float) != 0))]


# ----- Softmax ------------------------------------------------------------------------------------------


def _about_softmax(search: Search) -> Iterator[Hypothesis]:
    forwards = search.passes.values()
    if not any(search.may_alter(forward, z) for forward in forwards for z, _ in forward.softmax):
        return

    def diagonal(number: int) -> Altered:
        return {p: [(z, Scaled(value_of(p) * (1 - value_of(p))))] for z, p in search.passes[number].softmax}

    def on_top(number: int) -> Altered:
        forward = search.passes[number]
        return {p: [(z, _Then(p, z, value_of(p) * (1 - value_of(p))))] for z, p in forward.softmax}

    def omitted(number: int) -> Altered:
        return {p: [(z, lambda g: g)] for z, p in search.passes[number].softmax}

    text = "the derivative of the softmax is taken to be its diagonal p(1 - p) alone"
    yield Hypothesis("softmax-diagonal", text, diagonal)
    text = "the error is multiplied by p(1 - p), although output minus target contains the softmax derivative"
    yield Hypothesis("softmax-diagonal", text, on_top)
    yield Hypothesis("softmax-derivative-one", "the derivative of the softmax is left out", omitted)


class _Then:
    """The true rule from y to an earlier value, followed by a factor."""

    def __init__(self, y: Node, target: Node, factor: Array) -> None:
        self.y, self.target, self.factor = y, target, factor

    def __call__(self, g: Array) -> Array:
        return Unaltered(self.y, self.target)(g) * self.factor


# ----- Weights ------------------------------------------------------------------------------------------


def _about_weights(search: Search, group: Group[Linear]) -> Iterator[Hypothesis]:
    names = list(dict.fromkeys(piece.parameter for pieces in group.values() for piece in pieces))
    title = names[0] if len(names) == 1 else "the weights"
    first = next(iter(group.values()))[0]
    shape = np.shape(first.w.value)
    if len(shape) == 2 and shape[0] == shape[1]:
        text = f"the error goes back through {title} instead of its transpose"
        yield _through("transpose-missing", text, search, group, lambda number, piece: value_of(piece.w).T)
    text = f"the error goes back through {title} after {'it was' if len(names) == 1 else 'they were'} updated"
    through = _through(
        "weights-already-updated", text, search, group, lambda n, piece: _updated(search, n, piece)
    )
    yield replace(through, also=updated_at([search.step(number) for number in group], names))
    for other in search.step(next(iter(group))).updates:
        if other not in names:
            text = f"the error goes back through {other} instead of {title}"
            yield _through("error-through-wrong-weights", text, search, group, _weights_of(search, other))


def _through(
    kind: str, text: str, search: Search, group: Group[Linear], weights: Callable[[int, Linear], Array | None]
) -> Hypothesis:
    """The error reaches x through other weights; the gradient of the weights themselves stays true."""

    def alter(number: int) -> Altered:
        made: Altered = {}
        for piece in group.get(number, ()):
            found = weights(number, piece)
            if found is not None and np.shape(found) == np.shape(piece.w.value):
                variant = with_operand(piece.y, piece.w, found)
                rest = other_edges(piece.y, piece.x, search.passes[number])
                made[piece.y] = [(piece.x, toward(variant, piece.x)), *rest]
        return made

    return Hypothesis(kind, text, alter)


def with_operand(y: Node, replaced: Node, value: Array) -> Node:
    """The same operation with another value for one operand."""
    stand_in = Node(replaced.id, "leaf", None, (), {}, value, None)
    args = tuple(stand_in if arg is replaced else arg for arg in y.args)
    return Node(y.id, y.op, y.fn, args, y.kwargs, y.value, y.span)


def toward(variant: Node, operand: Node) -> Callable[[Array], Array]:
    """The reverse rule of an operation that stands in for the recorded one."""
    return lambda g: Unaltered(variant, operand)(g)


def _updated(search: Search, number: int, piece: Linear) -> Array | None:
    update = search.step(number).updates.get(piece.parameter)
    return None if update is None else _as_used(piece, np.asarray(update.after.value, float))


def _weights_of(search: Search, name: str) -> Callable[[int, Linear], Array | None]:
    def weights(number: int, piece: Linear) -> Array | None:
        update = search.step(number).updates.get(name)
        if update is None or np.shape(update.before.value) != np.shape(untransposed(piece.w).value):
            return None
        return _as_used(piece, value_of(update.before))

    return weights


def _as_used(piece: Linear, value: Array) -> Array | None:
    """The value seen through the transposition (or the like) through which the layer uses its weights."""
    base = untransposed(piece.w)
    if np.shape(value) != np.shape(base.value):
        return None
    return np.asarray(replay([piece.w], {base: value})[piece.w])
