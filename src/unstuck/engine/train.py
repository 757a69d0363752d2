"""The way into the engine: recipes and seeds in, runs out.

Networks are sorted into populations of equal shape; each population visits the rows epoch by epoch and is
scored on the test rows at the checkpoints.  See `population` for the step and `draws` for the randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from unstuck.engine import rules
from unstuck.engine.draws import draw_weights, dropout_stream, row_order
from unstuck.engine.population import Population
from unstuck.engine.reference import outputs_to_score, targets
from unstuck.facts import Array, Data, Recipe, Run

SOLO = 30_000  # multiplications per network and step from which BLAS calls beat a population (measured)
CACHE = 260_000  # weights of a population that stay in the cache together with a step's temporaries
BLOCK = 1_000_000  # numbers of a block of rows and masks that are prepared at once
LANES = 1024
TEST_ROWS = 64  # test rows that go through a population at once


def supports(recipe: Recipe, data: Data | None = None) -> str:
    """The reason why the engine cannot run this recipe (on these data); empty when it can."""
    known = (
        ("activation", recipe.activation, tuple(rules.ACTIVATIONS)),
        ("loss", recipe.loss, tuple(rules.LOSSES)),
        ("output", recipe.output, rules.LOSSES.get(recipe.loss, rules.LOSSES["squared"])),
        ("backward", recipe.backward, rules.BACKWARDS),
        ("optimiser", recipe.optimiser, ("sgd", "momentum")),
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
        Asked before each epoch; when it answers True the populations that are not finished are left out.
    progress
        Called after each epoch with the number of networks that made it.

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
    runs: dict[tuple[int, int], Run] = {}
    with _one_thread(), np.errstate(all="ignore"):
        for crew in _crews(recipes, seeds):
            curves = _train_crew(crew, data, epochs, points, initial, cancelled, progress)
            if curves is None:
                break
            for lane, curve in zip(crew.lanes, curves, strict=True):
                score = float(np.mean(curve[-max(1, len(curve) // 3) :]))
                runs[lane.place] = Run(lane.recipe, lane.seed, points, curve, score)
    return [runs[place] for place in sorted(runs)]


# ----- Who trains together ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lane:
    """One network to train: its recipe, its seed and its place in the result."""

    recipe: Recipe
    seed: int
    place: tuple[int, int]


@dataclass(frozen=True)
class _Crew:
    """Networks of one shape that are trained as one population."""

    lanes: tuple[_Lane, ...]
    solo: bool


def shape_of(recipe: Recipe) -> tuple[object, ...]:
    """What recipes must share to be trained as one population."""
    r = recipe
    return (r.layers, r.activation, r.batch, r.order, r.optimiser, r.scaling)


def population_size(recipe: Recipe) -> int:
    """How many networks of this shape are trained side by side; 1 where BLAS calls serve one better."""
    size = sum(i * j for i, j in zip(recipe.layers, recipe.layers[1:], strict=False))
    return 1 if recipe.batch * size >= SOLO else max(16, min(LANES, CACHE // size))


def _crews(recipes: Sequence[Recipe], seeds: Sequence[int]) -> Iterator[_Crew]:
    """Sort all networks into populations of a size that the cache holds."""
    groups: dict[tuple[object, ...], list[_Lane]] = {}
    for i, recipe in enumerate(recipes):
        for j, seed in enumerate(seeds):
            groups.setdefault(shape_of(recipe), []).append(_Lane(recipe, seed, (i, j)))
    for lanes in groups.values():
        most = population_size(lanes[0].recipe)
        lanes.sort(key=lambda lane: (lane.recipe.output, lane.recipe.loss, lane.recipe.backward, lane.place))
        for start in range(0, len(lanes), most):
            yield _Crew(tuple(lanes[start : start + most]), solo=most == 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """BLAS on one thread: these products are too small to share, and a sum must not depend on the cores."""
    with threadpool_limits(1, user_api="blas"):
        yield


# ----- Training one population --------------------------------------------------------------------------


def _train_crew(
    crew: _Crew,
    data: Data,
    epochs: int,
    checkpoints: tuple[int, ...],
    initial: Sequence[Array] | None,
    cancelled: Callable[[], bool] | None,
    progress: Callable[[int], None] | None,
) -> list[tuple[float, ...]] | None:
    """Each network's score at the checkpoints; None when cancelled."""
    recipes = [lane.recipe for lane in crew.lanes]
    start = [initial or draw_weights(lane.recipe, lane.seed) for lane in crew.lanes]
    population = Population(recipes, start, crew.solo)
    x_train, x_test = _inputs(data, recipes[0].scaling)
    y_train = targets(data.y_train, data.classes, recipes[0].layers[-1]).astype(np.float32)
    feed = _Feed(crew, population.lanes, x_train, y_train)
    scores = [_score(population, x_test, data)] if 0 in checkpoints else []
    for epoch in range(1, epochs + 1):
        if cancelled is not None and cancelled():
            return None
        for x, y, masks in feed.batches(epoch):
            population.step(x, y, masks)
        if epoch in checkpoints:
            scores.append(_score(population, x_test, data))
        if progress is not None:
            progress(len(crew.lanes))
    return [tuple(float(s[lane]) for s in scores) for lane in range(len(crew.lanes))]


def _inputs(data: Data, scaling: str) -> tuple[Array, Array]:
    """Training and test inputs in float32, scaled by the training rows, with the bias's column of ones."""
    mean, sd = np.zeros(data.x_train.shape[1]), np.ones(data.x_train.shape[1])
    if scaling == "standard":
        mean, sd = data.x_train.mean(axis=0), data.x_train.std(axis=0)
        sd = np.where(sd > 0, sd, 1)
    return tuple(  # type: ignore[return-value]
        np.column_stack([(x - mean) / sd, np.ones(len(x))]).astype(np.float32)
        for x in (data.x_train, data.x_test)
    )


def _score(population: Population, x_test: Array, data: Data) -> Array:
    """Accuracy (or R2) of every network on the test rows: (networks,)."""
    shown = np.concatenate(
        [population.outputs(x_test[i : i + TEST_ROWS]).copy() for i in range(0, len(x_test), TEST_ROWS)]
    )
    return np.array(
        [outputs_to_score(shown[:, :, lane], data.y_test, data.classes) for lane in range(shown.shape[2])]
    )


class _Feed:
    """Hands a population its batches: rows in each seed's order, and dropout masks.

    Rows and masks are drawn per seed and copied to the lanes that use them, a block of rows at a time.
    """

    def __init__(self, crew: _Crew, lanes: int, x: Array, y: Array) -> None:
        members = list(crew.lanes) + [crew.lanes[-1]] * (lanes - len(crew.lanes))
        recipe = members[0].recipe
        self.x, self.y, self.order, self.batch = x, y, recipe.order, recipe.batch
        self.seeds = sorted({lane.seed for lane in members})
        self.shared = crew.solo or recipe.order == "sequential"  # every lane sees the same row
        self.seed_of_lane = np.array([self.seeds.index(lane.seed) for lane in members])
        self.units = recipe.layers[1:-1]
        kinds = [(lane.seed, lane.recipe.dropout, lane.recipe.dropout_scale) for lane in members]
        self.kinds = sorted(set(kinds))
        self.kind_of_lane = np.array([self.kinds.index(kind) for kind in kinds])
        self.drops = bool(self.units) and any(kind[1] > 0 for kind in kinds)
        numbers = (sum(self.units) * self.drops + (0 if self.shared else x.shape[1] + y.shape[1])) * lanes
        batches = max(1, BLOCK // max(1, numbers * self.batch))
        self.block = min(batches, 4096) * self.batch

    def batches(self, epoch: int) -> Iterator[tuple[Array, Array, list[Array] | None]]:
        """The batches of one epoch as (x, y, masks), shaped as `Population.step` wants them."""
        rows = len(self.x)
        orders = np.stack([row_order(self.order, rows, seed, epoch) for seed in self.seeds], axis=1)
        streams = [
            {seed: dropout_stream(seed, layer, epoch) for seed in self.seeds}
            for layer in range(len(self.units))
        ]
        for start in range(0, rows, self.block):
            order = orders[start : start + self.block]
            x, y = self._rows(order)
            masks = (
                [self._masks(streams[i], len(order), n) for i, n in enumerate(self.units)]
                if self.drops
                else None
            )
            for i in range(0, len(order), self.batch):
                batch = slice(i, i + self.batch)
                yield x[batch], y[batch], None if masks is None else [mask[batch] for mask in masks]

    def _rows(self, order: Array) -> tuple[Array, Array]:
        """Inputs and targets of a block: shared by all lanes, or a copy for each lane."""
        if self.shared:
            return self.x[order[:, 0]], self.y[order[:, 0]][:, :, None]
        lanes = order[:, self.seed_of_lane]
        return tuple(np.ascontiguousarray(np.moveaxis(v[lanes], 1, 2)) for v in (self.x, self.y))  # type: ignore[return-value]

    def _masks(self, streams: dict[int, np.random.Generator], rows: int, units: int) -> Array:
        """Dropout factors (rows, units, lanes): 0 for a dropped unit, dropout_scale for a survivor."""
        draws = {seed: stream.random((rows, units), dtype=np.float32) for seed, stream in streams.items()}
        masks = np.empty((rows, units, len(self.kinds)), np.float32)
        for i, (seed, dropout, scale) in enumerate(self.kinds):
            masks[:, :, i] = (draws[seed] >= np.float32(dropout)) * np.float32(scale) if dropout > 0 else 1
        return np.asarray(masks[:, :, self.kind_of_lane])
