"""Which recipe reproduces the gradients that the script wrote?  Every candidate is run by the engine's reference.

The candidates are what the forward pass leaves open: the loss, and the fault, if any.  The rate of each layer is
fitted over all steps; what remains beyond it must be rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.engine import reference, rules
from unstuck.facts import Array, Recipe
from unstuck.trace.reading.written import Step
from unstuck.trace.recognising.layers import Layer, Unrecognised

ROUNDINGS = 8 * float(np.finfo(float).eps)  # relative rounding that an update may leave in its parameter
FEW = 2  # steps that a recipe must reproduce before it is tried on all
LOSSES = {
    "linear": ("squared",),
    "relu": ("squared",),
    "tanh": ("squared",),
    "sigmoid": ("binary-cross-entropy", "squared"),
    "softmax": ("cross-entropy", "squared"),
}


@dataclass(frozen=True)
class Replay:
    """One recorded step as the engine's reference takes it."""

    step: Step
    weights: list[Array]
    biases: list[Array]
    x: Array
    y: Array
    masks: list[Array] | None


def fitted_recipe(layers: Sequence[Layer], replays: Sequence[Replay], tolerance: float) -> Recipe:
    """The first recipe whose gradients are the written ones, with the rates that this takes."""
    nearest = np.inf
    for recipe in recipes_of(layers):
        fitted = _fitted(recipe, layers, replays[:FEW])
        if fitted is not None and fitted[1] <= tolerance:
            fitted = _fitted(recipe, layers, replays)
        if fitted is None:
            continue
        found, error = fitted
        if error <= tolerance:
            return found
        nearest = min(nearest, error)
    if any(
        all(_fits_alone(each, layers, replay, tolerance) for replay in replays) for each in recipes_of(layers)
    ):
        raise Unrecognised(
            "its learning rate changes during the training (a schedule), how is not known in advance"
        )
    raise Unrecognised(
        "the network was read as "
        f"{'-'.join(str(units) for units in _units(layers))}, but no known loss and backward pass reproduces "
        f"its updates (nearest: {nearest:.1%} off)"
    )


def _units(layers: Sequence[Layer]) -> tuple[int, ...]:
    return (layers[0].inputs, *(layer.outputs for layer in layers))


def recipes_of(layers: Sequence[Layer]) -> Iterator[Recipe]:
    """What the forward pass leaves open: the losses, and the backward passes that are known, with the rate 1."""
    hidden = {layer.activation for layer in layers[:-1]} or {"linear"}
    if len(hidden) > 1:
        raise Unrecognised(f"the hidden layers have different activations ({', '.join(sorted(hidden))})")
    biased = {layer.bias is not None for layer in layers}
    if len(biased) > 1:
        raise Unrecognised("only some of the layers have a bias")
    keep = [layer for layer in layers[:-1] if layer.keep is not None]
    rates = {layer.keep for layer in keep}
    if len(rates) > 1:
        raise Unrecognised("the hidden layers have different dropout rates")
    plain = Recipe(
        layers=_units(layers),
        activation=hidden.pop(),
        bias=biased.pop(),
        dropout=round(1 - float(keep[0].keep or 0), 9) if keep else 0.0,
        dropout_scale=keep[0].scale if keep else 1.0,
        rate=1.0,
    )
    output = layers[-1].activation
    for shown in (output, "softmax") if output == "linear" else (output,):
        for loss in LOSSES.get(shown, ()):
            for backward in rules.BACKWARDS:
                yield plain.with_(output=shown, loss=loss, backward=backward)


def _fitted(
    recipe: Recipe, layers: Sequence[Layer], replays: Sequence[Replay]
) -> tuple[Recipe, float] | None:
    """The recipe with the rates that fit best, and the worst relative error that remains; None if impossible."""
    written: list[list[Array]] = [[] for _ in layers]
    derived: list[list[Array]] = [[] for _ in layers]
    worst = 0.0
    for replay in replays:
        for_weights, for_biases = reference.gradients(
            recipe, replay.weights, replay.biases, replay.x, replay.y, replay.masks
        )
        for index, layer in enumerate(layers):
            w, b = layer.written(replay.step)
            written[index].append(np.concatenate([w.ravel(), *([b.ravel()] if b is not None else [])]))
            also = [for_biases[index].ravel()] if b is not None else []
            derived[index].append(np.concatenate([for_weights[index].ravel(), *also]))
    rates = []
    for said, true in zip(written, derived, strict=True):
        flat_said, flat_true = np.concatenate(said), np.concatenate(true)
        size = float(flat_true @ flat_true)
        rate = float(flat_true @ flat_said) / size if size > 0 else 0.0
        if not rate > 0:
            return None
        rates.append(rate)
        worst = max(worst, *(_error(s, rate * t) for s, t in zip(said, true, strict=True)))
    scales = tuple(round(rate / rates[-1], 9) for rate in rates)
    equal = all(abs(scale - 1) < 1e-6 for scale in scales)
    return recipe.with_(rate=tidy(rates[-1]), layer_rates=() if equal else scales), worst


def _fits_alone(recipe: Recipe, layers: Sequence[Layer], replay: Replay, tolerance: float) -> bool:
    fitted = _fitted(recipe, layers, [replay])
    return fitted is not None and fitted[1] <= tolerance


def _error(written: Array, expected: Array) -> float:
    largest = float(np.abs(written).max(initial=0))
    return float(np.abs(written - expected).max(initial=0)) / largest if largest > 1e-12 else 0.0


def tidy(rate: float) -> float:
    """0.0020000000000000005 is 0.002."""
    rounded = float(f"{rate:.6g}")
    return rounded if abs(rounded - rate) <= 1e-6 * rate else rate
