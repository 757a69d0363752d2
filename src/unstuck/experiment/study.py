"""The study: retrain the user's network with and without each suspect, and say what each one costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from unstuck.checks.factors import Factor
from unstuck.engine import is_native, train
from unstuck.experiment import analysis
from unstuck.experiment.budget import CHOOSERS, Plan, Task, hold_out, plan
from unstuck.facts import Cell, Data, Recipe, Run, Study

Progress = Callable[[float], None]
Cancelled = Callable[[], bool]
Runs = dict[tuple[Recipe, int], Run]
ENOUGH_ROWS = 2000
NEARLY = 0.005  # a difference in accuracy for which nobody would change another setting
FLAT, MOVING = 0.3, 1.0  # points per doubling of the epochs: a flat learning curve, one still on the move


def study(
    recipe: Recipe,
    data: Data,
    factors: Sequence[Factor],
    *,
    seeds: Sequence[int] = tuple(range(12)),
    budget_seconds: float | None = None,
    jobs: int = 1,
    script_curve: Sequence[tuple[float, float]] = (),
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Study:
    """Measure what each factor is worth to the program `recipe`, as written and repaired.

    Parameters
    ----------
    recipe
        The program as written, with its wrong backward pass if it has one.
    seeds
        At least 3; with a budget the first 12 of them or fewer are used.
    budget_seconds
        Time within which the study should end on this machine; it decides on epochs, variants and seeds.
        None: everything, for the recipe's own epochs.
    jobs
        Threads of the native engine, or processes.  What a plan measures does not depend on them.
    script_curve
        (epoch, test accuracy) of the script's own run, which the engine's runs as written should meet.
    progress
        Called with the finished share of the work, 0 to 1.
    cancelled
        Asked now and then; when it answers True, or on KeyboardInterrupt, what is finished is reported.

    Raises
    ------
    ValueError
        when the engine cannot run even the repaired program; the text is the reason.
    """
    started = perf_counter()
    data, fewer = _enough_test_rows(data)
    wanted = [int(epoch) for epoch, _ in script_curve if epoch == int(epoch)]
    chosen = plan(recipe, data, factors, seeds, budget_seconds, jobs, wanted)
    if chosen is None:
        note = f"Nothing was retrained: not even one epoch with three seeds fits into {budget_seconds:.0f} s."
        return Study(
            _metric(data), 0, 0, 0, None, None, None, None, (), (), (), (), (), None,
            perf_counter() - started, (note,),
        )  # fmt: skip
    runs: Runs = {}
    choosing: Runs = {}
    notes = []
    try:
        for task, finished in _conduct(chosen, data, jobs, progress, cancelled):
            (choosing if task.held_out else runs).update({(run.recipe, run.seed): run for run in finished})
    except KeyboardInterrupt:
        notes.append("Interrupted: only what was finished by then is reported.")
    expected = sum(len(task.recipes) * len(task.seeds) for task in chosen.tasks)
    if not notes and len(runs) + len(choosing) < expected:
        notes.append("Cancelled: only what was finished by then is reported.")
    notes = [*notes, *chosen.notes, *fewer]
    return _evaluate(chosen, recipe, data, runs, choosing, script_curve, started, notes)


def _enough_test_rows(data: Data) -> tuple[Data, list[str]]:
    """At most ENOUGH_ROWS of the test rows: scoring more would cost more time than it narrows the intervals."""
    rows = len(data.x_test)
    if rows <= ENOUGH_ROWS:
        return data, []
    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:ENOUGH_ROWS])
    part = replace(data, x_test=data.x_test[chosen], y_test=data.y_test[chosen])
    return part, [f"The networks were scored on {ENOUGH_ROWS} of the {rows} test rows, drawn once for all."]


# ----- Training -----------------------------------------------------------------------------------------


def _conduct(
    chosen: Plan, data: Data, jobs: int, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[tuple[Task, list[Run]]]:
    """Train all tasks, in this process or in several, and hand over each one's runs when it is finished."""
    total = sum(len(task.recipes) * len(task.seeds) for task in chosen.tasks) * chosen.epochs
    done = 0

    def tick(network_epochs: int) -> None:
        nonlocal done
        done += network_epochs
        if progress is not None:
            progress(done / total)

    alone = jobs == 1 or len(chosen.tasks) == 1
    outside = [task for task in chosen.tasks if not (alone or is_native(task.recipes[0]))]
    for task in chosen.tasks:
        if task not in outside:
            yield _perform(task, data, chosen.epochs, chosen.checkpoints, cancelled, tick, jobs)
            if cancelled is not None and cancelled():
                return
    if not outside:
        return
    from joblib import Parallel, delayed

    workers = Parallel(n_jobs=jobs, batch_size=1, pre_dispatch="all", return_as="generator_unordered")
    calls = (delayed(_perform)(task, data, chosen.epochs, chosen.checkpoints) for task in outside)
    for task, finished in workers(calls):
        tick(len(task.recipes) * len(task.seeds) * chosen.epochs)
        yield task, finished
        if cancelled is not None and cancelled():
            return


def _perform(
    task: Task,
    data: Data,
    epochs: int,
    checkpoints: tuple[int, ...],
    cancelled: Cancelled | None = None,
    progress: Callable[[int], None] | None = None,
    threads: int = 1,
) -> tuple[Task, list[Run]]:
    rows = hold_out(data) if task.held_out else data
    return task, train(
        task.recipes,
        rows,
        task.seeds,
        epochs=epochs,
        checkpoints=checkpoints,
        cancelled=cancelled,
        progress=progress,
        jobs=threads,
    )


# ----- Evaluation ---------------------------------------------------------------------------------------


def _evaluate(
    chosen: Plan,
    recipe: Recipe,
    data: Data,
    runs: Runs,
    choosing: Runs,
    script_curve: Sequence[tuple[float, float]],
    started: float,
    notes: Sequence[str],
) -> Study:
    """Turn the runs into a `Study`."""
    design = chosen.design
    cells = analysis.cells(design, chosen.seeds, runs)
    as_written, repaired = cells.get(frozenset()), cells.get(frozenset(design.base))
    best, choice = _best(chosen, data, cells, choosing)
    return Study(
        metric=_metric(data),
        epochs=chosen.epochs,
        seeds=len(chosen.seeds),
        trainings=len(runs) + len(choosing),
        as_written=as_written.estimate if as_written else None,
        repaired=repaired.estimate if repaired else None,
        best=best.estimate if best else None,
        best_recipe=best.recipe if best else None,
        path=analysis.path(design, cells, best),
        effects=analysis.single_effects(design, cells),
        interactions=analysis.interactions(design, cells),
        advice=analysis.advice(design, cells),
        cells=tuple(cells.values()),
        validation=analysis.validate(as_written, script_curve, data) if as_written else None,
        seconds=perf_counter() - started,
        notes=(*notes, *_length(chosen, recipe, cells, best), *choice),
        best_on=best.on if best else (),
    )


def _metric(data: Data) -> str:
    name = "accuracy" if data.classes else "R2"
    return f"test {name}" if data.test == "script" else f"{name} on rows held out of the training rows"


def _best(
    chosen: Plan, data: Data, cells: Mapping[frozenset[str], Cell], choosing: Runs
) -> tuple[Cell | None, list[str]]:
    """The fewest changes that come within NEARLY of the highest score on held-out training rows, and a note.

    The choice never looks at the test rows, so the test score of the best cell is not flattered by it.
    """
    seeds = chosen.seeds[:CHOOSERS]
    candidates = chosen.design.candidates()
    ranking: dict[frozenset[str], float] = {}
    for variant in candidates:
        mine = [choosing[variant.recipe, seed].score for seed in seeds if (variant.recipe, seed) in choosing]
        if len(mine) == len(seeds) and frozenset(variant.on) in cells:
            ranking[frozenset(variant.on)] = float(np.mean(mine))
    if len(candidates) == 1:
        return cells.get(frozenset(candidates[0].on)), []
    if len(ranking) < len(candidates):
        return None, ["The best settings were not chosen: not all of them were trained."]
    top = max(ranking.values())
    near = [on for on in ranking if ranking[on] >= top - NEARLY]
    best = cells[min(near, key=lambda on: (len(on), -ranking[on]))]
    rows = len(hold_out(data).x_test)
    return best, [
        f"Of {len(ranking)} combinations of settings the smallest within {100 * NEARLY:g} points of the best on "
        f"{rows} held-out training rows ({len(seeds)} seeds) was chosen; it is reported on the test rows."
    ]


def _length(
    chosen: Plan, recipe: Recipe, cells: Mapping[frozenset[str], Cell], best: Cell | None
) -> list[str]:
    """When the networks trained for fewer epochs than the script: how much the curves still moved."""
    if chosen.epochs >= recipe.epochs:
        return []
    base = frozenset(chosen.design.base)
    slopes = {cell.label: analysis.trend(cell) for cell in cells.values()}
    told = {cells[base].label} if base in cells else set()
    told |= {best.label} if best else set()
    moving = {label: slope for label, slope in slopes.items() if slope is not None and abs(slope) >= MOVING}
    known = {label: slope for label in told if (slope := slopes[label]) is not None}
    text = f"The networks trained for {chosen.epochs} of the script's {recipe.epochs} epochs"
    if not known:
        return [text + "."]
    flat = max(map(abs, known.values())) < FLAT
    figures = ", ".join(f"{label} {slope:+z.1f}" for label, slope in sorted(known.items()))
    notes = [
        f"{text}; {'the curves were flat' if flat else 'the curves still moved'} "
        f"(points per doubling of the epochs: {figures})."
    ]
    others = sorted(set(moving) - told)
    if others:
        figures = ", ".join(f"{label} {moving[label]:+z.1f}" for label in others)
        notes.append(f"Other variants were still on the move (points per doubling): {figures}.")
    return notes
