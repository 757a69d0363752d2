"""What a training step costs: the script's own loop, the NumPy engine, and the native engine.

    python benchmarks/engine.py

The unit is one network learning from one row: forward pass, backward pass and update ("net-step").  All programs
train the network of the question (5-10-4, one row per step) on the same rows, in turns, so that a busy machine
disturbs them alike.  The figures are CPU time of this process, not wall time; the smallest of the rounds is the
one that was disturbed least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time

import numpy as np
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from unstuck.engine import binding, vectorised
from unstuck.engine.draws import draw_weights
from unstuck.engine.fleet import Fleet, pack
from unstuck.engine.networks import Network, Work
from unstuck.facts import Array, Data, Init, Recipe

ROUNDS = 7
SEEDS = 12
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
CALM = WRITTEN.with_(backward="exact", bias=True, dropout=0.0, dropout_scale=1.0)
CALM_ENTROPY = CALM.with_(output="softmax", loss="cross-entropy")


@dataclass(frozen=True)
class Program:
    """Something that trains: `run(rows)` takes `networks` networks through so many rows."""

    name: str
    networks: int
    rows: int
    run: Callable[[int], None]


def script(x: Array, y: Array, weights: list[Array]) -> None:
    """The loop that people write: one row after the other, one network."""
    first, second = (w.copy() for w in weights)
    for i in range(len(x)):
        row = x[i : i + 1]
        hidden = row.dot(first)
        hidden = (hidden >= 0) * hidden
        mask = np.random.randint(2, size=hidden.shape)
        hidden *= mask * 2
        delta = y[i : i + 1] - hidden.dot(second)
        hidden_delta = delta.dot(second.T) * (hidden >= 0) * mask
        second += 0.002 * hidden.T.dot(delta)
        first += 0.002 * row.T.dot(hidden_delta)


def variants(recipe: Recipe) -> list[Network]:
    """Fifteen programs that differ in the rate, with twelve seeds each: what a study trains side by side."""
    recipes = [recipe.with_(rate=recipe.rate * (1 + i / 100)) for i in range(15)]
    return [Network(r, seed, (i, seed)) for i, r in enumerate(recipes) for seed in range(SEEDS)]


def data(rows: int) -> Data:
    """Rows like those of the question; one test row, because scoring is not timed."""
    x, y = make_classification(rows, n_features=5, n_classes=4, n_clusters_per_class=1, random_state=1)
    return Data(x, y, x[:1], y[:1], 4)


def by_script(rows: int) -> Program:
    """The script itself."""
    given = data(rows)
    weights, y = draw_weights(WRITTEN, 0), np.eye(4)[given.y_train]
    return Program("the script's loop", 1, rows, lambda n: script(given.x_train[:n], y[:n], weights))


def by_numpy(name: str, recipe: Recipe, rows: int) -> Program:
    """The NumPy engine."""
    networks = variants(recipe)

    def run(n: int) -> None:
        for _ in vectorised.run(networks, Work(data(n), 1, (1,))):
            pass

    return Program(f"NumPy engine, {name}", len(networks), rows, run)


def by_library(name: str, recipe: Recipe, rows: int, backend: binding.Backend) -> Program:
    """The native engine on one thread."""
    networks = variants(recipe)
    fleet = Fleet(pack(networks, backend.lanes), Work(data(rows), 1, (1,)), backend)
    label = f"native engine, {backend.name}, {name}"
    return Program(label, len(networks), rows, lambda n: fleet.train(range(1, 2), 0, n))


def seconds(program: Program) -> float:
    """CPU seconds of a net-step: the difference between many rows and a tenth of them, which start alike."""
    few = program.rows // 10
    times = []
    for rows in (few, program.rows):
        start = process_time()
        program.run(rows)
        times.append(process_time() - start)
    return (times[1] - times[0]) / (program.networks * (program.rows - few))


def main() -> None:
    """Print the table."""
    kinds = (("as written", WRITTEN), ("repaired, bias", CALM), ("and cross-entropy", CALM_ENTROPY))
    programs = [by_script(4000)]
    programs += [by_numpy(name, recipe, 600) for name, recipe in kinds]
    programs += [by_library(name, r, 20_000, b) for b in binding.backends() for name, r in kinds]
    found: list[list[float]] = [[] for _ in programs]
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            for program, times in zip(programs, found, strict=True):
                times.append(seconds(program))
    base = min(found[0])
    print(f"{'':48}{'ns, least':>12}{'median':>10}{'times the script':>20}")
    for program, times in zip(programs, found, strict=True):
        least, middle = 1e9 * min(times), 1e9 * median(times)
        print(f"{program.name:48}{least:12.1f}{middle:10.1f}{1e9 * base / least:20.0f}")


if __name__ == "__main__":
    main()
