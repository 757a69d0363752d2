"""Networks of one shape, laid out in memory as the native engine wants them.

A group is as many networks as a vector register has float32 numbers ("lanes"), and a fleet is some groups.
Rows, weights and the keys of the random draws are prepared here, from the same addresses as in the NumPy engine,
so that both engines see the same random numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from unstuck.engine import binding
from unstuck.engine.draws import dropout_key, least_kept, row_order
from unstuck.engine.networks import Network, Work, decays, factor, inputs, is_clipped, rates, starting_weights
from unstuck.engine.optimisers import MEMORIES
from unstuck.engine.reference import labels, targets
from unstuck.facts import Array, Data, Recipe

Group = Sequence[Network]
KEPT = ("weights", "velocity", "square", "powers")


def size_of(recipe: Recipe) -> int:
    """Weights and biases of a network."""
    return sum((i + 1) * j for i, j in zip(recipe.layers, recipe.layers[1:], strict=False))


def pack(networks: Sequence[Network], lanes: int) -> list[Group]:
    """Sort networks into groups of at most `lanes`, so that as few numbers as possible are prepared for each.

    A group of one seed draws its dropout masks once, and shares every row.  What would leave too much of such a
    group empty is put together from several seeds, which then need their own draws, and their own copies of the
    rows unless all seeds visit the rows in the same order.
    """
    key = [(n.seed, n.recipe.output, n.recipe.loss, n.recipe.backward, n.place) for n in networks]
    ordered = [networks[i] for i in sorted(range(len(networks)), key=key.__getitem__)]
    enough = lanes * 3 // 4 if networks[0].recipe.order == "sequential" else lanes // 2
    groups: list[Group] = []
    left: list[Network] = []
    for _, members in groupby(ordered, key=lambda n: n.seed):
        for group in _cut(list(members), lanes):
            if len(group) > enough:
                groups.append(group)
            else:
                left += group
    return groups + _cut(left, lanes)


def _cut(networks: Sequence[Network], most: int) -> list[Group]:
    return [networks[i : i + most] for i in range(0, len(networks), most)]


class Fleet:
    """Groups of one shape that are trained together.

    `weights` has shape (groups, weights, lanes): the matrices one after the other, each (inputs + 1, outputs)
    with the bias last.  A group that is not full is filled up with copies of its last network.
    """

    def __init__(self, groups: Sequence[Group], work: Work, backend: binding.Backend) -> None:
        library = binding.library()
        if library is None:
            raise RuntimeError("the native engine was not built with this installation")
        self._library = library
        self.groups, self.recipe, self.data = groups, groups[0][0].recipe, work.data
        self.networks, self.rows = sum(map(len, groups)), len(work.data.x_train)
        self.seeds = sorted({network.seed for group in groups for network in group})
        self._lanes = backend.lanes
        self.weights = aligned(self._start(work.initial))
        # The library keeps pointers to these numbers, so they must live as long as this object.
        self._numbers = {**_rows(work.data, self.recipe), **self._each(), "weights": self.weights}
        for name in MEMORIES[self.recipe.optimiser]:
            self._numbers[name] = aligned(np.zeros_like(self.weights))
        if self.recipe.optimiser == "adam":
            self._numbers["powers"] = aligned(np.ones((len(groups), 2, self._lanes), np.float32))
        self._population = binding.Population(
            matrices=len(self.recipe.layers) - 1,
            activation=binding.ACTIVATIONS.index(self.recipe.activation),
            batch=self.recipe.batch,
            classes=work.data.classes,
            groups=len(groups),
            seeds=len(self.seeds),
            threads=work.jobs,
            backend=backend.index,
            optimiser=binding.OPTIMISERS.index(self.recipe.optimiser),
            decays=decays(self.recipe),
            clips=int(is_clipped(self.recipe)),
            rows=self.rows,
            test_rows=len(work.data.x_test),
            **{name: _pointer(numbers) for name, numbers in self._numbers.items()},
        )

    def _start(self, initial: Sequence[Array] | None) -> Array:
        """Initial weights and zero biases: (groups, weights, lanes)."""
        weights = np.empty((len(self.groups), size_of(self.recipe), self._lanes), np.float32)
        for i, group in enumerate(self.groups):
            for lane, matrices in enumerate(starting_weights(group, initial)):
                parts = [part for w in matrices for part in (w.ravel(), np.zeros(w.shape[1]))]
                weights[i, :, lane] = np.concatenate(parts)
            weights[i, :, len(group) :] = weights[i, :, len(group) - 1, None]
        return weights

    def _each(self) -> dict[str, Array]:
        """What each lane has of its own, by the names of abi.hpp: (groups, lanes), rates (groups, matrices, lanes)."""
        members = self._members()

        def each(value: Callable[[Recipe], Any], kind: type = np.float32) -> Array:
            return aligned(np.array([[value(n.recipe) for n in group] for group in members], kind))

        seeds = [[self.seeds.index(network.seed) for network in group] for group in members]
        return {
            "rates": aligned(np.moveaxis(each(rates), 1, 2)),
            "momentum": each(lambda r: r.momentum),
            "memory": each(lambda r: r.memory),
            "epsilon": each(lambda r: r.epsilon),
            "coupled": each(lambda r: 0 if r.decoupled else r.decay),
            "decoupled": each(lambda r: r.decay if r.decoupled else 0),
            "most": each(lambda r: r.clip or np.inf),
            "most_norm": each(lambda r: r.clip_norm or np.inf),
            "has_bias": each(lambda r: r.bias),
            "scale": each(lambda r: r.dropout_scale if r.dropout > 0 else 1),
            "output": each(lambda r: binding.ACTIVATIONS.index(r.output), np.int32),
            "canonical": each(lambda r: r.loss != "squared" or r.output == "linear", np.int32),
            "backward": each(lambda r: binding.BACKWARDS.index(r.backward), np.int32),
            "least_kept": each(lambda r: least_kept(r.dropout), np.int32),
            "seed": aligned(np.array(seeds, np.int32)),
        }

    @property
    def kept(self) -> dict[str, Array]:
        """What training changes, by name: weights and what the optimiser remembers, (groups, numbers, lanes)."""
        return {name: self._numbers[name] for name in KEPT if name in self._numbers}

    def train(self, epochs: range, first: int = 0, last: int | None = None) -> None:
        """Train on the rows of some epochs (counted from 1), or on a part of the rows of each."""
        prepared = self._orders(epochs), self._keys(epochs), self._schedule(epochs)
        last = self.rows if last is None else last
        call = binding.Epochs(len(epochs), first, last, *map(_pointer, prepared))
        _check(self._library.unstuck_train(self._population, call))

    def _orders(self, epochs: range) -> Array | None:
        """Which row comes when, for every epoch and seed; None: as they lie."""
        order = self.recipe.order
        if order == "sequential":
            return None
        return np.array([[row_order(order, self.rows, s, e) for s in self.seeds] for e in epochs], np.int32)

    def _keys(self, epochs: range) -> Array | None:
        """Keys of the dropout draws for every epoch, hidden layer and seed; None: nothing is dropped."""
        hidden = range(len(self.recipe.layers) - 2)
        if not hidden or not any(n.recipe.dropout > 0 for group in self.groups for n in group):
            return None
        return np.array(
            [[[dropout_key(s, i, e) for s in self.seeds] for i in hidden] for e in epochs], np.uint64
        )

    def _schedule(self, epochs: range) -> Array | None:
        """What the rates of every epoch and lane are multiplied by; None: 1."""
        if not any(n.recipe.schedule for group in self.groups for n in group):
            return None
        members = self._members()
        factors = [[[factor(n.recipe, e) for n in group] for group in members] for e in epochs]
        return aligned(np.array(factors, np.float32))

    def _members(self) -> list[list[Network]]:
        """The networks of all lanes, copies of the last one included."""
        return [[*group, *[group[-1]] * (self._lanes - len(group))] for group in self.groups]

    def scores(self) -> Array:
        """Accuracy (or R2) of every network on the test rows: (groups, lanes)."""
        found = np.empty((len(self.groups), self._lanes))
        _check(self._library.unstuck_score(self._population, _pointer(found)))
        if self.data.classes:
            return found / len(self.data.x_test)
        y = self.data.y_test.reshape(len(self.data.y_test), -1)
        spread = ((y - y.mean(axis=0)) ** 2).sum()
        if not spread > 0:
            return np.zeros_like(found)
        return np.where(np.isfinite(found), np.maximum(0, 1 - found / spread), 0)


def _rows(data: Data, recipe: Recipe) -> dict[str, Array]:
    """The data by the names of abi.hpp."""
    x, x_test = inputs(data, recipe.scaling)
    y = targets(data.y_train, data.classes, recipe.layers[-1])
    y_test = labels(data.y_test) if data.classes else data.y_test
    return {
        "layers": np.array(recipe.layers, np.int32),
        "x": x,
        "y": np.ascontiguousarray(y, np.float32),
        "x_test": x_test,
        "y_test": np.ascontiguousarray(y_test, np.float32),
    }


# ----- Numbers for the library --------------------------------------------------------------------------

_TYPES: dict[str, Any] = {
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
    "int32": ctypes.c_int32,
    "uint64": ctypes.c_uint64,
}


def _pointer(numbers: Array | None) -> Any:
    """A typed pointer to the numbers; the caller keeps them alive."""
    return None if numbers is None else numbers.ctypes.data_as(ctypes.POINTER(_TYPES[numbers.dtype.name]))


def aligned(numbers: Array) -> Array:
    """A copy that starts on a cache line, as the widest vector loads want it."""
    room = np.empty(numbers.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + numbers.nbytes].view(numbers.dtype).reshape(numbers.shape)
    copy[...] = numbers
    return copy


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("the native engine could not allocate its workspace")
