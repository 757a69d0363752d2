"""Claims about the single-network reference: its gradients, its faults and its scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unstuck import engine
from unstuck.engine import rules
from unstuck.facts import Array, Recipe

PAIRS = [(output, loss) for loss, outputs in rules.LOSSES.items() for output in outputs]


def _problem(recipe: Recipe, seed: int) -> tuple[list[Array], list[Array], Array, Array, list[Array]]:
    random = np.random.default_rng(seed)
    weights = [
        0.5 * random.normal(size=shape) for shape in zip(recipe.layers, recipe.layers[1:], strict=False)
    ]
    biases = [0.5 * random.normal(size=width) for width in recipe.layers[1:]]
    x = random.normal(size=(recipe.batch, recipe.layers[0]))
    y = np.eye(recipe.layers[-1])[random.integers(recipe.layers[-1], size=recipe.batch)]
    masks = [random.integers(2, size=(recipe.batch, width)) for width in recipe.layers[1:-1]]
    return weights, biases, x, y, masks


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PAIRS), st.sampled_from(list(rules.ACTIVATIONS)), st.integers(0, 999), st.booleans())
def test_gradients_are_finite_differences(
    pair: tuple[str, str], activation: str, seed: int, dropout: bool
) -> None:
    """Exact gradients are the central differences of the loss, for every activation, output and loss."""
    recipe = Recipe((3, 4, 5, 2), activation, pair[0], pair[1], batch=3, dropout_scale=1.5)
    weights, biases, x, y, masks = _problem(recipe, seed)
    if not dropout:
        masks = None  # type: ignore[assignment]

    def loss() -> float:
        return engine.loss(recipe, engine.forward(recipe, weights, biases, x, masks), y)

    for_weights, for_biases = engine.gradients(recipe, weights, biases, x, y, masks)
    random, h = np.random.default_rng(seed), 1e-6
    for parameter, gradient in zip([*weights, *biases], [*for_weights, *for_biases], strict=True):
        place = tuple(random.integers(n) for n in parameter.shape)
        kept = parameter[place]
        parameter[place] = kept + h
        above = loss()
        parameter[place] = kept - h
        below = loss()
        parameter[place] = kept
        assert gradient[place] == pytest.approx((above - below) / (2 * h), rel=1e-4, abs=1e-6)


def test_seed_scripts_step_is_reproduced() -> None:
    """The recipe of the always-true relu derivative with a forgotten factor computes the script's update."""
    recipe = Recipe(
        (5, 10, 4),
        bias=False,
        dropout=0.5,
        dropout_scale=2.0,
        rate=0.002,
        layer_rates=(0.5, 1.0),
        backward="activation-derivative-one",
    )
    weights, _, x, y, (mask,) = _problem(recipe, 3)
    w01, w12 = weights[0].copy(), weights[1].copy()
    layer_1 = (x @ w01 >= 0) * (x @ w01)
    layer_1 *= mask * 2
    layer_2_delta = y - layer_1 @ w12
    layer_1_delta = layer_2_delta.dot(w12.T) * (layer_1 >= 0)
    layer_1_delta *= mask
    w12 += 0.002 * layer_1.T.dot(layer_2_delta)
    w01 += 0.002 * x.T.dot(layer_1_delta)
    after, biases = engine.step(recipe, weights, [np.zeros(10), np.zeros(4)], x, y, [mask])
    assert after[0] == pytest.approx(w01)
    assert after[1] == pytest.approx(w12)
    assert not np.any(biases[0])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky-relu"])
def test_faulty_derivatives_are_what_they_are_called(activation: str) -> None:
    """Squared, constant and misfed derivatives follow from the activation's own derivative."""
    h = rules.ACTIVATIONS[activation](np.linspace(-2, 2, 9))
    exact = rules.derivative(activation, "exact", h)
    again = rules.ACTIVATIONS[activation](h)
    assert rules.derivative(activation, "activation-derivative-squared", h) == pytest.approx(exact**2)
    assert rules.derivative(activation, "activation-derivative-one", h) == pytest.approx(np.ones(9))
    misfed = rules.derivative(activation, "activation-derivative-of-output", h)
    assert misfed == pytest.approx(rules.derivative(activation, "exact", again))


def test_diverged_outputs_score_as_a_constant_prediction() -> None:
    """Outputs that are not finite count as the first class, and as R2 0 in a regression."""
    shown = np.full((4, 3), np.nan)
    assert engine.outputs_to_score(shown, np.array([0, 1, 2, 0]), 3) == 0.5
    assert engine.outputs_to_score(shown[:, :1], np.array([0.0, 1.0, 2.0, 0.0]), 0) == 0


def test_scores_agree_with_scikit_learn() -> None:
    """Accuracy and R2 are those of scikit-learn's metrics."""
    from sklearn.metrics import accuracy_score, r2_score

    random = np.random.default_rng(0)
    shown, labels = random.random((50, 3)), random.integers(3, size=50)
    expected = accuracy_score(labels, shown.argmax(axis=1))
    assert engine.outputs_to_score(shown, labels, 3) == pytest.approx(expected)
    y = random.normal(size=50)
    near = y + 0.3 * random.normal(size=50)
    assert engine.outputs_to_score(near[:, None], y, 0) == pytest.approx(r2_score(y, near))


def test_targets_follow_the_outputs() -> None:
    """Labels become one-hot rows, one output keeps the label, and columns pass unchanged."""
    labels = np.array([2, 0, 1])
    assert engine.targets(labels, 3, 3).tolist() == np.eye(3)[labels].tolist()
    assert engine.targets(np.array([1, 0]), 2, 1).tolist() == [[1.0], [0.0]]
    assert engine.targets(np.eye(3), 3, 3).tolist() == np.eye(3).tolist()
