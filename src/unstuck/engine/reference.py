"""One network, one step, in float64: the readable truth that the fast engine is tested against.

Arrays hold one row per sample: x (B, d), y (B, k), weights (inputs, outputs), biases (outputs,).  The inputs
are taken as they come; `Recipe.scaling` is the business of whoever prepares them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.engine import rules
from unstuck.facts import Array, Recipe

Masks = Sequence[Array] | None  # for each hidden layer 1 where a unit is kept, (B, units); None: no dropout


def targets(y: Array, classes: int, width: int) -> Array:
    """The float targets (n, width) that a network with `width` outputs learns: one-hot rows for labels.

    A single output for two classes learns the label 0 or 1 itself.  Targets that have columns already, and
    those of a regression (`classes` 0), are passed on.
    """
    if y.ndim == 2 and y.shape[1] == width:
        return y.astype(np.float64)
    if classes == 0 or width == 1:
        return y.reshape(len(y), -1).astype(np.float64)
    return np.eye(width)[labels(y)]


def labels(y: Array) -> Array:
    """Integer classes (n,) from labels, a column of labels or one-hot rows."""
    if y.ndim == 2 and y.shape[1] > 1:
        return np.asarray(y.argmax(axis=1))
    return y.reshape(len(y)).astype(np.int64)


_Pass = tuple[list[Array], list[Array], Array]


def _layers(
    recipe: Recipe, weights: Sequence[Array], biases: Sequence[Array], x: Array, masks: Masks
) -> _Pass:
    """Inputs of every layer, outputs of the activations before dropout, and what the last layer shows."""
    inputs: list[Array] = [x]
    hidden: list[Array] = []
    a = x
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        z = a @ weight + bias
        if layer == len(weights) - 1:
            return inputs, hidden, rules.output(recipe.output, z, axis=1)
        h = rules.ACTIVATIONS[recipe.activation](z)
        a = h if masks is None else h * masks[layer] * recipe.dropout_scale
        hidden.append(h)
        inputs.append(a)
    raise ValueError("a network needs at least one weight matrix")


def forward(
    recipe: Recipe, weights: Sequence[Array], biases: Sequence[Array], x: Array, masks: Masks = None
) -> Array:
    """What the network shows for the rows of x: (B, k).  Without masks nothing is dropped, as in testing."""
    return _layers(recipe, weights, biases, x, masks)[2]


def loss(recipe: Recipe, shown: Array, y: Array) -> float:
    """Mean over rows of the loss, summed over outputs: half squared error or (binary) cross-entropy."""
    if recipe.loss == "squared":
        rows: Array = 0.5 * (shown - y) ** 2
    elif recipe.loss == "cross-entropy":
        rows = -y * np.log(shown)
    else:
        rows = -y * np.log(shown) - (1 - y) * np.log(1 - shown)
    return float(rows.sum() / len(y))


def gradients(
    recipe: Recipe,
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: Array,
    y: Array,
    masks: Masks = None,
) -> tuple[list[Array], list[Array]]:
    """Gradients of weights and biases as the recipe's backward pass computes them.

    With `backward` "exact" and no `layer_rates` they are those of `loss`; `layer_rates` scale the weights and
    the bias of a layer alike.  Without bias terms the bias gradients are zero.
    """
    inputs, hidden, shown = _layers(recipe, weights, biases, x, masks)
    delta = rules.output_delta(recipe.output, recipe.loss, shown, y, axis=1) / len(x)
    factors = recipe.layer_rates or (1.0,) * len(weights)
    for_weights: list[Array] = [np.empty(0)] * len(weights)
    for_biases: list[Array] = [np.empty(0)] * len(weights)
    for layer in reversed(range(len(weights))):
        for_weights[layer] = factors[layer] * (inputs[layer].T @ delta)
        for_biases[layer] = factors[layer] * delta.sum(axis=0) * recipe.bias
        if layer > 0:
            delta = delta @ weights[layer].T
            delta = delta * rules.derivative(recipe.activation, recipe.backward, hidden[layer - 1])
            if masks is not None:
                delta = delta * masks[layer - 1] * recipe.dropout_scale
    return for_weights, for_biases


def step(
    recipe: Recipe,
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: Array,
    y: Array,
    masks: Masks = None,
) -> tuple[list[Array], list[Array]]:
    """Weights and biases after one step down the gradient on the batch (x, y).

    Momentum starts from rest, so this is also the first step with momentum.
    """
    for_weights, for_biases = gradients(recipe, weights, biases, x, y, masks)
    return (
        [weight - recipe.rate * g for weight, g in zip(weights, for_weights, strict=True)],
        [bias - recipe.rate * g for bias, g in zip(biases, for_biases, strict=True)],
    )


def outputs_to_score(shown: Array, y: Array, classes: int) -> float:
    """Accuracy of outputs (n, k) against labels, or R2 against targets for a regression (`classes` 0).

    Outputs that are not finite count as the first class, which is what argmax makes of them, and as R2 0:
    a diverged network is a constant prediction.  R2 never goes below 0, so that one useless network cannot
    dominate a mean.
    """
    if classes == 0:
        y = y.reshape(len(y), -1)
        residual, spread = ((shown - y) ** 2).sum(), ((y - y.mean(axis=0)) ** 2).sum()
        return float(max(0.0, 1 - residual / spread)) if np.isfinite(residual) and spread > 0 else 0.0
    shown = np.where(np.isfinite(shown).all(axis=1, keepdims=True), shown, 0)
    chosen = shown[:, 0] > 0.5 if shown.shape[1] == 1 else shown.argmax(axis=1)
    return float(np.mean(chosen == labels(y)))


def accuracy(
    recipe: Recipe, weights: Sequence[Array], biases: Sequence[Array], x: Array, y: Array, classes: int
) -> float:
    """Share of rows whose class the network finds, without dropout; R2 for a regression (`classes` 0)."""
    return outputs_to_score(forward(recipe, weights, biases, x), y, classes)
