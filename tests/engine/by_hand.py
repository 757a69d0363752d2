"""Optimisers as their papers write them, in float64: what both engines must do.

Their shares are rounded as the engines hold them: 1 - 0.999 would differ by 1e-5 otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.facts import Array, Recipe


class ByHand:
    """Moves weights, and then as many biases, in place."""

    def __init__(self, recipe: Recipe, parameters: Sequence[Array]) -> None:
        shares = {name: float(np.float32(getattr(recipe, name))) for name in ("momentum", "memory")}
        self.recipe, self.parameters, self.time = recipe.with_(**shares), parameters, 0
        self.velocity = [np.zeros_like(p) for p in parameters]
        self.square = [np.zeros_like(p) for p in parameters]

    def step(self, gradients: Sequence[Array], epoch: int) -> None:
        """One step along the gradients of `reference`, into which the layers' own rates are multiplied."""
        recipe = self.recipe
        self.time += 1
        layers = len(self.parameters) // 2
        own = [*(recipe.layer_rates or (1.0,) * layers)] * 2
        gradients = [g / factor for g, factor in zip(gradients, own, strict=True)]
        if recipe.clip:
            gradients = [np.clip(g, -recipe.clip, recipe.clip) for g in gradients]
        if recipe.clip_norm:
            norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
            gradients = [g * min(1.0, recipe.clip_norm / max(norm, 1e-300)) for g in gradients]
        scheduled = recipe.schedule[min(epoch, len(recipe.schedule)) - 1] if recipe.schedule else 1.0
        for number, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            rate = recipe.rate * own[number] * scheduled
            decay = recipe.decay if number < layers or recipe.decay_biases else 0.0
            old = parameter.copy()
            if not recipe.decoupled:
                gradient = gradient + decay * old
            parameter -= self._step(number, gradient, rate)
            if recipe.decoupled:
                parameter -= rate * decay * old

    def _step(self, number: int, gradient: Array, rate: float) -> Array:
        recipe, kind = self.recipe, self.recipe.optimiser
        if kind == "sgd":
            return rate * gradient
        if kind in ("momentum", "nesterov"):
            self.velocity[number] = velocity = recipe.momentum * self.velocity[number] + rate * gradient
            return velocity if kind == "momentum" else recipe.momentum * velocity + rate * gradient
        if kind == "adagrad":
            self.square[number] = square = self.square[number] + gradient**2
            return rate * gradient / (np.sqrt(square) + recipe.epsilon)
        self.square[number] = square = recipe.memory * self.square[number] + (1 - recipe.memory) * gradient**2
        if kind == "rmsprop":
            return rate * gradient / (np.sqrt(square) + recipe.epsilon)
        self.velocity[number] = mean = (
            recipe.momentum * self.velocity[number] + (1 - recipe.momentum) * gradient
        )
        mean = mean / (1 - recipe.momentum**self.time)
        return rate * mean / (np.sqrt(square / (1 - recipe.memory**self.time)) + recipe.epsilon)
