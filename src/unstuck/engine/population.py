"""A population of networks of one shape, trained side by side in float32 by one sequence of array operations.

The population is the LAST axis ("lane") of every array: activations (batch, units, lanes), weights
(inputs, outputs, lanes).  Python's price per operation is paid once for all networks, and the innermost loops
run over contiguous lanes.  A bias is the last row of its weight matrix; the matching input is always 1.

Where all lanes see the same rows, the first layer is ONE matrix product: (batch, inputs) times
(inputs, outputs * lanes).  A lane's numbers never depend on its neighbours: lanes are padded to whole vector
registers, so that a network's result is the same bits alone and among a thousand.

Networks with much arithmetic per step gain nothing from neighbours; they are trained as a population of one
("solo"), where every contraction is a BLAS call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from unstuck.engine import rules
from unstuck.engine.networks import factor, is_clipped, rates
from unstuck.engine.optimisers import Optimiser
from unstuck.facts import Array, Recipe

REGISTER = 16  # float32 numbers in the widest vector register; lanes come in multiples of it
_MINUS_ONE = np.float32(-1)


@dataclass(frozen=True)
class _Rule:
    """A run of neighbouring lanes that share the named rules."""

    lanes: slice
    names: tuple[str, ...]


def _runs(names: Sequence[tuple[str, ...]]) -> list[_Rule]:
    """Neighbouring lanes with equal names, as slices."""
    runs, start = [], 0
    for key, members in groupby(names):
        stop = start + len(list(members))
        runs.append(_Rule(slice(start, stop), key))
        start = stop
    return runs


def _each(recipes: Sequence[Recipe], value: Callable[[Recipe], float]) -> Array:
    """One number for each lane."""
    return np.array([value(r) for r in recipes], np.float32)


class _Workspace:
    """The arrays that one step writes to, for one batch size; allocated once and used for every step."""

    def __init__(self, layers: tuple[int, ...], batch: int, lanes: int, has_bias: Array) -> None:
        def empty(*shape: int) -> Array:
            return np.empty(shape, np.float32)

        widths = layers[1:]
        self.z = [empty(batch, width, lanes) for width in widths]
        self.delta = [empty(batch, width, lanes) for width in widths]
        self.scaled = [empty(batch, width, lanes) for width in widths]
        self.slope = [empty(batch, width, lanes) for width in widths[:-1]]
        self.gradient = [empty(inputs + 1, outputs, lanes) for inputs, outputs in pairwise(layers)]
        self.a = [empty(batch, width + 1, lanes) for width in widths[:-1]]
        self.units = [a[:, :-1] for a in self.a]
        for a in self.a:
            a[:, -1] = has_bias  # the input of the bias: 0 keeps a bias at 0


class Population:
    """The weights of many networks of one shape, and the step that moves them all.

    Parameters
    ----------
    recipes
        One per lane.  They agree in layers, activation, optimiser and batch size, and in whether there is a
        weight decay or a bound; everything else is a lane's own.  Lanes that agree in (output, loss,
        backward) should be neighbours.
    weights
        For each lane its initial weight matrices (inputs, outputs); biases start at zero.
    solo
        Train a single network by BLAS calls.
    """

    def __init__(self, recipes: Sequence[Recipe], weights: Sequence[Sequence[Array]], solo: bool) -> None:
        from scipy.linalg.blas import sger

        self._rank_one = sger
        recipes, weights = list(recipes), list(weights)
        self.networks, self.solo = len(recipes), solo
        if not solo:
            padding = -len(recipes) % REGISTER
            recipes, weights = recipes + recipes[-1:] * padding, weights + weights[-1:] * padding
        self.lanes, self.first = len(recipes), recipes[0]
        self.layers = self.first.layers
        self.weights = [
            np.concatenate([np.stack(w, axis=2), np.zeros((1, w[0].shape[1], len(w)))]).astype(np.float32)
            for w in zip(*weights, strict=True)
        ]
        self.has_bias = _each(recipes, lambda r: r.bias)
        self.all_biased = bool(self.has_bias.all())
        self.output_rules = _runs([(r.output, r.loss) for r in recipes])
        self.faults = [rule for rule in _runs([(r.backward,) for r in recipes]) if rule.names[0] != "exact"]
        self._to_move(recipes)
        self._workspaces: dict[int, _Workspace] = {}

    def _to_move(self, recipes: Sequence[Recipe]) -> None:
        """What the update needs: rates, the optimiser with its memories, decay and bounds of every lane."""
        self.recipes = recipes
        self.begin_epoch(1)
        self.optimiser = Optimiser(
            self.first.optimiser,
            momentum=_each(recipes, lambda r: r.momentum),
            memory=_each(recipes, lambda r: r.memory),
            epsilon=_each(recipes, lambda r: r.epsilon),
        )
        self.optimiser.remember(self.weights)
        self.coupled = _each(recipes, lambda r: 0 if r.decoupled else r.decay)
        self.decoupled = _each(recipes, lambda r: r.decay if r.decoupled else 0)
        self.most, self.most_norm = (
            _each(recipes, lambda r: r.clip or np.inf),
            _each(recipes, lambda r: r.clip_norm or np.inf),
        )
        self.clips = is_clipped(self.first)
        self.plain = self.first.optimiser == "sgd" and not self.clips and self.first.decay == 0

    def begin_epoch(self, epoch: int) -> None:
        """Set the rates of an epoch, counted from 1, for each matrix and lane."""
        by_lane = [[each * factor(r, epoch) for each in rates(r)] for r in self.recipes]
        self.rates = list(np.array(by_lane, np.float32).T)

    def _workspace(self, batch: int) -> _Workspace:
        if batch not in self._workspaces:
            self._workspaces[batch] = _Workspace(self.layers, batch, self.lanes, self.has_bias)
        return self._workspaces[batch]

    def step(self, x: Array, y: Array, masks: Sequence[Array] | None) -> None:
        """One step of every network on one batch.

        x      (batch, inputs + 1) when all lanes see the same rows, else (batch, inputs + 1, lanes); the last
               input is 1
        y      (batch, outputs, 1 or lanes)
        masks  for each hidden layer (batch, units, lanes): 0 or the lane's dropout_scale; None: no dropout
        """
        work = self._workspace(len(x))
        self._forward(work, x, masks)
        self._output_delta(work, y)
        self._backward(work, masks)
        if not self.plain:
            self._update(work, x)
            return
        for layer, weight in enumerate(self.weights):
            scaled = np.multiply(work.delta[layer], self.rates[layer], out=work.scaled[layer])
            self._descend(layer, weight, x if layer == 0 else work.a[layer - 1], scaled, work.gradient[layer])

    def outputs(self, x: Array) -> Array:
        """What every network shows for shared rows x (batch, inputs + 1): (batch, outputs, networks)."""
        work = self._workspace(len(x))
        self._forward(work, x, None)
        shown = work.z[-1]
        for rule in self.output_rules:
            part = shown[:, :, rule.lanes]
            part[...] = rules.output(rule.names[0], part, axis=1)
        return shown[:, :, : self.networks]

    # ----- The parts of a step ------------------------------------------------------------------------

    def _forward(self, work: _Workspace, x: Array, masks: Sequence[Array] | None) -> None:
        """Leave the hidden activations in z and, masked, in a; the last pre-activations in z[-1]."""
        activation = rules.ACTIVATIONS[self.first.activation]
        a, last = x, len(self.weights) - 1
        for layer, weight in enumerate(self.weights):
            z = self._mix(a, weight, work.z[layer])
            if layer < last:
                h, a = activation(z, z), work.a[layer]
                if masks is None:
                    work.units[layer][...] = h
                else:
                    np.multiply(h, masks[layer], out=work.units[layer])

    def _output_delta(self, work: _Workspace, y: Array) -> None:
        """Derivative of the loss, averaged over the batch, with respect to the last pre-activations."""
        z, delta = work.z[-1], work.delta[-1]
        for rule in self.output_rules:
            lanes, (output, loss) = rule.lanes, rule.names
            target = y[:, :, lanes] if y.shape[2] > 1 else y
            if output == "linear":
                np.subtract(z[:, :, lanes], target, out=delta[:, :, lanes])
            else:
                shown = rules.output(output, z[:, :, lanes], axis=1)
                delta[:, :, lanes] = rules.output_delta(output, loss, shown, target, axis=1)
        if len(delta) > 1:
            delta *= np.float32(1 / len(delta))

    def _backward(self, work: _Workspace, masks: Sequence[Array] | None) -> None:
        """Send delta back through every hidden layer, by each lane's own rule."""
        activation = self.first.activation
        for layer in range(len(self.weights) - 1, 0, -1):
            delta = self._mix_back(work.delta[layer], self.weights[layer], work.delta[layer - 1])
            h, slope = work.z[layer - 1], work.slope[layer - 1]
            rules.derivative(activation, "exact", h, slope)
            for fault in self.faults:
                lanes = fault.lanes
                rules.derivative(activation, fault.names[0], h[:, :, lanes], slope[:, :, lanes])
            delta *= slope
            if masks is not None:
                delta *= masks[layer - 1]

    # ----- The update ---------------------------------------------------------------------------------

    def _update(self, work: _Workspace, x: Array) -> None:
        """Move all weights by one step of the optimiser."""
        self.optimiser.begin()
        gradients = [self._gradient(layer, work, x) for layer in range(len(self.weights))]
        if self.clips:
            self._bound(gradients)
        for layer, (weight, gradient) in enumerate(zip(self.weights, gradients, strict=True)):
            rate = self.rates[layer]
            decaying = slice(None) if self.first.decay_biases else slice(-1)
            apart = weight[decaying] * (self.decoupled * rate)
            gradient[decaying] += weight[decaying] * self.coupled
            weight -= self.optimiser.step(layer, gradient, rate)
            weight[decaying] -= apart

    def _gradient(self, layer: int, work: _Workspace, x: Array) -> Array:
        """The gradient of a layer's weights and biases."""
        a = x if layer == 0 else work.a[layer - 1]
        gradient = self._outer(a, work.delta[layer], work.gradient[layer])
        if layer == 0 and not self.all_biased:
            gradient[-1] *= self.has_bias  # all lanes share the 1 that the inputs end with
        return gradient

    def _bound(self, gradients: Sequence[Array]) -> None:
        """Bound every number of the gradient, and then its norm, in place."""
        squares = np.zeros(self.lanes, np.float32)
        for gradient in gradients:
            np.clip(gradient, -self.most, self.most, out=gradient)
            squares += np.einsum("ijp,ijp->p", gradient, gradient)
        norm = np.sqrt(squares)
        factor = np.where(norm > self.most_norm, self.most_norm / norm, np.float32(1))
        for gradient in gradients:
            gradient *= factor

    def _descend(self, layer: int, weight: Array, a: Array, scaled: Array, gradient: Array) -> None:
        """Plain descent: take rate times gradient from a layer's weights; `scaled` is delta times each lane's rate."""
        if a.ndim == 2 and len(a) == 1:
            # the rank-1 update in place: BLAS wants columns first, which is the transposed view
            flat = weight.reshape(len(weight), -1)
            self._rank_one(_MINUS_ONE, scaled.reshape(-1), a[0], a=flat.T, overwrite_a=1)
        else:
            np.subtract(weight, self._outer(a, scaled, gradient), out=weight)
        if layer == 0 and not self.all_biased:
            weight[-1] *= self.has_bias  # all lanes share the 1 that the inputs end with

    # ----- The three contractions ---------------------------------------------------------------------

    def _mix(self, a: Array, weight: Array, out: Array) -> Array:
        """Forward: out[b, j] = sum over i of a[b, i] weight[i, j], in every lane."""
        if a.ndim == 2 or self.solo:
            rows = len(a)
            np.dot(a.reshape(rows, -1), weight.reshape(len(weight), -1), out=out.reshape(rows, -1))
            return out
        np.einsum("bip,ijp->bjp", a, weight, out=out)
        return out

    def _mix_back(self, delta: Array, weight: Array, out: Array) -> Array:
        """Backward: out[b, i] = sum over j of delta[b, j] weight[i, j]; the bias row sends nothing back."""
        if self.solo:
            np.dot(delta[:, :, 0], weight[:-1, :, 0].T, out=out[:, :, 0])
            return out
        np.einsum("bjp,ijp->bip", delta, weight[:-1], out=out)
        return out

    def _outer(self, a: Array, delta: Array, out: Array) -> Array:
        """Gradient: out[i, j] = sum over b of a[b, i] delta[b, j], in every lane."""
        if a.ndim == 2 or self.solo:
            rows = len(a)
            np.dot(a.reshape(rows, -1).T, delta.reshape(rows, -1), out=out.reshape(len(out), -1))
            return out
        if len(a) == 1:
            np.multiply(a[0][:, None], delta[0], out=out)
            return out
        np.einsum("bip,bjp->ijp", a, delta, out=out)
        return out
