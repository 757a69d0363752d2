"""What a wrong backward pass may have computed instead: local rules of calculus, altered one at a time.

Each hypothesis says in words what was altered and gives, for every step, the overrides with which the reverse
pass is run again.  Whether it is true is decided by numbers alone: it must reproduce what the script wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.activations import ACTIVATIONS, Activation, leaky_relu
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Overrides, Rule, backward
from unstuck.facts import Array
from unstuck.trace.macros import Activated, Dropped, Forward, Linear

Slope = Callable[[Activated], Array | None]
OTHERS = ("relu", "sigmoid", "tanh")
MOST_INPUTS = 12


@dataclass(frozen=True)
class Hypothesis:
    """One altered rule at one place of the program (all its rounds), or at one layer among several.

    kind       a name that later floors understand, such as "activation-derivative-one"
    text       what the backward pass does according to this hypothesis
    overrides  by step number
    pieces     the pieces of the forward pass that it speaks of, by step number
    """

    kind: str
    text: str
    overrides: Mapping[int, Overrides]
    pieces: Mapping[int, tuple[Activated | Dropped | Linear, ...]]


def hypotheses(passes: Sequence[Forward], wrong: set[str]) -> Iterator[Hypothesis]:
    """All hypotheses about these forward passes, the commonest faults first."""
    for group in _groups([forward.activated for forward in passes], passes):
        yield from _about_activation(group)
    for dropped in _groups([forward.dropped for forward in passes], passes):
        yield _altered(
            "dropout-mask-missing", "the backward pass forgets the dropout mask", dropped, _mask_missing
        )
        text = "the backward mask lacks the factor {scale:g} that the forward pass multiplies by"
        first = next(iter(dropped.values()))[0]
        yield _altered("dropout-mask-unscaled", text.format(scale=first.scale), dropped, _mask_unscaled)
    for linear in _groups([forward.linear for forward in passes], passes):
        yield from _about_linear(linear, passes, wrong)


Group = dict[int, tuple]  # type: ignore[type-arg]


def _groups(pieces: Sequence[tuple], passes: Sequence[Forward]) -> Iterator[Group]:  # type: ignore[type-arg]
    """Pieces that share a rule: first all of one kind, then those of each layer on its own."""
    steps = [forward.step.number for forward in passes]
    together = {number: found for number, found in zip(steps, pieces, strict=True) if found}
    if not together:
        return
    counts = {len(found) for found in together.values()}
    most = max(counts)
    if not isinstance(next(iter(together.values()))[0], Linear):
        yield together
    if most > 1 or isinstance(next(iter(together.values()))[0], Linear):
        for index in range(min(most, 8)):
            alone = {n: (found[index],) for n, found in together.items() if len(found) == most}
            if alone:
                yield alone


def _altered(
    kind: str, text: str, group: Group, rule: Callable[..., tuple[Node, list[Rule]] | None]
) -> Hypothesis:
    overrides: dict[int, Overrides] = {}
    for number, pieces in group.items():
        found = [made for piece in pieces if (made := rule(piece)) is not None]
        overrides[number] = dict(found)
    return Hypothesis(kind, text, overrides, group)


# ----- Activations --------------------------------------------------------------------------------------


def _about_activation(group: Group) -> Iterator[Hypothesis]:
    name = next(iter(group.values()))[0].activation.name
    title = {"relu": "ReLU", "leaky-relu": "leaky ReLU"}.get(name, name)
    for kind, text, slope in _slopes():
        yield _altered(f"activation-derivative-{kind}", text.format(title=title), group, _with_slope(slope))
    for other in (*(ACTIVATIONS[key] for key in OTHERS), *map(leaky_relu, (0.01, 0.05, 0.1, 0.2))):
        label = f"leaky ReLU of slope {other.parameter:g}" if other.parameter else other.name
        text = f"the {title} derivative is taken to be that of {label}"
        yield _altered("activation-derivative-of-another", text, group, _with_slope(_at_z(other)))
        if other.from_output is not None:
            text += ", written in terms of the output"
            yield _altered("activation-derivative-of-another", text, group, _with_slope(_at_h(other)))


def _slopes() -> list[tuple[str, str, Slope]]:
    return [
        ("one", "the {title} derivative is 1 everywhere", lambda a: np.ones(np.shape(a.h.value))),
        (
            "of-output",
            "the {title} derivative, a function of the pre-activation, is evaluated at the activation",
            lambda a: a.activation.derivative(_value(a.h)),
        ),
        (
            "at-pre-activation",
            "the {title} derivative, written in terms of the output, is evaluated at the pre-activation",
            lambda a: a.activation.from_output(_value(a.z)) if a.activation.from_output else None,
        ),
        (
            "squared",
            "the {title} derivative is applied twice",
            lambda a: a.activation.derivative(_value(a.z)) ** 2,
        ),
        (
            "of-dropped",
            "the {title} derivative is evaluated at the activation after dropout",
            lambda a: (
                a.activation.from_output(_value(a.dropped))
                if a.dropped and a.activation.from_output
                else None
            ),
        ),
        (
            "of-dropped",
            "the {title} derivative is evaluated at the activation after dropout",
            lambda a: a.activation.derivative(_value(a.dropped)) if a.dropped else None,
        ),
        (
            "negative",
            "the {title} derivative has the wrong sign",
            lambda a: -a.activation.derivative(_value(a.z)),
        ),
        (
            "value",
            "the error is multiplied by the activation itself, not by its derivative",
            lambda a: _value(a.h),
        ),
        (
            "value",
            "the error is multiplied by the pre-activation, not by a derivative",
            lambda a: _value(a.z),
        ),
    ]


def _at_z(other: Activation) -> Slope:
    return lambda a: other.derivative(_value(a.z)) if other.name != a.activation.name else None


def _at_h(other: Activation) -> Slope:
    if other.from_output is None:
        return lambda a: None
    form = other.from_output
    return lambda a: form(_value(a.h))


def _with_slope(slope: Slope) -> Callable[[Activated], tuple[Node, list[Rule]] | None]:
    def rule(piece: Activated) -> tuple[Node, list[Rule]] | None:
        with np.errstate(all="ignore"):
            factor = slope(piece)
        if factor is None:
            return None
        return piece.h, [(piece.z, lambda g: g * factor)]

    return rule


# ----- Dropout ------------------------------------------------------------------------------------------


def _mask_missing(piece: Dropped) -> tuple[Node, list[Rule]]:
    return piece.d, [(piece.h, lambda g: g)]


def _mask_unscaled(piece: Dropped) -> tuple[Node, list[Rule]]:
    kept = np.asarray(piece.mask.value, float) != 0
    return piece.d, [(piece.h, lambda g: g * kept)]


# ----- Linear layers ------------------------------------------------------------------------------------


def _about_linear(group: Group, passes: Sequence[Forward], wrong: set[str]) -> Iterator[Hypothesis]:
    by_number = {forward.step.number: forward for forward in passes}
    first = next(iter(group.values()))[0]
    name, number = first.parameter, next(iter(group))
    if _is_square(first.w):
        text = f"the error goes back through {name} instead of its transpose"
        yield _altered("transpose-missing", text, group, lambda p: _through(p, _value(p.w).T))
    text = f"the error goes back through {name} after it was updated"
    updated = {n: by_number[n].step.updates for n in group}
    yield _per_step("weights-already-updated", text, group, lambda n, p: _through(p, _after(updated[n], p)))
    for other, update in by_number[number].step.updates.items():
        if other != name and np.shape(update.before.value) == np.shape(first.w.value):
            text = f"the error goes back through {other} instead of {name}"
            yield _per_step(
                "error-through-wrong-weights",
                text,
                group,
                lambda n, p, o=other: _through(p, _other(updated[n], o)),
            )
    if name in wrong:
        yield from _about_input(group, by_number)


def _about_input(group: Group, by_number: Mapping[int, Forward]) -> Iterator[Hypothesis]:
    """The weight gradient uses another layer's value than the one that entered the layer."""
    number, (first,) = next(iter(group.items()))
    nodes = [n for n in by_number[number].step.nodes if n in by_number[number].nodes and n is not first.x]
    same = [n for n in nodes if np.shape(n.value) == np.shape(first.x.value) and n.span is not None][
        :MOST_INPUTS
    ]
    for candidate in same:
        label = candidate.names[-1] if candidate.names else f"the value of line {candidate.span.line}"  # type: ignore[union-attr]
        true = first.x.names[-1] if first.x.names else "the layer's input"
        order = [n for n in nodes if n.span == candidate.span].index(candidate)

        def rule(n: int, piece: Linear, span=candidate.span, order=order) -> tuple[Node, list[Rule]] | None:  # type: ignore[no-untyped-def]
            found = [
                node for node in by_number[n].step.nodes if node.span == span and node in by_number[n].nodes
            ]
            return _entered_by(piece, found[order].value) if order < len(found) else None

        text = f"the gradient of {first.parameter} is formed with {label} instead of {true}"
        yield _per_step("wrong-layer-input", text, group, rule)


def _per_step(
    kind: str, text: str, group: Group, rule: Callable[..., tuple[Node, list[Rule]] | None]
) -> Hypothesis:
    overrides: dict[int, Overrides] = defaultdict(dict)
    for number, pieces in group.items():
        overrides[number] = dict(made for piece in pieces if (made := rule(number, piece)) is not None)
    return Hypothesis(kind, text, overrides, group)


def _through(piece: Linear, weights: Array | None) -> tuple[Node, list[Rule]] | None:
    """The error reaches x through other weights; the gradient of w itself stays true."""
    if weights is None or np.shape(weights) != np.shape(piece.w.value):
        return None
    variant = _variant(piece, piece.w, weights)
    return piece.y, [(piece.x, _toward(variant, piece.x)), (piece.w, _toward(piece.y, piece.w))]


def _entered_by(piece: Linear, value: Array) -> tuple[Node, list[Rule]] | None:
    """The gradient of w is formed with another input; the error that goes back stays true."""
    if np.shape(value) != np.shape(piece.x.value):
        return None
    variant = _variant(piece, piece.x, value)
    return piece.y, [(piece.x, _toward(piece.y, piece.x)), (piece.w, _toward(variant, piece.w))]


def _variant(piece: Linear, replaced: Node, value: Array) -> Node:
    """The same contraction with another value for one operand."""
    stand_in = Node(replaced.id, "leaf", None, (), {}, value, None)
    args = tuple(stand_in if arg is replaced else arg for arg in piece.y.args)
    return Node(piece.y.id, piece.y.op, piece.y.fn, args, piece.y.kwargs, piece.y.value, piece.y.span)


def _toward(y: Node, operand: Node) -> Callable[[Array], Array]:
    def rule(g: Array) -> Array:
        found = backward([(y, g)], [operand], stop={operand})[0]
        return np.zeros(np.shape(operand.value)) if found is None else found

    return rule


def _after(updates, piece: Linear) -> Array | None:  # type: ignore[no-untyped-def]
    update = updates.get(piece.parameter)
    if update is None:
        return None
    after = np.asarray(update.after.value, float)
    return after if after.shape == np.shape(piece.w.value) else after.T


def _other(updates, name: str) -> Array | None:  # type: ignore[no-untyped-def]
    return np.asarray(updates[name].before.value, float) if name in updates else None


def _is_square(node: Node) -> bool:
    shape = np.shape(node.value)
    return len(shape) == 2 and shape[0] == shape[1]


def _value(node: Node) -> Array:
    return np.asarray(node.value, dtype=np.float64)
