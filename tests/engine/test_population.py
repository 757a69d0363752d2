"""Claims about both engines: they equal the reference, whatever the company a network is in."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from by_hand import ByHand
from hypothesis import given, settings
from hypothesis import strategies as st

from unstuck import engine
from unstuck.engine import binding, rules
from unstuck.engine.draws import draw_weights, dropout_draws, dropout_key, least_kept, row_order
from unstuck.engine.population import Population
from unstuck.facts import Array, Data, Init, Recipe

SMALL = (Init("uniform", -0.5, 0.5),) * 2


@pytest.fixture(params=["numpy", "native"], scope="module", autouse=True)
def _engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs with both engines."""
    if request.param == "native" and not binding.backends():
        pytest.skip("the native engine was not built: no C++ compiler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSTUCK_ENGINE", request.param)
        yield


def _data(rows: int = 60, seed: int = 0, features: int = 4, classes: int = 3) -> Data:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features))
    y = (x @ random.normal(size=(features, classes))).argmax(axis=1)
    return Data(x[: rows // 2], y[: rows // 2], x[rows // 2 :], y[rows // 2 :], classes)


def _by_hand(recipe: Recipe, data: Data, seed: int, epochs: int) -> float:
    """Train one network with the reference step on the engine's draws and score it."""
    mean, sd = (data.x_train.mean(0), data.x_train.std(0)) if recipe.scaling == "standard" else (0, 1)
    x_train, y_train = (
        (data.x_train - mean) / sd,
        engine.targets(data.y_train, data.classes, recipe.layers[-1]),
    )
    weights = draw_weights(recipe, seed)
    biases = [np.zeros(width) for width in recipe.layers[1:]]
    optimiser = ByHand(recipe, [*weights, *biases])
    for epoch in range(1, epochs + 1):
        order = row_order(recipe.order, len(x_train), seed, epoch)
        for start in range(0, len(order), recipe.batch):
            rows = order[start : start + recipe.batch]
            masks: list[Array] | None = None
            if recipe.dropout:
                masks = [
                    dropout_draws(dropout_key(seed, layer, epoch), start * units, len(rows) * units)
                    .reshape(len(rows), units)
                    .astype(int)
                    >= least_kept(recipe.dropout)
                    for layer, units in enumerate(recipe.layers[1:-1])
                ]
            found = engine.gradients(recipe, weights, biases, x_train[rows], y_train[rows], masks)
            optimiser.step([*found[0], *found[1]], epoch)
    return engine.accuracy(recipe, weights, biases, (data.x_test - mean) / sd, data.y_test, data.classes)


RECIPES = st.builds(
    Recipe,
    layers=st.sampled_from([(4, 3), (4, 5, 3), (4, 5, 6, 3)]),
    activation=st.sampled_from(list(rules.ACTIVATIONS)),
    bias=st.booleans(),
    dropout=st.sampled_from([0.0, 0.25]),
    dropout_scale=st.sampled_from([1.0, 4 / 3]),
    optimiser=st.just("momentum"),
    momentum=st.sampled_from([0.0, 0.5]),
    rate=st.just(0.05),
    batch=st.sampled_from([1, 4, 7]),
    order=st.sampled_from(["sequential", "shuffled", "random"]),
    scaling=st.sampled_from(["none", "standard"]),
    backward=st.sampled_from(rules.BACKWARDS),
)
MOVES: list[dict[str, Any]] = [
    {"optimiser": "sgd", "momentum": 0.0},
    {"schedule": (1.0, 0.1)},
    {"optimiser": "nesterov", "decay": 0.05},
    {"optimiser": "rmsprop", "memory": 0.9, "epsilon": 1e-4, "decay": 0.1, "decay_biases": True},
    {"optimiser": "sgd", "clip": 0.1, "clip_norm": 0.2},
    {"optimiser": "adagrad", "epsilon": 1e-6, "clip_norm": 0.5},
    {"optimiser": "rmsprop", "memory": 0.9, "epsilon": 1e-4},
    {"optimiser": "adam", "decay": 0.1, "decoupled": True, "epsilon": 1e-4},
]  # ways to move the weights
PAIRS = [(output, loss) for loss, outputs in rules.LOSSES.items() for output in outputs]


def _ones(x: Array) -> Array:
    return np.column_stack([x, np.ones(len(x))]).astype(np.float32)


@settings(deadline=None, max_examples=80)
@given(RECIPES, st.lists(st.sampled_from(PAIRS), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_population_takes_the_reference_step(
    recipe: Recipe, pairs: list[tuple[str, str]], own_rows: bool, solo: bool
) -> None:
    """After a step every lane holds the weights and biases of the float64 reference step."""
    recipes = [recipe.with_(output=output, loss=loss) for output, loss in pairs[: 1 if solo else 3]]
    starts = [draw_weights(r, seed) for seed, r in enumerate(recipes)]
    population = Population(recipes, starts, solo)
    random = np.random.default_rng(0)
    width = population.lanes if own_rows and not solo else 1
    x = random.normal(size=(width, recipe.batch, 4))
    y = np.eye(3)[random.integers(3, size=(width, recipe.batch))]
    masks = [
        random.integers(2, size=(recipe.batch, units, population.lanes)) * np.float32(recipe.dropout_scale)
        for units in recipe.layers[1:-1]
    ]
    rows = np.stack([_ones(v) for v in x], axis=2) if width > 1 else _ones(x[0])
    population.step(rows, np.moveaxis(y, 0, 2), masks)
    for lane, (r, start) in enumerate(zip(recipes, starts, strict=True)):
        kept = [(mask[:, :, lane] > 0).astype(float) for mask in masks]
        zeros = [np.zeros(units) for units in r.layers[1:]]
        mine = lane if width > 1 else 0
        weights, biases = engine.step(r, start, zeros, x[mine], y[mine], kept)
        for found, weight, bias in zip(population.weights, weights, biases, strict=True):
            np.testing.assert_allclose(found[:-1, :, lane], weight, atol=2e-6)
            np.testing.assert_allclose(found[-1, :, lane], bias, atol=2e-6)


@settings(deadline=None, max_examples=30)
@given(RECIPES, st.sampled_from(PAIRS), st.integers(0, 99), st.sampled_from(MOVES))
def test_training_is_the_references_step_repeated(
    recipe: Recipe, pair: tuple[str, str], seed: int, changes: dict[str, Any]
) -> None:
    """Every network of a mixed population scores as the reference step does, repeated on the same draws."""
    recipe = recipe.with_(output=pair[0], loss=pair[1], **changes)
    if len(recipe.layers) == 3:
        recipe = recipe.with_(layer_rates=(0.5, 1.0))
    data = _data(seed=seed)
    mixed = [recipe, recipe.with_(bias=not recipe.bias), recipe.with_(output="linear", loss="squared")]
    mixed.append(recipe.with_(backward="exact", rate=0.02, dropout=0.5))
    runs = engine.train(mixed, data, [seed, seed + 1], epochs=2, checkpoints=[2])
    for run in runs:
        with np.errstate(all="ignore"):
            expected = _by_hand(run.recipe, data, run.seed, 2)
        # one of 30 test rows may lie on a boundary that the two precisions draw differently
        assert run.score == pytest.approx(expected, abs=0.034)


@pytest.mark.parametrize("order", ["sequential", "shuffled"])
@pytest.mark.parametrize("batch", [1, 5])
def test_results_do_not_depend_on_company(order: str, batch: int) -> None:
    """A network's curve is the same bits alone, with other recipes, and with other seeds."""
    data = _data(rows=400)
    recipe = Recipe(
        (4, 10, 3), bias=False, dropout=0.5, dropout_scale=2.0, rate=0.05, order=order, batch=batch
    )
    others = [
        recipe.with_(bias=True),
        recipe.with_(output="softmax", loss="cross-entropy"),
        recipe.with_(rate=0.01),
    ]
    others += [recipe.with_(layers=(4, 20, 3)), recipe.with_(dropout=0.0)]
    alone = engine.train([recipe], data, [7], epochs=4, checkpoints=range(5))[0]
    together = engine.train([*others, recipe], data, [*range(11), 30], epochs=4, checkpoints=range(5))
    assert alone in together


def test_wider_networks_share_the_narrow_ones_draws() -> None:
    """Equal seeds give equal draws: the first units of a wider layer are those of the narrow one."""
    narrow = draw_weights(Recipe((4, 5, 3), init=SMALL), 1)
    wide = draw_weights(Recipe((4, 10, 3), init=SMALL), 1)
    assert wide[0][:, :5].tolist() == narrow[0].tolist()
    assert np.abs(wide[0]).max() <= 0.5


def test_large_networks_are_trained_alone_with_the_same_result() -> None:
    """A network that is large enough for BLAS calls agrees with the reference as well."""
    data = _data(rows=120, features=40)
    recipe = Recipe((40, 30, 3), rate=0.05, batch=60, dropout=0.5, dropout_scale=2.0)
    run = engine.train([recipe], data, [5], epochs=5, checkpoints=[5])[0]
    assert run.score == pytest.approx(_by_hand(recipe, data, 5, 5), abs=0.02)


def test_diverged_networks_neither_crash_nor_warn(recwarn: pytest.WarningsRecorder) -> None:
    """A far too large rate ends as a constant prediction, without a warning, and spares its neighbours."""
    data = _data()
    calm = Recipe((4, 5, 3), rate=0.01)
    runs = engine.train([calm.with_(rate=1e9), calm], data, [1], epochs=3, checkpoints=[3])
    assert runs[0].score == pytest.approx(np.mean(data.y_test == 0))
    assert runs[1] == engine.train([calm], data, [1], epochs=3, checkpoints=[3])[0]
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_easy_problem_is_learned_as_scikit_learn_learns_it() -> None:
    """On separable classes the engine comes as far as MLPClassifier with the same layers."""
    from sklearn.base import clone
    from sklearn.datasets import load_iris
    from sklearn.neural_network import MLPClassifier

    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    x, y = (x[order] - x.mean(0)) / x.std(0), y[order]
    data = Data(x[:100], y[:100], x[100:], y[100:], 3)
    recipe = Recipe((4, 8, 3), output="softmax", loss="cross-entropy", rate=0.1, batch=10)
    runs = engine.train([recipe], data, range(6), epochs=60, checkpoints=[50, 55, 60])
    peer = MLPClassifier(
        (8,), solver="sgd", batch_size=10, learning_rate_init=0.1, momentum=0, alpha=0, max_iter=60, tol=0
    )
    peers = [clone(peer).set_params(random_state=seed).fit(x[:100], y[:100]) for seed in range(3)]
    assert np.mean([run.score for run in runs]) == pytest.approx(
        np.mean([peer.score(x[100:], y[100:]) for peer in peers]), abs=0.04
    )


def test_regression_is_scored_by_r2() -> None:
    """A linear network finds a linear function of several targets."""
    random = np.random.default_rng(2)
    x = random.normal(size=(200, 3))
    y = x @ random.normal(size=(3, 2))
    data = Data(x[:150], y[:150], x[150:], y[150:], 0)
    run = engine.train([Recipe((3, 2), rate=0.1)], data, [0], epochs=20, checkpoints=[0, 20])[0]
    assert run.curve[0] < 0.9 < 0.999 < run.curve[1] == run.score


def test_the_script_can_hand_over_its_own_start() -> None:
    """Networks that start from given weights at rate zero show those weights' accuracy."""
    data = _data()
    recipe = Recipe((4, 5, 3), rate=0.0)
    start = draw_weights(recipe, 99)
    run = engine.train([recipe], data, [1], epochs=1, checkpoints=[1], initial=start)[0]
    zeros = [np.zeros(5), np.zeros(3)]
    assert run.score == pytest.approx(engine.accuracy(recipe, start, zeros, data.x_test, data.y_test, 3))


def test_cancelling_keeps_the_finished_populations() -> None:
    """Work is asked whether to stop before every epoch; what is finished is returned, the rest is not."""
    data = _data()
    recipes = [Recipe((4, 5, 3)), Recipe((4, 6, 3))]
    done: list[int] = []
    runs = engine.train(
        recipes,
        data,
        [1, 2],
        epochs=2,
        checkpoints=[2],
        cancelled=lambda: len(done) > 2,
        progress=done.append,
    )
    assert [run.recipe for run in runs] == recipes[:1] * 2
    assert done == [2, 2, 2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"activation": "swish"}, "activation 'swish'"),
        ({"loss": "cross-entropy"}, "output 'linear' with loss 'cross-entropy'"),
        ({"backward": "stale-weights"}, "backward 'stale-weights'"),
        ({"optimiser": "lbfgs"}, "optimiser 'lbfgs'"),
        ({"init": (Init("constant", 0.0),)}, "init has 1 entries for 2"),
        ({"layers": (4, 5, 7)}, "the data have 3 classes"),
        ({"layers": (9, 5, 3)}, "the data have 4 features"),
        ({"batch": 0}, "batch size 0"),
    ],
)
def test_what_cannot_be_run_is_said(change: dict[str, object], reason: str) -> None:
    """A recipe outside the engine's reach is refused with the reason in words."""
    recipe = Recipe((4, 5, 3)).with_(**change)
    assert reason in engine.supports(recipe, _data())
    with pytest.raises(ValueError, match="cannot run"):
        engine.train([recipe], _data(), [0], epochs=1, checkpoints=[1])
