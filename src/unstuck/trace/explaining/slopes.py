"""Altered derivatives of activations: what the error may have been multiplied by instead of f'(z)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from unstuck.autodiff.activations import ACTIVATIONS, Activation, Elementwise, leaky_relu
from unstuck.facts import Array
from unstuck.trace.explaining.derivative_places import written_factors
from unstuck.trace.explaining.hypotheses import (
    Altered,
    Group,
    Hypothesis,
    Scaled,
    Search,
    groups,
    label,
    value_of,
)
from unstuck.trace.explaining.pieces import Activated

Slope = Callable[[Activated], Array | None]
Variant = tuple[str, str, Slope]  # kind, text, what the error is multiplied by
OTHERS = (
    *(ACTIVATIONS[name] for name in ("relu", "sigmoid", "tanh")),
    *map(leaky_relu, (0.01, 0.05, 0.1, 0.2)),
)
TITLES = {"relu": "ReLU", "leaky-relu": "leaky ReLU"}


def about_activations(search: Search) -> Iterator[Hypothesis]:
    """Every altered derivative, at all activations of one function together, at one place, and at one layer."""
    found = groups(
        search.passes,
        lambda forward: [piece for piece in forward.activated if search.may_alter(forward, piece.z)],
        (
            lambda forward, piece: (
                piece.activation.name,
                piece.activation.parameter,
                piece.activation.turned,
            ),
            lambda forward, piece: piece.place,
            lambda forward, piece: forward.owner(piece.z),
        ),
    )
    alike = list(found)
    for group in alike:
        piece = next(iter(group.values()))[0]
        for kind, text, slope in (*slopes_instead_of(piece.activation), *_slopes_elsewhere(search, group)):
            yield _with_slope(kind, text, slope, group)
    yield from _of_all_functions(search, alike)
    for group in alike:  # only what has no name
        piece = next(iter(group.values()))[0]
        yield _with_slope(*_slope_as_written(search, piece.activation), group)


def _of_all_functions(search: Search, alike: Sequence[Group[Activated]]) -> Iterator[Hypothesis]:
    """One line for the derivatives of several functions: what it puts in the place of every one of them."""
    names = {piece.activation.name for group in alike for pieces in group.values() for piece in pieces}
    whole = groups(
        search.passes,
        lambda forward: [piece for piece in forward.activated if search.may_alter(forward, piece.z)],
        (lambda forward, piece: "all",),
    )
    for group in whole if len(names) > 1 else ():
        kind = "activation-derivative"
        ones = "the derivatives of all activations are 1 everywhere"
        yield _with_slope(f"{kind}-one", ones, lambda a: np.ones(np.shape(a.h.value)), group)
        values = "the error is multiplied by the activations themselves, not by their derivatives"
        yield _with_slope(f"{kind}-value", values, at_h(lambda h: h), group)
        before = "the error is multiplied by the pre-activations, not by derivatives"
        yield _with_slope(f"{kind}-value", before, at_z(lambda z: z), group)


def _with_slope(kind: str, text: str, slope: Slope, group: Group[Activated]) -> Hypothesis:
    def alter(number: int) -> Altered:
        made: Altered = {}
        for piece in group.get(number, ()):
            factor = slope(piece)
            if factor is not None and np.shape(factor) == np.shape(piece.z.value):
                made[piece.h] = [(piece.z, Scaled(-factor if piece.activation.turned else factor))]
        return made

    return Hypothesis(kind, text, alter, activated=group)


# ----- What stands for the derivative -------------------------------------------------------------------


def slopes_instead_of(activation: Activation) -> Iterator[Variant]:
    """What the error may be multiplied by instead of the derivative of this activation, commonest first."""
    title = TITLES.get(activation.name, activation.name)
    kind = "activation-derivative"
    yield f"{kind}-one", f"the {title} derivative is 1 everywhere", lambda a: np.ones(np.shape(a.h.value))
    text = f"the {title} derivative, a function of the pre-activation, is evaluated at the activation"
    yield f"{kind}-of-output", text, at_h(activation.derivative)
    if activation.from_output is not None:
        text = f"the {title} derivative, written in terms of the output, is evaluated at the pre-activation"
        yield f"{kind}-at-pre-activation", text, at_z(activation.from_output)
        text = f"the {title} derivative is evaluated at the activation after dropout"
        yield f"{kind}-of-dropped", text, _at_dropped(activation.from_output)
        yield f"{kind}-of-dropped", text, _at_dropped(activation.derivative)
    yield from _of_another_function(activation, title)
    if activation.name == "relu":
        text = f"the {title} derivative is the wrong way round: 0 where it should be 1, and 1 where it should be 0"
        yield f"{kind}-reversed", text, at_z(lambda z: 1.0 - activation.derivative(z))
    twice = at_z(lambda z: activation.derivative(z) ** 2)
    yield f"{kind}-squared", f"the {title} derivative is applied twice", twice
    text = "the error is multiplied by the activation itself, not by its derivative"
    yield f"{kind}-value", text, at_h(lambda h: h)
    text = "the error is multiplied by the pre-activation, not by a derivative"
    yield f"{kind}-value", text, at_z(lambda z: z)


def at_z(function: Elementwise) -> Slope:
    """The function of the pre-activation."""
    return lambda a: function(value_of(a.z))


def at_h(function: Elementwise) -> Slope:
    """The function of the activation."""
    return lambda a: function(value_of(a.h))


def _at_dropped(function: Elementwise) -> Slope:
    return lambda a: function(value_of(a.dropped)) if a.dropped is not None else None


def _of_another_function(activation: Activation, title: str) -> Iterator[Variant]:
    kind = "activation-derivative-of-another"
    for other in OTHERS:
        if (other.name, other.parameter) == (activation.name, activation.parameter):
            continue
        if other.parameter is not None and activation.parameter is not None:
            text = f"the {title} derivative has the slope {other.parameter:g} instead of {activation.parameter:g}"
            if np.isclose(other.parameter, activation.parameter**2):
                text += " (as it would if it were applied twice)"
        else:
            name = f"leaky ReLU of slope {other.parameter:g}" if other.parameter else other.name
            text = f"the {title} derivative is taken to be that of {name}"
        yield kind, text, at_z(other.derivative)
        if other.from_output is not None:
            yield kind, f"{text}, written in terms of the output", at_h(other.from_output)


def _slopes_elsewhere(search: Search, group: Group[Activated]) -> Iterator[Variant]:
    """The derivative is evaluated at the values of another layer of the same shape."""
    number, mine = next(iter(group.items()))
    for other in search.passes[number].activated:
        if other not in mine and np.shape(other.z.value) == np.shape(mine[0].z.value):
            text = f"the derivative is evaluated at {label(other.z)}, the values of another layer"
            yield "activation-derivative-of-another", text, _at_twin(_twins(search, group, other, number))


def _at_twin(twins: dict[Activated, Activated]) -> Slope:
    def slope(a: Activated) -> Array | None:
        twin = twins.get(a)
        return None if twin is None else twin.activation.derivative(value_of(twin.z))

    return slope


def _twins(
    search: Search, group: Group[Activated], other: Activated, number: int
) -> dict[Activated, Activated]:
    """For every piece of a group the piece of the same step that is to it as `other` is to the group's first."""
    key = search.passes[number].owner(other.z), other.place
    found: dict[Activated, Activated] = {}
    for step, mine in group.items():
        forward = search.passes[step]
        theirs = [piece for piece in forward.activated if (forward.owner(piece.z), piece.place) == key]
        if len(theirs) == len(mine):
            found.update(zip(mine, theirs, strict=True))
    return found


def _slope_as_written(search: Search, activation: Activation) -> Variant:
    """Whatever the script itself multiplies the error by at this place."""
    title = TITLES.get(activation.name, activation.name)
    passes = {piece: forward for forward in search.passes.values() for piece in forward.activated}

    def slope(a: Activated) -> Array | None:
        factors = written_factors(passes[a], a)
        return np.prod([value_of(factor) for factor in factors], axis=0) if factors else None

    return (
        "activation-derivative-wrong",
        f"the error is multiplied by something else than the {title} derivative",
        slope,
    )
