"""Claims about the native engine: the reference's steps on the same draws, the same bits in any arrangement."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from by_hand import ByHand
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from unstuck import engine
from unstuck.engine import binding, lanes, rules
from unstuck.engine.draws import draw_weights, dropout_draws, dropout_key, least_kept, row_order
from unstuck.engine.fleet import Fleet, pack
from unstuck.engine.networks import Network, Work, inputs
from unstuck.facts import Array, Data, Init, Recipe

pytestmark = pytest.mark.skipif(
    not binding.backends(), reason="the native engine was not built: no C++ compiler"
)
PAIRS = [(output, loss) for loss, outputs in rules.LOSSES.items() for output in outputs]
LARGE = 2.0  # half the range of initial weights that drive tanh, sigmoid and softmax into saturation


def _data(rows: int, classes: int = 3) -> Data:
    random = np.random.default_rng(rows)
    x = random.normal(size=(rows, 4))
    y = random.integers(classes, size=rows) if classes else random.normal(size=(rows, 3))
    return Data(x, y, x, y, classes)


def _trained(networks: Sequence[Network], data: Data, epochs: int, **how: object) -> list[Array]:
    """All weights of each network, one flat array each, after some epochs of the native engine."""
    backend = binding.backends()[how.get("backend", 0)]  # type: ignore[call-overload]
    groups = pack(networks, backend.lanes)
    work = Work(data, epochs, (epochs,), jobs=how.get("jobs", 1))  # type: ignore[arg-type]
    fleet = Fleet(groups, work, backend)
    fleet.train(range(1, epochs + 1))
    place = {network.place: (i, k) for i, group in enumerate(groups) for k, network in enumerate(group)}
    return [fleet.weights[place[n.place][0], :, place[n.place][1]] for n in networks]


def _kept(recipe: Recipe, seed: int, epoch: int, start: int, rows: int) -> list[Array]:
    """Which hidden units are kept in some rows of an epoch, from row `start` on."""
    kept = []
    for layer, units in enumerate(recipe.layers[1:-1]):
        draws = dropout_draws(dropout_key(seed, layer, epoch), start * units, rows * units)
        kept.append(draws.reshape(rows, units).astype(int) >= least_kept(recipe.dropout))
    return kept


def _by_hand(network: Network, data: Data, epochs: int) -> Array:
    """The same by repeated steps of the float64 reference on the same draws."""
    recipe, seed = network.recipe, network.seed
    x = inputs(data, recipe.scaling)[0].astype(np.float64)
    y = engine.targets(data.y_train, data.classes, recipe.layers[-1])
    weights = draw_weights(recipe, seed)
    biases = [np.zeros(width) for width in recipe.layers[1:]]
    optimiser = ByHand(recipe, [*weights, *biases])
    for epoch in range(1, epochs + 1):
        order = row_order(recipe.order, len(x), seed, epoch)
        for start in range(0, len(order), recipe.batch):
            rows = order[start : start + recipe.batch]
            masks = _kept(recipe, seed, epoch, start, len(rows)) if recipe.dropout else None
            found = engine.gradients(recipe, weights, biases, x[rows], y[rows], masks)
            optimiser.step([*found[0], *found[1]], epoch)
    return np.concatenate([np.vstack([w, b]).ravel() for w, b in zip(weights, biases, strict=True)])


SHAPES = st.builds(
    Recipe,
    layers=st.sampled_from([(4, 3), (4, 1, 3), (4, 13, 3), (4, 5, 6, 3), (4, 7, 2, 9, 3)]),
    activation=st.sampled_from(list(rules.ACTIVATIONS)),
    optimiser=st.sampled_from(["sgd", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"]),
    rate=st.just(0.03),
    memory=st.sampled_from([0.9, 0.999]),
    epsilon=st.sampled_from([0.01, 0.1]),  # below, roundings of small gradients become steps
    schedule=st.sampled_from([(), (1.0, 0.5), (0.1,)]),
    decay_biases=st.booleans(),
    batch=st.sampled_from([1, 1, 4, 7]),
    order=st.sampled_from(["sequential", "shuffled", "random"]),
    scaling=st.sampled_from(["none", "standard"]),
    dropout_scale=st.just(1.25),
)


@st.composite
def crews(draw: st.DrawFn) -> list[Network]:
    """Networks of one shape, each with its own seed and everything else that a lane may have of its own."""
    shape = draw(SHAPES)
    matrices = len(shape.layers) - 1
    decays, clips = draw(st.booleans()), draw(st.booleans())
    networks = []
    for i in range(draw(st.integers(1, 20))):
        output, loss = draw(st.sampled_from(PAIRS))
        size = draw(st.sampled_from([0.5, LARGE]))
        recipe = shape.with_(
            output=output,
            loss=loss,
            bias=draw(st.booleans()),
            dropout=draw(st.sampled_from([0.0, 0.2, 0.5])),
            momentum=draw(st.sampled_from([0.0, 0.9])),
            decay=decays * draw(st.sampled_from([1e-3, 0.1])),
            decoupled=draw(st.booleans()),
            clip=draw(st.sampled_from([0.05, 0.5])) if clips else 0.0,
            clip_norm=draw(st.sampled_from([0.0, 0.1, 1.0])) if clips else 0.0,
            layer_rates=draw(st.sampled_from([(), tuple(range(1, matrices + 1))])),
            backward=draw(st.sampled_from(rules.BACKWARDS)),
            init=(Init("uniform", -size, size),) * matrices,
        )
        networks.append(Network(recipe, draw(st.integers(0, 2)), (i, 0)))
    return networks


@settings(deadline=None, max_examples=100)
@given(crews())
def test_every_lane_takes_the_references_steps(networks: list[Network]) -> None:
    """After some steps every lane holds the reference's weights, with any shape, rule, order and company."""
    data = _data(8)
    for network, found in zip(networks, _trained(networks, data, 1), strict=True):
        with np.errstate(all="ignore"):
            expected = _by_hand(network, data, 1)
        kinks = network.recipe.activation in ("relu", "leaky-relu") or network.recipe.output == "relu"
        if kinks and network.recipe.optimiser in ("adagrad", "rmsprop", "adam"):
            continue  # a rounding at a kink is a whole step
        if np.abs(expected).max() < 50:  # beyond that the steps diverge, and roundings grow with them
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3 if kinks else 2e-4)


def _bits(weights: list[Array]) -> list[bytes]:
    """The numbers bit by bit; of NaN there is only one kind."""
    return [np.where(np.isnan(w), np.nan, w).tobytes() for w in weights]


@settings(deadline=None, max_examples=40)
@given(crews(), st.data())
def test_results_are_the_same_bits_in_any_arrangement(networks: list[Network], data: st.DataObject) -> None:
    """Instruction set, number of threads, cuts into calls and company do not change a bit."""
    rows = _data(23)
    expected = _trained(networks, rows, 2)
    backend = data.draw(st.sampled_from(binding.backends())).index
    found = _trained(networks, rows, 2, backend=backend, jobs=data.draw(st.integers(1, 3)))
    assert _bits(found) == _bits(expected)
    some = data.draw(st.integers(1, len(networks)))
    found = _trained(networks[:some], rows, 2, backend=backend)
    assert _bits(found) == _bits(expected[:some])


def test_an_epoch_in_pieces_is_the_same_epoch() -> None:
    """Calls that each train on some rows of an epoch leave the same bits as one call for the whole epoch."""
    recipe = Recipe((4, 9, 3), dropout=0.5, dropout_scale=2.0, batch=2, order="shuffled")
    networks = [Network(recipe, seed, (0, seed)) for seed in range(5)]
    whole, pieces = (Fleet([networks], Work(_data(50), 1, (1,)), binding.backends()[0]) for _ in range(2))
    whole.train(range(1, 2))
    for first, last in pairwise([0, 2, 14, 36, 50]):
        pieces.train(range(1, 2), first, last)
    assert pieces.weights.tobytes() == whole.weights.tobytes()


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("output", ["linear", "sigmoid", "softmax"])
def test_scores_are_the_references(classes: int, output: str) -> None:
    """Accuracy and R2 of every lane are those of the reference, for one output and for several."""
    width = 1 if classes == 2 else 3
    recipe = Recipe((4, 6, width), output=output, init=(Init("uniform", -1.0, 1.0),) * 2)
    data = _data(101, classes)
    networks = [Network(recipe, seed, (0, seed)) for seed in range(20)]
    curves = dict(lanes.run(networks, Work(data, 0, (0,))))
    for network, curve in curves.items():
        weights = draw_weights(recipe, network.seed)
        biases = [np.zeros(6), np.zeros(width)]
        expected = engine.accuracy(recipe, weights, biases, inputs(data, "none")[1], data.y_test, classes)
        assert list(curve) == pytest.approx([expected], abs=1e-5)


def test_both_engines_draw_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long trainings of a calm network end at the same accuracy in both engines, at every checkpoint."""
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 4))
    y = (x @ random.normal(size=(4, 3))).argmax(axis=1)
    data = Data(x[:300], y[:300], x[300:], y[300:], 3)
    recipe = Recipe((4, 10, 3), "tanh", dropout=0.3, dropout_scale=1 / 0.7, rate=0.01)
    curves = []
    for which in ("numpy", "native"):
        monkeypatch.setenv("UNSTUCK_ENGINE", which)
        curves.append(
            [r.curve for r in engine.train([recipe], data, [3, 4], epochs=9, checkpoints=[3, 6, 9])]
        )
    np.testing.assert_allclose(curves[0], curves[1], atol=1 / 300 + 1e-9)


def test_the_environment_chooses_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """UNSTUCK_ENGINE forces one engine, and demanding one that was not built is an error in words."""
    monkeypatch.setenv("UNSTUCK_ENGINE", "numpy")
    assert engine.name() == "NumPy"
    monkeypatch.setenv("UNSTUCK_ENGINE", "native")
    assert engine.name() == f"native ({binding.backends()[0].name})"
    monkeypatch.setattr(binding, "backends", lambda: ())
    with pytest.raises(RuntimeError, match="was not built"):
        engine.name()
    monkeypatch.delenv("UNSTUCK_ENGINE")
    assert engine.name() == "NumPy"


# ----- The question's network ---------------------------------------------------------------------------

WRITTEN = Recipe(
    (5, 10, 4),
    bias=False,
    dropout=0.5,
    dropout_scale=2.0,
    rate=0.002,
    layer_rates=(0.5, 1.0),
    init=(Init("uniform", -0.1, 0.1),) * 2,
    order="sequential",
    backward="activation-derivative-one",
)
REPAIRED = WRITTEN.with_(backward="exact")
CALM = REPAIRED.with_(bias=True, dropout=0.0, dropout_scale=1.0)
KNOWN = [
    (WRITTEN, 0.794, 0.004),
    (WRITTEN.with_(bias=True), 0.566, 0.064),
    (REPAIRED, 0.814, 0.002),
    (REPAIRED.with_(bias=True), 0.873, 0.007),
    (CALM, 0.924, 0.005),
    (CALM.with_(output="softmax", loss="cross-entropy"), 0.929, 0.001),
]  # mean and standard deviation over 12 seeds of an independent implementation, mean of the last 10 epochs


def test_the_questions_network_ends_where_an_independent_implementation_ends() -> None:
    """After 300 epochs each variant of the script has the accuracy that was measured without this engine."""
    x, y = make_classification(10_000, n_features=5, n_classes=4, n_clusters_per_class=1, random_state=1)
    a, b, c, d = train_test_split(x, y, test_size=0.2, random_state=1)
    recipes = [recipe for recipe, _, _ in KNOWN]
    runs = engine.train(
        recipes, Data(a, c, b, d, 4), range(10), epochs=300, checkpoints=range(272, 301), jobs=2
    )
    for recipe, mean, sd in KNOWN:
        scores = [run.score for run in runs if run.recipe == recipe]
        assert np.mean(scores) == pytest.approx(mean, abs=0.003 + 2 * sd * (1 / 10 + 1 / 12) ** 0.5), recipe
