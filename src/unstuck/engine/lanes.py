"""The native engine's loop: packs networks into the lanes of registers, feeds them, and scores them.

A group is as many networks of one shape as a register has lanes.  Weights, rows and draws are prepared here
from the same addresses as in the NumPy engine, so that both see the same random numbers; the steps, the dropout
masks and the scoring happen in the library (see `native/`).  A call lasts a fraction of a second; between two
calls Python asks whether to go on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from itertools import groupby
from time import perf_counter
from typing import Any

import numpy as np

from unstuck.engine import binding
from unstuck.engine.draws import dropout_key, row_order
from unstuck.engine.networks import Curve, Network, Work, inputs, rates, starting_weights
from unstuck.engine.reference import labels, targets
from unstuck.facts import Array, Recipe

FLEET_BYTES = 256_000_000  # weights that are trained at once
HEAVY = 8_000_000  # multiplications per network and step from which BLAS calls are faster than full lanes (measured)
ORDER_NUMBERS = 4_000_000  # row numbers that are prepared at once
CALL_SECONDS = 0.1  # what a call into the library should last
FIRST_CALL = 2e7  # multiplications of a register in the first call, before its speed is known

Group = Sequence[Network]


def reach(recipe: Recipe) -> bool:
    """Whether this recipe is one for the native engine; where it is not, NumPy trains one network at a time."""
    return len(recipe.layers) - 1 <= binding.MOST_MATRICES and recipe.batch * _size(recipe) < HEAVY


def fleet_size(recipe: Recipe) -> int:
    """Networks of this shape whose weights are kept in memory at once."""
    return max(1, FLEET_BYTES // (4 * _size(recipe)))


def run(
    networks: Sequence[Network], work: Work, backend: binding.Backend | None = None
) -> Iterator[tuple[Network, Curve]]:
    """Train networks of one shape; each one's scores at the checkpoints, as many at once as memory allows.

    Ends early, without the networks at hand, when the work is cancelled.
    """
    backend = backend or binding.backends()[0]
    groups = pack(networks, backend.lanes)
    most = max(work.jobs, fleet_size(networks[0].recipe) // backend.lanes)
    for start in range(0, len(groups), most):
        fleet = Fleet(groups[start : start + most], work, backend)
        curves = _train(fleet, work)
        if curves is None:
            return
        yield from curves


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


def _size(recipe: Recipe) -> int:
    """Weights and biases of a network."""
    return sum((i + 1) * j for i, j in zip(recipe.layers, recipe.layers[1:], strict=False))


# ----- The networks as the library wants them -----------------------------------------------------------


class Fleet:
    """Groups of one shape, laid out in memory for the library.

    `weights` has shape (groups, weights, lanes): the matrices one after the other, each (inputs + 1, outputs)
    with the bias last.  A group that is not full is filled up with copies of its last network.
    """

    def __init__(self, groups: Sequence[Group], work: Work, backend: binding.Backend) -> None:
        self.groups, self.recipe, self.data = groups, groups[0][0].recipe, work.data
        self.seeds = sorted({network.seed for group in groups for network in group})
        self._lanes = backend.lanes
        members = [[*group, *[group[-1]] * (backend.lanes - len(group))] for group in groups]
        self.weights = self._weights(groups, work.initial)
        recipes = [[network.recipe for network in group] for group in members]
        drawn = [[self.seeds.index(network.seed) for network in group] for group in members]
        x, x_test = inputs(self.data, self.recipe.scaling)
        width = self.recipe.layers[-1]
        y = targets(self.data.y_train, self.data.classes, width)
        y_test = labels(self.data.y_test) if self.data.classes else self.data.y_test
        momentum = self.recipe.optimiser == "momentum"
        activations, backwards = binding.ACTIVATIONS, binding.BACKWARDS
        self.drops = any(r.dropout > 0 for group in recipes for r in group) and len(self.recipe.layers) > 2
        self.rows = len(x)

        def each(value: Any, kind: type = np.float32) -> Array:
            return aligned(np.array([[value(r) for r in group] for group in recipes], kind))

        self._arrays: dict[str, Array] = {
            "layers": np.array(self.recipe.layers, np.int32),
            "x": x,
            "y": np.ascontiguousarray(y, np.float32),
            "x_test": x_test,
            "y_test": np.ascontiguousarray(y_test, np.float32),
            "weights": self.weights,
            "rates": aligned(np.moveaxis(each(rates), 1, 2)),
            "momentum": each(lambda r: r.momentum),
            "has_bias": each(lambda r: r.bias),
            "dropout": each(lambda r: r.dropout),
            "scale": each(lambda r: r.dropout_scale if r.dropout > 0 else 1),
            "output": each(lambda r: activations.index(r.output), np.int32),
            "canonical": each(lambda r: r.loss != "squared" or r.output == "linear", np.int32),
            "backward": each(lambda r: backwards.index(r.backward), np.int32),
            "seed": np.array(drawn, np.int32),
        }
        if momentum:
            self._arrays["velocity"] = aligned(np.zeros_like(self.weights))
        self._population = binding.Population(
            matrices=len(self.recipe.layers) - 1,
            activation=activations.index(self.recipe.activation),
            batch=self.recipe.batch,
            classes=self.data.classes,
            groups=len(groups),
            seeds=len(self.seeds),
            threads=work.jobs,
            backend=backend.index,
            rows=len(x),
            test_rows=len(x_test),
            **{name: _pointer(array) for name, array in self._arrays.items()},
        )

    def _weights(self, groups: Sequence[Group], initial: Sequence[Array] | None) -> Array:
        weights = np.empty((len(groups), _size(self.recipe), self._lanes), np.float32)
        for i, group in enumerate(groups):
            for lane, matrices in enumerate(starting_weights(group, initial)):
                whole = [part for w in matrices for part in (w.ravel(), np.zeros(w.shape[1]))]
                weights[i, :, lane] = np.concatenate(whole)
            weights[i, :, len(group) :] = weights[i, :, len(group) - 1, None]
        return aligned(weights)

    def train(self, epochs: range, first: int = 0, last: int | None = None) -> None:
        """Train on the rows of some epochs (counted from 1), or on a part of the rows of one."""
        orders = keys = None
        if self.recipe.order != "sequential":
            orders = np.array(
                [[row_order(self.recipe.order, self.rows, s, e) for s in self.seeds] for e in epochs],
                np.int32,
            )
        if self.drops:
            hidden = range(len(self.recipe.layers) - 2)
            keys = np.array(
                [[[dropout_key(s, layer, e) for s in self.seeds] for layer in hidden] for e in epochs],
                np.uint64,
            )
        call = binding.Epochs(
            len(epochs), first, self.rows if last is None else last, _pointer(orders), _pointer(keys)
        )
        _check(binding.library().unstuck_train(self._population, call))  # type: ignore[union-attr]

    def scores(self) -> Array:
        """Accuracy (or R2) of every network on the test rows: (groups, lanes)."""
        found = np.empty((len(self.groups), self._lanes))
        _check(binding.library().unstuck_score(self._population, _pointer(found)))  # type: ignore[union-attr]
        if self.data.classes:
            return found / len(self.data.x_test)
        y = self.data.y_test.reshape(len(self.data.y_test), -1)
        spread = ((y - y.mean(axis=0)) ** 2).sum()
        if not spread > 0:
            return np.zeros_like(found)
        return np.where(np.isfinite(found), np.maximum(0, 1 - found / spread), 0)


_TYPES = {
    np.dtype(np.float32): ctypes.c_float,
    np.dtype(np.float64): ctypes.c_double,
    np.dtype(np.int32): ctypes.c_int32,
    np.dtype(np.uint64): ctypes.c_uint64,
}


def _pointer(array: Array | None) -> Any:
    """A typed pointer to the array's numbers; the caller keeps the array alive."""
    return None if array is None else array.ctypes.data_as(ctypes.POINTER(_TYPES[array.dtype]))


def aligned(array: Array) -> Array:
    """A copy that starts on a cache line, as the widest vector loads want it."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _check(failed: int) -> None:
    if failed:
        raise MemoryError("the native engine could not allocate its workspace")


# ----- The loop -----------------------------------------------------------------------------------------


def _train(fleet: Fleet, work: Work) -> list[tuple[Network, Curve]] | None:
    """Each network's scores at the checkpoints; None when cancelled."""
    networks = sum(map(len, fleet.groups))
    scores = [fleet.scores()] if 0 in work.checkpoints else []
    epoch, row, rows = 0, 0, fleet.rows
    most = _first_stride(fleet, work)  # rows of a call
    while epoch < work.epochs:
        if work.stopped():
            return None
        started = perf_counter()
        if most < rows or row:
            last = min(rows, row + most)
            fleet.train(range(epoch + 1, epoch + 2), row, last)
            row, done = last % rows, int(last == rows)
        else:
            goal = min((c for c in work.checkpoints if c > epoch), default=work.epochs)
            done = min(goal - epoch, most // rows, max(1, ORDER_NUMBERS // (rows * len(fleet.seeds))))
            fleet.train(range(epoch + 1, epoch + 1 + done))
        seconds = perf_counter() - started
        most = 2 * most if seconds < CALL_SECONDS else most
        most = _whole_batches(most // 2, fleet.recipe.batch) if seconds > 2 * CALL_SECONDS else most
        epoch += done
        if done:
            work.advance(networks, done)
            if epoch in work.checkpoints:
                scores.append(fleet.scores())
    return [
        (network, tuple(float(s[i, lane]) for s in scores))
        for i, group in enumerate(fleet.groups)
        for lane, network in enumerate(group)
    ]


def _first_stride(fleet: Fleet, work: Work) -> int:
    """Rows of the first call: one epoch, or less where that may take long."""
    affordable = FIRST_CALL / (len(fleet.groups) * _size(fleet.recipe))
    return min(fleet.rows, _whole_batches(int(affordable), fleet.recipe.batch))


def _whole_batches(rows: int, batch: int) -> int:
    return max(batch, rows // batch * batch)
