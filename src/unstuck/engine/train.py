"""The way into the engine: recipes and seeds in, runs out.

Two engines do the same work: the native one, where its library was built, and the NumPy one, which is its
oracle and runs everywhere.  Both draw the same random numbers (`draws`) and take the same steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from unstuck.engine import binding, lanes, rules, vectorised
from unstuck.engine.networks import Curve, Network, Work, by_shape
from unstuck.engine.optimisers import MEMORIES
from unstuck.facts import Array, Data, Recipe, Run

FORCE = "UNSTUCK_ENGINE"  # environment variable: native or numpy


def supports(recipe: Recipe, data: Data | None = None) -> str:
    """The reason why the engine cannot run this recipe (on these data); empty when it can."""
    known = (
        ("activation", recipe.activation, tuple(rules.ACTIVATIONS)),
        ("loss", recipe.loss, tuple(rules.LOSSES)),
        ("output", recipe.output, rules.LOSSES.get(recipe.loss, rules.LOSSES["squared"])),
        ("backward", recipe.backward, rules.BACKWARDS),
        ("optimiser", recipe.optimiser, tuple(MEMORIES)),
        ("order", recipe.order, ("sequential", "shuffled", "random")),
        ("scaling", recipe.scaling, ("none", "standard")),
    )
    for name, value, allowed in known:
        if value not in allowed:
            after = f" with loss {recipe.loss!r}" if name == "output" else ""
            return f"{name} {value!r}{after} is not one of {', '.join(allowed)}"
    matrices = len(recipe.layers) - 1
    if matrices < 1 or min(recipe.layers) < 1:
        return f"layers {recipe.layers} are not a network"
    for name, given in (("init", recipe.init), ("layer_rates", recipe.layer_rates)):
        if given and len(given) != matrices:
            return f"{name} has {len(given)} entries for {matrices} weight matrices"
    if recipe.batch < 1:
        return f"batch size {recipe.batch} is not positive"
    return "" if data is None else _misfit(recipe, data)


def _misfit(recipe: Recipe, data: Data) -> str:
    """Why this recipe's ends do not fit the data; empty when they do."""
    inputs, outputs = data.x_train.shape[1], recipe.layers[-1]
    if recipe.layers[0] != inputs:
        return f"the data have {inputs} features"
    if data.classes and outputs != data.classes and not (outputs == 1 and data.classes == 2):
        return f"the data have {data.classes} classes"
    if data.classes == 0 and recipe.loss != "squared":
        return f"loss {recipe.loss!r} needs classes"
    columns = data.y_train.reshape(len(data.y_train), -1).shape[1]
    return "" if data.classes or columns == outputs else f"the data have {columns} targets"


def is_native(recipe: Recipe | None = None) -> bool:
    """Whether the native engine is at hand, and trains this recipe.

    The environment variable UNSTUCK_ENGINE can forbid or demand it.  The answer depends on nothing but the
    recipe, so that a network is trained by the same engine in any company.

    Raises
    ------
    RuntimeError
        when it is demanded and was not built.
    """
    wanted = os.environ.get(FORCE, "")
    if wanted == "native" and not binding.backends():
        raise RuntimeError(f"{FORCE}=native, but the native engine was not built with this installation")
    reached = recipe is None or lanes.reach(recipe)
    return wanted != "numpy" and bool(binding.backends()) and reached


def name() -> str:
    """Which engine trains on this machine: "native (AVX-512)", or another instruction set, or "NumPy"."""
    return f"native ({binding.backends()[0].name})" if is_native() else "NumPy"


def population_size(recipe: Recipe) -> int:
    """How many networks of this shape are trained side by side, at most; 1: one after the other."""
    return lanes.fleet_size(recipe) if is_native(recipe) else vectorised.population_size(recipe)


def train(
    recipes: Sequence[Recipe],
    data: Data,
    seeds: Sequence[int],
    *,
    epochs: int,
    checkpoints: Sequence[int],
    initial: Sequence[Array] | None = None,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
    jobs: int = 1,
) -> list[Run]:
    """Train every recipe with every seed and score it on the test rows.

    Parameters
    ----------
    epochs
        Passes over the training rows, for all recipes (their own `epochs` is not looked at).
    checkpoints
        Epochs, counted from 1 (0 is the untrained network), after which the networks are scored.  A run's
        score is the mean over the last third of its checkpoints, at least one.
    initial
        Weight matrices (inputs, outputs) from which every network starts instead of its own draws.
    cancelled
        Asked before each epoch, or each fraction of a second; when it answers True the populations that are
        not finished are left out.
    progress
        Called as often, after whole epochs, with the number of networks that made them times the epochs.
    jobs
        Threads of the native engine; the NumPy engine uses one.

    Returns
    -------
    The runs, ordered by recipe, then by seed.  They do not depend on what else is trained along.

    Raises
    ------
    ValueError
        when a recipe is not supported (see `supports`) or does not fit the data.
    """
    for recipe in recipes:
        reason = supports(recipe, data)
        if reason:
            raise ValueError(f"the engine cannot run {recipe}: {reason}")
    points = tuple(sorted({c for c in checkpoints if 0 <= c <= epochs})) or (epochs,)
    work = Work(data, epochs, points, initial, cancelled, progress, jobs)
    networks = [
        Network(recipe, seed, (i, j)) for i, recipe in enumerate(recipes) for j, seed in enumerate(seeds)
    ]
    runs: dict[tuple[int, int], Run] = {}
    for alike in by_shape(networks):
        for network, curve in _run(alike, work):
            score = float(np.mean(curve[-max(1, len(curve) // 3) :]))
            runs[network.place] = Run(network.recipe, network.seed, points, curve, score)
        if len(runs) < len(networks) and work.stopped():
            break
    return [runs[place] for place in sorted(runs)]


def _run(networks: Sequence[Network], work: Work) -> Iterator[tuple[Network, Curve]]:
    """Train networks of one shape with the engine that suits them."""
    if is_native(networks[0].recipe):
        return lanes.run(networks, work)
    return vectorised.run(networks, work)
