"""The NumPy engine's loop: populations, epoch by epoch, with their rows, dropout masks and scores.

See `population` for the step and `draws` for the randomness.  The native engine does the same faster; this one
runs everywhere, and trains the networks that are large enough for BLAS calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from unstuck.engine.draws import dropout_draws, dropout_key, least_kept, row_order
from unstuck.engine.networks import Curve, Network, Work, inputs, starting_weights
from unstuck.engine.population import Population
from unstuck.engine.reference import outputs_to_score, targets
from unstuck.facts import Array, Data, Recipe

SOLO = 30_000  # multiplications per network and step from which BLAS calls beat a population (measured)
CACHE = 260_000  # weights of a population that stay in the cache together with a step's temporaries
BLOCK = 1_000_000  # numbers of a block of rows and masks that are prepared at once
LANES = 1024
TEST_ROWS = 64  # test rows that go through a population at once


def population_size(recipe: Recipe) -> int:
    """How many networks of this shape are trained side by side; 1 where BLAS calls serve one better."""
    size = sum(i * j for i, j in zip(recipe.layers, recipe.layers[1:], strict=False))
    return 1 if recipe.batch * size >= SOLO else max(16, min(LANES, CACHE // size))


def run(networks: Sequence[Network], work: Work) -> Iterator[tuple[Network, Curve]]:
    """Train networks of one shape; each one's scores at the checkpoints, population by population.

    Ends early, without the population at hand, when the work is cancelled.
    """
    networks = sorted(networks, key=lambda n: (n.recipe.output, n.recipe.loss, n.recipe.backward, n.place))
    most = population_size(networks[0].recipe)
    with calmly():
        for start in range(0, len(networks), most):
            crew = Crew(networks[start : start + most], work, solo=most == 1)
            curves = _train_crew(crew, work)
            if curves is None:
                return
            yield from zip(crew.networks, curves, strict=True)


@contextmanager
def calmly() -> Iterator[None]:
    """BLAS on one thread, for these products are too small to share; and no warnings of networks that diverge."""
    with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
        yield


# ----- Training one population --------------------------------------------------------------------------


class Crew:
    """Networks of one shape that are trained as one population, on the rows of some work."""

    def __init__(self, networks: Sequence[Network], work: Work, solo: bool) -> None:
        recipes, self._data = [network.recipe for network in networks], work.data
        self.networks = networks
        self.population = Population(recipes, starting_weights(networks, work.initial), solo)
        x_train, self._x_test = (_with_ones(x) for x in inputs(work.data, recipes[0].scaling))
        y_train = targets(work.data.y_train, work.data.classes, recipes[0].layers[-1]).astype(np.float32)
        self._feed = _Feed(networks, solo, self.population.lanes, x_train, y_train)

    def epoch(self, number: int) -> None:
        """Train for one epoch, counted from 1."""
        self.population.begin_epoch(number)
        for x, y, masks in self._feed.batches(number):
            self.population.step(x, y, masks)

    def scores(self) -> Array:
        """Accuracy (or R2) of every network on the test rows: (networks,)."""
        return _score(self.population, self._x_test, self._data)


def _train_crew(crew: Crew, work: Work) -> list[Curve] | None:
    """Each network's score at the checkpoints; None when cancelled."""
    scores = [crew.scores()] if 0 in work.checkpoints else []
    for epoch in range(1, work.epochs + 1):
        if work.stopped():
            return None
        crew.epoch(epoch)
        if epoch in work.checkpoints:
            scores.append(crew.scores())
        work.advance(len(crew.networks))
    return [tuple(float(s[lane]) for s in scores) for lane in range(len(crew.networks))]


def _with_ones(x: Array) -> Array:
    """The rows with the bias's column of ones."""
    return np.column_stack([x, np.ones(len(x), np.float32)])


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

    def __init__(self, networks: Sequence[Network], solo: bool, lanes: int, x: Array, y: Array) -> None:
        members = [*networks, *[networks[-1]] * (lanes - len(networks))]
        recipe = members[0].recipe
        self.x, self.y, self.order, self.batch = x, y, recipe.order, recipe.batch
        self.seeds = sorted({member.seed for member in members})
        self.shared = solo or recipe.order == "sequential"  # every lane sees the same row
        self.seed_of_lane = np.array([self.seeds.index(member.seed) for member in members])
        self.units = recipe.layers[1:-1]
        kinds = [(m.seed, m.recipe.dropout, m.recipe.dropout_scale) for m in members]
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
        keys = [
            {seed: dropout_key(seed, layer, epoch) for seed in self.seeds} for layer in range(len(self.units))
        ]
        for start in range(0, rows, self.block):
            order = orders[start : start + self.block]
            x, y = self._rows(order)
            masks = (
                [self._masks(keys[i], start, len(order), n) for i, n in enumerate(self.units)]
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

    def _masks(self, keys: dict[int, Array], start: int, rows: int, units: int) -> Array:
        """Dropout factors (rows, units, lanes): 0 for a dropped unit, dropout_scale for a survivor."""
        draws = {
            seed: dropout_draws(key, start * units, rows * units).reshape(rows, units)
            for seed, key in keys.items()
        }
        masks = np.empty((rows, units, len(self.kinds)), np.float32)
        for i, (seed, dropout, scale) in enumerate(self.kinds):
            kept = draws[seed] >= np.uint32(least_kept(dropout))
            masks[:, :, i] = kept * np.float32(scale) if dropout > 0 else 1
        return np.asarray(masks[:, :, self.kind_of_lane])
