"""What both engines are handed: the networks of one shape, and the work that is to be done on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.engine.draws import draw_weights
from unstuck.facts import Array, Data, Recipe

Curve = tuple[float, ...]


@dataclass(frozen=True)
class Network:
    """One network to train: its recipe, its seed and its place in the result."""

    recipe: Recipe
    seed: int
    place: tuple[int, int]


@dataclass(frozen=True)
class Work:
    """What `train` was asked for: the data, how long, when to score, and whom to tell and to ask."""

    data: Data
    epochs: int
    checkpoints: tuple[int, ...]
    initial: Sequence[Array] | None = None
    cancelled: Callable[[], bool] | None = None
    progress: Callable[[int], None] | None = None
    jobs: int = 1

    def stopped(self) -> bool:
        """Whether somebody wants the work to end."""
        return self.cancelled is not None and self.cancelled()

    def advance(self, networks: int, epochs: int = 1) -> None:
        """Say that so many networks were trained for so many epochs."""
        if self.progress is not None:
            self.progress(networks * epochs)


def shape_of(recipe: Recipe) -> tuple[object, ...]:
    """What recipes must share to be trained as one population."""
    r = recipe
    return (r.layers, r.activation, r.batch, r.order, r.optimiser, decays(r), is_clipped(r), r.scaling)


def decays(recipe: Recipe) -> int:
    """What decays: 0 nothing, 1 the weights, 2 the biases as well."""
    return 0 if recipe.decay == 0 else 1 + recipe.decay_biases


def is_clipped(recipe: Recipe) -> bool:
    """Whether its gradient is bounded before the optimiser takes it."""
    return recipe.clip > 0 or recipe.clip_norm > 0


def by_shape(networks: Iterable[Network]) -> list[list[Network]]:
    """The networks of equal shape together, in the order in which the shapes come first."""
    groups: dict[tuple[object, ...], list[Network]] = {}
    for network in networks:
        groups.setdefault(shape_of(network.recipe), []).append(network)
    return list(groups.values())


def starting_weights(networks: Sequence[Network], initial: Sequence[Array] | None) -> list[Sequence[Array]]:
    """Each network's initial matrices: those that were handed over, or its own draws."""
    return [initial or draw_weights(network.recipe, network.seed) for network in networks]


def rates(recipe: Recipe) -> list[float]:
    """The learning rate of every weight matrix."""
    return [recipe.rate * factor for factor in recipe.layer_rates or (1.0,) * (len(recipe.layers) - 1)]


def factor(recipe: Recipe, epoch: int) -> float:
    """What the schedule multiplies all rates by in an epoch, counted from 1; the last factor stays."""
    return recipe.schedule[min(epoch, len(recipe.schedule)) - 1] if recipe.schedule else 1.0


def inputs(data: Data, scaling: str) -> tuple[Array, Array]:
    """Training and test inputs in float32, scaled by the training rows."""
    mean, sd = np.zeros(data.x_train.shape[1]), np.ones(data.x_train.shape[1])
    if scaling == "standard":
        mean, sd = data.x_train.mean(axis=0), data.x_train.std(axis=0)
        sd = np.where(sd > 0, sd, 1)
    train, test = ((x - mean) / sd for x in (data.x_train, data.x_test))
    return np.ascontiguousarray(train, np.float32), np.ascontiguousarray(test, np.float32)
