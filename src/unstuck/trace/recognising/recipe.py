"""Recognise the user's network as a Recipe that the engine can train, and prove it by replay.

The forward pass gives layers, biases, activations and dropout; the updates give the rate and the momentum; the
variables give the rows.  A recipe counts as recognised only when its own gradients, computed by the engine's
reference on the recorded batches and masks, equal the written ones in every step.  Anything that the engine
cannot express ends with a sentence that says what it was; the gradient check does not depend on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.engine import reference
from unstuck.facts import Array, Data, Recipe, Span
from unstuck.trace.explaining.macros import Forward, forwards
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.steps import Tracked
from unstuck.trace.reading.written import Step
from unstuck.trace.recognising.fitting import ROUNDINGS, Replay, fitted_recipe, recipes_of
from unstuck.trace.recognising.initial import inits
from unstuck.trace.recognising.layers import Layer, Unrecognised, batch_of, increment, read_layers
from unstuck.trace.recognising.optimiser import moved_recipe
from unstuck.trace.recognising.rows import Rows, find_rows

REPLAYED = 1e-5  # relative error within which the engine's gradient equals the written one
REPLAYED_SINGLE = 5e-3
LEAST_ROWS = 20


@dataclass(frozen=True)
class Recognised:
    """The recipe with its data and the places in the source that its choices come from."""

    recipe: Recipe
    data: Data
    spans: Mapping[str, Span]
    curve: tuple[tuple[float, float], ...] = ()
    notes: tuple[str, ...] = field(default=())


def recognise(
    passes: Sequence[Forward],
    targets: Mapping[int, Sequence[tuple[Node, Array]]],
    namespaces: Sequence[Mapping[str, Any]],
    rounds: int | None,
    single: bool,
) -> Recognised:
    """The recipe of a run, by its recorded forward passes.

    targets     by step number, (output, target) of every sample or batch
    namespaces  the variables among which the rows are looked for
    rounds      how many steps the whole run takes, where the loops tell
    single      whether the script computes in float32

    Raises
    ------
    Unrecognised
        with the reason, when the network or its training is not one that the engine knows.
    """
    layers = read_layers(passes)
    replays = _usual([_replay(forward, layers, targets[forward.step.number]) for forward in passes])
    recipe = _moved(layers, replays, REPLAYED_SINGLE if single else REPLAYED)
    rows = find_rows([replay.x for replay in replays], [replay.y for replay in replays], namespaces)
    if rows is None:
        raise Unrecognised("the training rows were not found among the program's variables")
    if rows.total < LEAST_ROWS:
        raise Unrecognised(f"{rows.total} training rows are too few to measure anything on")
    if len(np.unique(rows.data.y_train, axis=0)) == 1:
        raise Unrecognised("all training rows have the same target")
    if rows.data.classes == 0 and recipe.loss != "squared":
        raise Unrecognised("the targets are neither classes nor numbers with a squared error")
    batch = len(replays[-1].x)
    per_epoch = max(1, rows.total // batch)
    recipe = recipe.with_(
        batch=batch,
        epochs=max(1, round((rounds or passes[-1].step.number + 1) / per_epoch)),
        init=inits([layer.initial(passes[0]) for layer in layers]),
        order=_order(rows, [replay.step.number for replay in replays], batch),
    )
    notes: tuple[str, ...] = (
        () if rounds else ("the number of epochs is not known in advance; those seen so far were taken",)
    )
    curve = _curve(recipe, rows.data, replays, per_epoch)
    if rows.data.test == "held out":
        notes += (
            "the program has no test rows of its own: a fifth of its training rows, drawn at random, was set aside",
        )
    return Recognised(recipe, rows.data, _spans(layers, passes[-1], replays[-1].step), curve, notes)


def passes_under(loss: Candidate, passes: Sequence[Forward], opening: Step | None) -> list[Forward]:
    """The forward passes that show a loss, with that of the very first step, from which optimisers can be played."""
    used = [forward for forward in passes if loss in forward.step.losses]
    if opening is None or loss not in opening.losses:
        return used
    steps = [opening, *(forward.step for forward in used)]
    return forwards(steps, [step.losses[loss].seeds for step in steps])


def refuse_kernels(parameters: Mapping[str, Tracked]) -> None:
    """Turn away what no recipe has, before the forward passes are made out for nothing."""
    for name, parameter in parameters.items():
        shape = np.shape(next(iter(parameter.updates.values())).before.value)
        if sum(side > 1 for side in shape) > 2:
            raise Unrecognised(f"{name} has shape {shape}, which is no weight matrix")


def _replay(forward: Forward, layers: Sequence[Layer], pairs: Sequence[tuple[Node, Array]]) -> Replay:
    step = forward.step
    weights = [layer.weights(step) for layer in layers]
    biases = [layer.biases(step) for layer in layers]
    x = batch_of(forward, layers[0])
    outputs = layers[-1].outputs
    y = np.concatenate(
        [_as_batch(np.asarray(target, float), outputs, layers[-1].columns) for _, target in pairs]
    )
    if len(y) != len(x):
        raise Unrecognised(f"{len(x)} input rows meet {len(y)} targets in one step")
    return Replay(step, weights, biases, x, y, _masks(forward, layers, len(x)))


def _usual(replays: list[Replay]) -> list[Replay]:
    """Without the last, smaller batch of an epoch, whose sum or mean has another size."""
    sizes = Counter(len(replay.x) for replay in replays)
    usual = sizes.most_common(1)[0][0]
    return [replay for replay in replays if len(replay.x) == usual]


def _as_batch(target: Array, outputs: int, columns: bool) -> Array:
    """Targets as (rows, outputs), whether the script keeps samples in rows or in columns."""
    if target.ndim == 2 and columns and target.shape[0] == outputs:
        return target.T
    if target.size % outputs:
        raise Unrecognised(f"targets of shape {target.shape} do not fit {outputs} outputs")
    return target.reshape(-1, outputs)


def _masks(forward: Forward, layers: Sequence[Layer], rows: int) -> list[Array] | None:
    hidden = layers[:-1]
    if not any(layer.keep is not None for layer in hidden):
        return None
    if not all(layer.keep is not None for layer in hidden):
        raise Unrecognised("only some of the hidden layers have dropout")
    return [layer.mask(forward, rows) for layer in hidden]


def _moved(layers: Sequence[Layer], replays: Sequence[Replay], tolerance: float) -> Recipe:
    """The recipe whose gradients are the written ones, or make the recorded steps, with its optimiser."""
    later = [replay for replay in replays if replay.step.number]
    steps = [replay.step for replay in later or replays]
    simple = not any(step.adaptive for step in steps) and not any(
        len(readings) > 1 for step in steps for readings in step.written.values()
    )
    if simple and (momentum := _momentum(steps)) is not None:
        recipe = fitted_recipe(layers, later or replays, tolerance)
        return recipe.with_(optimiser="momentum" if momentum else "sgd", momentum=momentum)
    first = [replay for number, replay in enumerate(replays) if replay.step.number == number]
    return moved_recipe(recipes_of(layers), layers, first, tolerance)


def _momentum(steps: Sequence[Step]) -> float | None:
    """The share of the last increment that returns in the next one; 0 for plain gradient descent, None for neither."""
    by_number = {step.number: step for step in steps}
    products, squares, errors = 0.0, 0.0, []
    for step in steps:
        before = by_number.get(step.number - 1)
        for name, update in step.updates.items():
            rest = increment(update) + step.written[name]["whole"]
            if before is None or name not in before.updates:
                continue
            last = increment(before.updates[name])
            products += float(np.vdot(last, rest))
            squares += float(np.vdot(last, last))
            largest = max(
                float(np.max(np.abs(np.asarray(node.value)), initial=0))
                for node in (update.before, update.after)
            )
            rounding = ROUNDINGS * largest
            errors.append((rest, last, rounding))
    share = products / squares if squares > 0 else 0.0
    share = round(share, 6) if abs(share) > 1e-6 else 0.0
    for rest, last, rounding in errors:
        if np.abs(rest - share * last).max() > rounding + 1e-4 * max(float(np.abs(last).max()), 1e-12):
            return None
    return share if 0 <= share < 1 else None


# ----- Draws, order, curve, places ----------------------------------------------------------------------


def _order(rows: Rows, numbers: Sequence[int], batch: int) -> str:
    """How the rows are visited, by the positions of consecutive steps."""
    n = rows.total
    if batch >= n:
        return "sequential"
    follows = [
        (later[0] - earlier[-1]) % n
        for a, b, earlier, later in zip(numbers, numbers[1:], rows.visited, rows.visited[1:], strict=False)
        if b == a + 1
    ]
    if follows and np.mean([gap == 1 for gap in follows]) > 0.9:
        return "sequential"
    first = [places for number, places in zip(numbers, rows.visited, strict=True) if number * batch < n]
    early = np.concatenate(first or [np.zeros(0, int)])
    by_chance = n * (1 - np.exp(-len(early) / n))  # distinct rows that drawing with replacement would give
    return "random" if len(set(early.tolist())) < (len(early) + by_chance) / 2 else "shuffled"


def _curve(
    recipe: Recipe, data: Data, replays: Sequence[Replay], per_epoch: int
) -> tuple[tuple[float, float], ...]:
    """Test accuracy of the script's own weights, read within the first hundredth of a recorded epoch."""
    points: dict[float, float] = {}
    for replay in replays:
        epoch, rest = divmod(replay.step.number, per_epoch)
        if epoch >= 1 and rest < max(3, per_epoch // 100) and epoch not in points:
            shown = (recipe, replay.weights, replay.biases, data.x_test, data.y_test, data.classes)
            points[float(epoch)] = reference.accuracy(*shown)
    return tuple(sorted(points.items()))


def _spans(layers: Sequence[Layer], forward: Forward, step: Step) -> dict[str, Span]:
    found = {
        "width": layers[0].span,
        "bias": layers[0].span,
        "rate": step.updates[layers[-1].parameter].after.span,
        "dropout": forward.dropped[0].d.span if forward.dropped else None,
    }
    return {name: span for name, span in found.items() if span is not None}
