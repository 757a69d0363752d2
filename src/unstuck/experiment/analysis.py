"""From runs to statements: cells, effects, the order of repairs, interactions, and the usual advice.

All comparisons are paired over seeds, because all variants of a seed share their random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from unstuck import stats
from unstuck.checks.factors import Factor
from unstuck.experiment.design import ADVICE, Design
from unstuck.facts import Advice, Array, Cell, Data, Effect, Recipe, Run, Validation

Cells = Mapping[frozenset[str], Cell]
WORTH_A_SENTENCE = 1.0  # points between the two effects of an interaction


def cells(
    design: Design, seeds: Sequence[int], runs: Mapping[tuple[Recipe, int], Run]
) -> dict[frozenset[str], Cell]:
    """The variants of which all seeds were trained, by what is switched on in them."""
    found = {}
    for variant in design.variants:
        mine = tuple(runs[variant.recipe, seed] for seed in seeds if (variant.recipe, seed) in runs)
        if len(mine) == len(seeds):
            estimate = stats.mean_interval([run.score for run in mine])
            found[frozenset(variant.on)] = Cell(variant.label, variant.on, variant.recipe, estimate, mine)
    return found


def scores(cell: Cell) -> Array:
    """One score per seed."""
    return np.array([run.score for run in cell.runs])


def change(found: Cells, factor: str, before: frozenset[str], after: frozenset[str]) -> Effect | None:
    """The paired effect of going from one cell to another; None when one of them was not trained."""
    if before not in found or after not in found:
        return None
    return stats.paired_effect(factor, list(scores(found[before])), list(scores(found[after])))


def path(design: Design, found: Cells, best: Cell | None) -> tuple[Effect, ...]:
    """The repairs in their order, then the settings by their exact Shapley values among correct programs.

    The settings are those of the best program: one that it does without would share out the harm that it does
    among the others.  They follow only when every combination of them was trained; without a best program all
    settings count.
    """
    steps = [
        change(found, name, frozenset(design.base[:n]), frozenset(design.base[: n + 1]))
        for n, name in enumerate(design.base)
    ]
    base = frozenset(design.base)
    names = [factor.name for factor in design.settings if best is None or factor.name in best.on]
    subsets = [frozenset(s) for n in range(len(names) + 1) for s in combinations(names, n)]
    shares = []
    if names and all(base | subset in found for subset in subsets):
        values = stats.shapley(names, lambda on: scores(found[base | on]))
        shares = [stats.effect(name, list(value)) for name, value in values.items()]
        shares.sort(key=lambda effect: -effect.points)
    return (*(step for step in steps if step is not None), *shares)


def single_effects(design: Design, found: Cells) -> tuple[Effect, ...]:
    """Each setting and each knob alone, on the repaired program."""
    base = frozenset(design.base)
    tried = [change(found, f.name, base, base | {f.name}) for f in (*design.settings, *design.knobs)]
    return tuple(effect for effect in tried if effect is not None)


def advice(design: Design, found: Cells) -> tuple[Advice, ...]:
    """The usual advice, one by one and together, before and after the repair."""
    factors = [factor for factor in design.settings if factor.name in ADVICE]
    base, table = frozenset(design.base), []
    for size in range(1, len(factors) + 1):
        for subset in combinations(factors, size):
            on = frozenset(factor.name for factor in subset)
            if base not in found or base | on not in found:
                continue
            as_written = None
            if base and frozenset() in found and on in found:
                as_written = (found[frozenset()].estimate, found[on].estimate)
            repaired = (found[base].estimate, found[base | on].estimate)
            table.append(Advice(" + ".join(factor.label for factor in subset), as_written, repaired))
    return tuple(table)


# ----- Interactions -------------------------------------------------------------------------------------


def interactions(design: Design, found: Cells) -> tuple[str, ...]:
    """Sentences on factors whose effect changes its sign with the repair or with another setting.

    A sentence needs both effects to be told from zero (p < 0.05) with opposite signs, and their difference to
    be told from zero after Holm's correction over all pairs that were looked at.
    """
    base = frozenset(design.base)
    pairs: dict[str, tuple[Effect, Effect]] = {}
    tests: dict[str, float] = {}
    for factor, other, without, within in _contexts(design, base):
        ends = (without, without | {factor.name}, within, within | {factor.name})
        if not all(end in found for end in ends):
            continue
        first, second = change(found, factor.name, *ends[:2]), change(found, factor.name, *ends[2:])
        assert first is not None
        assert second is not None
        values = [scores(found[end]) for end in ends]
        sentence = (
            f"{factor.label} {_worth(first)} {'before' if not other else 'without'} {other or 'the repair'} "
            f"({_move(found, *ends[:2])}) and {_worth(second)} {'after' if not other else 'with'} "
            f"{other or 'it'} ({_move(found, *ends[2:])})."
        )
        pairs[sentence] = (first, second)
        tests[sentence] = stats.effect("", list((values[3] - values[2]) - (values[1] - values[0]))).p
    corrected = stats.holm(tests)
    return tuple(
        sentence[0].upper() + sentence[1:]
        for sentence, (first, second) in pairs.items()
        if corrected[sentence] < 0.05 and _turns(first, second)
    )


def _turns(first: Effect, second: Effect) -> bool:
    """Do both effects stand out, with opposite signs, and is their difference worth a sentence?"""
    apart = first.points * second.points < 0 and max(first.p, second.p) < 0.05
    return apart and abs(first.points - second.points) >= WORTH_A_SENTENCE


def _contexts(
    design: Design, base: frozenset[str]
) -> list[tuple[Factor, str, frozenset[str], frozenset[str]]]:
    """Each factor, what it is compared without and with (empty: the repair), and those two circumstances."""
    contexts: list[tuple[Factor, str, frozenset[str], frozenset[str]]] = []
    if base:
        contexts += [(f, "", frozenset(), base) for f in design.settings if f.name in ADVICE]
    for factor in design.settings:
        for other in design.settings:
            if factor != other:
                contexts.append((factor, other.label, base, base | {other.name}))
    return contexts


def _worth(effect: Effect) -> str:
    """'gains 5.9 points' or 'costs 22.8 points'."""
    return f"{'gains' if effect.points > 0 else 'costs'} {abs(effect.points):.1f} points"


def _move(found: Cells, before: frozenset[str], after: frozenset[str]) -> str:
    return f"{found[before].estimate.mean:.3f} → {found[after].estimate.mean:.3f}"


# ----- Does the engine know this program? ---------------------------------------------------------------


def validate(cell: Cell, curve: Sequence[tuple[float, float]], data: Data) -> Validation | None:
    """Compare the script's own accuracy with the engine's runs of the program as written.

    Read at the last epoch at which both are known; None when there is none.  The script is one more
    observation of the same kind, so it has to lie in the prediction interval over seeds, widened by the
    sampling error of the test rows.
    """
    known = {epoch: score for epoch, score in curve if epoch in cell.runs[0].epochs}
    if not known:
        return None
    epoch = int(max(known))
    script, place = known[epoch], cell.runs[0].epochs.index(epoch)
    values = [run.curve[place] for run in cell.runs]
    mean = float(np.mean(values))
    rows = len(data.y_test)
    sampling = mean * (1 - mean) / rows if data.classes else 0.0
    low, high = stats.prediction_interval(values, sampling)
    passed = low <= script <= high
    difference = 100 * (script - mean)
    margin = f"{mean:.3f} ±{(high - low) / 2:.3f} ({len(values)} seeds, {rows} test rows)"
    if passed:
        text = f"Our engine reproduces the script: {script:.3f} at epoch {epoch}, expected {margin}."
    else:
        text = (
            f"Our engine does not reproduce the script: {script:.3f} at epoch {epoch} is "
            f"{abs(difference):.1f} points {'above' if difference > 0 else 'below'} the expected {margin}."
        )
    return Validation(passed, text, epoch, script, stats.mean_interval(values))


def trend(cell: Cell) -> float | None:
    """Points that the mean curve gained over the last doubling of the epochs; None for too short a curve."""
    epochs = cell.runs[0].epochs
    half = [i for i, epoch in enumerate(epochs) if epoch <= epochs[-1] / 2]
    if not half or len(epochs) < 6:
        return None
    curve = np.mean([run.curve for run in cell.runs], axis=0)
    late, early = curve[-2:].mean(), curve[max(0, half[-1] - 1) : half[-1] + 1].mean()
    doublings = np.log2(np.mean(epochs[-2:]) / np.mean(epochs[max(0, half[-1] - 1) : half[-1] + 1]))
    return float(100 * (late - early) / doublings)
