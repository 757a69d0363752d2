"""How much can be trained in the time there is: variants, seeds, epochs and the split over processes.

A short probe times the engine at hand on the user's own data and shapes.  The plan then takes the richest
design that still trains long enough.  Knobs are given up before seeds, and the crossing of settings before the
repair.  The native engine shares one task among threads of its own; for the NumPy engine the tasks are cut and
go to processes.  The shares never change a result, because a network's draws do not depend on its company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from unstuck.checks.factors import Factor
from unstuck.engine import is_native, population_size, shape_of, train
from unstuck.experiment.design import DETAILS, Design, design
from unstuck.facts import Data, Recipe

SAFETY = 0.8  # share of the budget that is planned for; machines are shared and memory is, too
CHOOSERS = 3  # seeds with which the best settings are chosen on held-out training rows
CHECKPOINTS = 12  # times that the networks are scored
LADDER = (
    (DETAILS[0], 12, 15),
    (DETAILS[0], 10, 15),
    (DETAILS[1], 10, 15),
    (DETAILS[2], 10, 15),
    (DETAILS[2], 10, 8),
    *((DETAILS[3], n, 5) for n in (10, 6, 4, 3)),
    *((DETAILS[4], n, 5) for n in (10, 6, 3)),
    (DETAILS[4], 3, 1),
)  # designs, seeds and the epochs that they should get, from the richest to the poorest
ENOUGH_STEPS = 500  # steps that a training should have as well
TIMED_STEPS, PROBED = 4, 10  # steps, at least, and seeds of the probe
TIMED_SECONDS = 0.02  # what the probed steps should take, at least
GROUP = 16  # networks that a thread of the native engine trains side by side
TIMED_ROWS = 50  # test rows that are scored by the probe


@dataclass(frozen=True)
class Task:
    """Networks of one shape that are trained at once; `held_out`: on a part of the training rows."""

    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    held_out: bool = False


@dataclass(frozen=True)
class Price:
    """Seconds of one shape: of a step and of everything else (start, scoring), per population and network."""

    size: int
    step: float
    step_network: float
    score: float
    score_network: float

    def of(self, networks: int, steps: float, scorings: int) -> float:
        """Seconds for training and scoring so many networks."""
        populations = -(-networks // self.size)
        step = self.step * populations + self.step_network * networks
        return steps * step + scorings * (self.score * populations + self.score_network * networks)


Prices = dict[tuple[object, ...], Price]


@dataclass(frozen=True)
class Plan:
    """What will be trained: design, seeds, epochs, the scoring epochs, and the tasks."""

    design: Design
    seeds: tuple[int, ...]
    epochs: int
    checkpoints: tuple[int, ...]
    tasks: tuple[Task, ...]
    notes: tuple[str, ...] = ()


def hold_out(data: Data) -> Data:
    """Four fifths of the training rows to train on, and every fifth, drawn by a fixed seed, to choose by."""
    order = np.random.default_rng(0).permutation(len(data.x_train))
    chosen, rest = np.sort(order[::5]), np.sort(np.delete(order, np.s_[::5]))
    x, y = data.x_train, data.y_train
    return Data(x[rest], y[rest], x[chosen], y[chosen], data.classes, "held out")


def plan(
    recipe: Recipe,
    data: Data,
    factors: Sequence[Factor],
    seeds: Sequence[int],
    seconds: float | None,
    jobs: int,
    wanted: Sequence[int] = (),
) -> Plan | None:
    """The richest study that fits into `seconds` on `jobs` processes; None when not even one epoch does.

    Without a limit everything is trained for the recipe's own epochs with all seeds.  `wanted` are epochs at
    which the script's own accuracy is known.  Raises ValueError when the repaired program cannot be run.
    """
    full = design(recipe, data, factors, DETAILS[0])
    if seconds is None:
        tasks = _tasks(full, tuple(seeds), jobs, {})
        return Plan(full, tuple(seeds), recipe.epochs, _checkpoints(recipe.epochs, wanted), tasks, full.notes)
    started = perf_counter()
    prices = probe(full, data, jobs)
    seconds = SAFETY * (seconds - (perf_counter() - started))
    steps = -(-len(data.x_train) // recipe.batch)
    for detail, n, wished in LADDER:
        enough = min(recipe.epochs, max(wished, -(-ENOUGH_STEPS // steps) if wished > 1 else 1))
        chosen, some = design(recipe, data, factors, detail), tuple(seeds[:n])
        tasks = _tasks(chosen, some, jobs, prices)
        epochs = min(recipe.epochs, _affordable(tasks, prices, steps, seconds, jobs))
        if epochs >= enough:
            notes = (*chosen.notes, *_omissions(full, chosen, len(some), len(seeds)))
            return Plan(chosen, some, epochs, _checkpoints(epochs, wanted), tasks, notes)
    return None


def _omissions(full: Design, chosen: Design, seeds: int, most: int) -> list[str]:
    """What the budget did not allow, in sentences."""
    notes = []
    missing = [f.label for f in (*full.settings, *full.knobs) if f not in (*chosen.settings, *chosen.knobs)]
    if missing:
        notes.append(f"Not measured, for lack of time: {', '.join(missing)}.")
    if full.crossed and not chosen.crossed:
        notes.append("For lack of time each setting was changed alone, so their order effects are unknown.")
    if seeds < min(10, most):
        notes.append(f"For lack of time only {seeds} seeds were trained.")
    return notes


def _checkpoints(epochs: int, wanted: Sequence[int]) -> tuple[int, ...]:
    """Evenly spread epochs up to the last, the first, and those that are wanted."""
    spread = np.linspace(epochs / CHECKPOINTS, epochs, CHECKPOINTS).round().astype(int)
    return tuple(sorted({1, epochs, *spread.tolist(), *wanted} & set(range(1, epochs + 1))))


# ----- The probe ----------------------------------------------------------------------------------------


def probe(full: Design, data: Data, jobs: int) -> Prices:
    """Time every shape of the design on a few steps of the user's own data.

    With processes, the timings are taken on as many at once as will share the machine later, and this is where
    they start.
    """
    shapes: dict[tuple[object, ...], list[Recipe]] = {}
    for variant in full.variants:
        shapes.setdefault(shape_of(variant.recipe), []).append(variant.recipe)
    crews = []
    for recipes in shapes.values():
        few, many = recipes[:1], recipes * (PROBED // len(recipes) + 1)
        crews += [few] if population_size(few[0]) == 1 else [few, many]
    inside = [crew for crew in crews if jobs == 1 or is_native(crew[0])]
    outside = [crew for crew in crews if crew not in inside]
    timed = [_time(crew, data) for crew in inside]
    if outside:
        from joblib import Parallel, delayed

        timed += Parallel(n_jobs=jobs, batch_size=1)(delayed(_time)(crew, data) for crew in outside)
    found: dict[tuple[object, ...], list[tuple[int, float, float]]] = {}
    for crew, (step, score) in zip(inside + outside, timed, strict=True):
        found.setdefault(shape_of(crew[0]), []).append((len(crew) * PROBED, step, score))
    return {shape: _price(population_size(shapes[shape][0]), points) for shape, points in found.items()}


def _price(size: int, points: Sequence[tuple[int, float, float]]) -> Price:
    """Fixed and marginal seconds from (networks, seconds of a step, seconds of a scoring)."""
    networks, step, score = points[0]
    if len(points) == 1:
        return Price(size, 0.0, step / networks, 0.0, score / networks)
    more, step_more, score_more = points[1]
    step_each = max(0.0, (step_more - step) / (more - networks))
    score_each = max(0.0, (score_more - score) / (more - networks))
    return Price(
        size,
        max(0.0, step - networks * step_each),
        step_each,
        max(0.0, score - networks * score_each),
        score_each,
    )


def _time(recipes: Sequence[Recipe], data: Data) -> tuple[float, float]:
    """Seconds of one step and of one scoring (with a share of the start) of these recipes with `PROBED` seeds.

    A few test rows are scored and the rest extrapolated: for a wide network all of them could cost more than the
    whole budget.
    """
    batch, rows, tested = recipes[0].batch, len(data.x_train), len(data.x_test)
    sample = min(tested, TIMED_ROWS)

    def seconds(steps: int, epochs: int = 1, test: int = 1) -> float:
        train_rows = slice(0, steps * batch)
        part = Data(
            data.x_train[train_rows],
            data.y_train[train_rows],
            data.x_test[:test],
            data.y_test[:test],
            data.classes,
        )
        start = perf_counter()
        train(recipes, part, range(PROBED), epochs=epochs, checkpoints=[epochs])
        return perf_counter() - start

    one_row = replace(data, x_test=data.x_test[:1], y_test=data.y_test[:1])
    train(recipes[:1], one_row, [0], epochs=0, checkpoints=[0])  # pays for the imports
    single = seconds(1)
    scoring = max(0.0, seconds(1, test=sample) - single) * tested / sample
    wanted = TIMED_STEPS
    while True:
        steps = min(wanted, -(-rows // batch))
        epochs = 1 + -(-wanted // steps)
        taken = seconds(steps, epochs) - single
        if taken > TIMED_SECONDS:
            break
        wanted *= 4
    step = taken / (epochs * steps - 1)
    return step, scoring + max(0.0, single - step) / CHECKPOINTS


# ----- The split over processes -------------------------------------------------------------------------


def _tasks(chosen: Design, seeds: tuple[int, ...], jobs: int, prices: Prices) -> tuple[Task, ...]:
    """One task for each shape, cut by seeds where a shape alone would keep the other processes waiting."""
    shapes: dict[tuple[object, ...], dict[Recipe, None]] = {}
    for variant in chosen.variants:
        shapes.setdefault(shape_of(variant.recipe), {})[variant.recipe] = None
    tasks = [Task(tuple(recipes), seeds) for recipes in shapes.values()]
    chooser: dict[tuple[object, ...], list[Recipe]] = {}
    if len(chosen.candidates()) > 1:
        for variant in chosen.candidates():
            chooser.setdefault(shape_of(variant.recipe), []).append(variant.recipe)
    tasks += [Task(tuple(recipes), seeds[:CHOOSERS], held_out=True) for recipes in chooser.values()]
    if jobs > 1:
        whole = [task for task in tasks if is_native(task.recipes[0])]
        tasks = whole + _cut([task for task in tasks if task not in whole], jobs, prices)
    return tuple(sorted(tasks, key=lambda task: -_seconds(task, prices)))


def _cut(tasks: list[Task], jobs: int, prices: Prices) -> list[Task]:
    """Halve the longest task as long as that shortens the whole."""
    while tasks and len(tasks) < 100 * jobs:
        longest = max(tasks, key=lambda task: _seconds(task, prices))
        if len(longest.seeds) < 2:
            break
        half = len(longest.seeds) // 2
        parts = [replace(longest, seeds=longest.seeds[:half]), replace(longest, seeds=longest.seeds[half:])]
        cut = [task for task in tasks if task is not longest] + parts
        if _makespan(cut, jobs, prices) > 0.97 * _makespan(tasks, jobs, prices):
            break
        tasks = cut
    return tasks


def _seconds(task: Task, prices: Prices, steps: float = 1.0, scorings: int = 0) -> float:
    """Predicted seconds of a task; without prices its number of networks."""
    price = prices.get(shape_of(task.recipes[0]), Price(1, 0.0, 1.0, 0.0, 0.0))
    return price.of(len(task.recipes) * len(task.seeds), steps * (0.8 if task.held_out else 1.0), scorings)


def _makespan(
    tasks: Sequence[Task], jobs: int, prices: Prices, steps: float = 1.0, scorings: int = 0
) -> float:
    """Predicted seconds until all are done.

    The native engine takes one task after the other, each on as many threads as it has groups of networks.  Then
    the processes start, and the first that is free takes the longest task left.
    """
    first, busy = 0.0, [0.0] * jobs
    for task in sorted(tasks, key=lambda task: -_seconds(task, prices, steps, scorings)):
        seconds = _seconds(task, prices, steps, scorings)
        if is_native(task.recipes[0]):
            first += seconds / min(jobs, -(-len(task.recipes) * len(task.seeds) // GROUP))
        else:
            busy[busy.index(min(busy))] += seconds
    return first + max(busy)


def _affordable(tasks: Sequence[Task], prices: Prices, steps: int, seconds: float, jobs: int) -> int:
    """Epochs of so many steps that fit into the time."""
    scoring = _makespan(tasks, jobs, prices, steps=0, scorings=CHECKPOINTS)
    epoch = _makespan(tasks, jobs, prices, steps=steps)
    return max(0, int((seconds - scoring) / epoch))
