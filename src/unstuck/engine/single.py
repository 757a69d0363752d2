"""One network that is trained some epochs at a time, and whose weights can be taken away and put back in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from unstuck.engine import binding, vectorised
from unstuck.engine.draws import draw_weights
from unstuck.engine.fleet import Fleet
from unstuck.engine.networks import Network, Work
from unstuck.engine.train import is_native, supports
from unstuck.facts import Array, Data, Recipe


@dataclass(frozen=True)
class State:
    """Where a training stands.

    weights   for each layer (inputs + 1, outputs), the biases last, float32
    memories  what the optimiser remembers of each, by name; nothing: it begins anew
    powers    its shares to the power of the steps that it has taken
    """

    weights: list[Array]
    memories: dict[str, list[Array]] = field(default_factory=dict)
    powers: tuple[float, float] = (1.0, 1.0)


def drawn(recipe: Recipe, seed: int) -> State:
    """A network before its training: drawn weights, biases of zero."""
    matrices = [np.vstack([w, np.zeros((1, w.shape[1]))]) for w in draw_weights(recipe, seed)]
    return State([w.astype(np.float32) for w in matrices])


class Single:
    """The training of one network.

    Parameters
    ----------
    recipe, data, seed
        As for `train`; the seed draws the order of the rows and what drops out.
    start
        Where it begins.

    Raises
    ------
    ValueError
        when the recipe is not supported or does not fit the data.
    """

    def __init__(self, recipe: Recipe, data: Data, seed: int, start: State) -> None:
        reason = supports(recipe, data)
        if reason:
            raise ValueError(f"the engine cannot run {recipe}: {reason}")
        network, work = Network(recipe, seed, (0, 0)), Work(data, 0, ())
        self._form = (_Native if is_native(recipe) else _Numpy)(network, work, start)

    def train(self, epochs: range) -> None:
        """Train for some epochs, counted from 1: the number of an epoch names its draws."""
        self._form.train(epochs)

    @property
    def state(self) -> State:
        """Where it stands: copies of all numbers."""
        return self._form.state()


class _Native:
    """In the first lane of the native engine."""

    def __init__(self, network: Network, work: Work, start: State) -> None:
        self._layers = network.recipe.layers
        initial = [w[:-1] for w in start.weights]
        work = Work(work.data, work.epochs, work.checkpoints, initial)
        self._fleet = Fleet([[network]], work, binding.backends()[0])
        kept = self._fleet.kept
        for name, matrices in {"weights": start.weights, **start.memories}.items():
            kept[name][0] = np.concatenate([m.ravel() for m in matrices])[:, None]
        if "powers" in kept:
            kept["powers"][0] = np.array(start.powers)[:, None]

    def train(self, epochs: range) -> None:
        self._fleet.train(epochs)

    def state(self) -> State:
        kept = {name: numbers[0, :, 0].copy() for name, numbers in self._fleet.kept.items()}
        powers = kept.pop("powers", np.ones(2))
        matrices = {name: list(_split(flat, self._layers)) for name, flat in kept.items()}
        return State(matrices.pop("weights"), matrices, (float(powers[0]), float(powers[1])))


def _split(flat: Array, layers: Sequence[int]) -> Iterator[Array]:
    for inputs, outputs in pairwise(layers):
        count = (inputs + 1) * outputs
        yield flat[:count].reshape(inputs + 1, outputs)
        flat = flat[count:]


class _Numpy:
    """As a population of one, whose products are BLAS calls."""

    def __init__(self, network: Network, work: Work, start: State) -> None:
        initial = [w[:-1] for w in start.weights]
        self._crew = vectorised.Crew(
            (network,), Work(work.data, work.epochs, work.checkpoints, initial), solo=True
        )
        population, optimiser = self._crew.population, self._crew.population.optimiser
        for mine, given in zip(population.weights, start.weights, strict=True):
            mine[...] = given[:, :, None]
        for name, matrices in start.memories.items():
            for mine, given in zip(optimiser.kept[name], matrices, strict=True):
                mine[...] = given[:, :, None]
        one, other = start.powers
        optimiser.powers = np.array(one, np.float32), np.array(other, np.float32)

    def train(self, epochs: range) -> None:
        with vectorised.calmly():
            for epoch in epochs:
                self._crew.epoch(epoch)

    def state(self) -> State:
        population, optimiser = self._crew.population, self._crew.population.optimiser
        memories = {name: [m[:, :, 0].copy() for m in each] for name, each in optimiser.kept.items()}
        one, other = (float(np.ravel(power)[0]) for power in optimiser.powers)
        return State([w[:, :, 0].copy() for w in population.weights], memories, (one, other))
