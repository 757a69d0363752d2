"""Claims about the study: what it trains, how it compares, and what it says when it could not."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from sklearn.datasets import make_classification

from unstuck import engine, stats
from unstuck.checks.factors import FACTORS, REPAIR, Factor
from unstuck.experiment import study
from unstuck.experiment.budget import Plan, Price, hold_out, plan
from unstuck.experiment.design import DETAILS, design
from unstuck.facts import Data, Init, Recipe, Study


def small_data(rows: int = 400) -> Data:
    """Three classes in four features, scaled unevenly, three quarters of the rows to train on."""
    x, y = make_classification(
        rows,
        n_features=4,
        n_informative=3,
        n_redundant=0,
        n_classes=3,
        n_clusters_per_class=1,
        random_state=3,
    )
    cut = rows * 3 // 4
    return Data(x[:cut], y[:cut], x[cut:], y[cut:], 3)


FAULTY = Recipe(
    (4, 6, 3),
    bias=False,
    dropout=0.5,
    dropout_scale=2.0,
    rate=0.02,
    epochs=6,
    init=(Init("uniform", -0.3, 0.3),) * 2,
    order="sequential",
    backward="activation-derivative-one",
)
ALL = (REPAIR, *FACTORS)
SEEDS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def data() -> Data:
    return small_data()


@pytest.fixture(scope="module")
def result(data: Data) -> Study:
    return study(FAULTY, data, ALL, seeds=SEEDS)


def _names(on: tuple[str, ...]) -> frozenset[str]:
    return frozenset(on)


def test_correct_programs_are_crossed_and_knobs_turned_alone(data: Data) -> None:
    """All combinations of settings stand on the repaired program; each knob stands there alone."""
    found = [frozenset(variant.on) for variant in design(FAULTY, data, ALL, "everything").variants]
    assert len(found) == len(set(found))
    crossed = [
        on for on in found if on >= {"derivative"} and not any(f.kind == "knob" and f.name in on for f in ALL)
    ]
    assert len(crossed) == 2**4
    assert frozenset({"derivative", "width-x4"}) in found
    assert frozenset({"bias", "cross-entropy"}) in found
    assert frozenset() in found


def test_a_correct_program_has_nothing_to_repair(data: Data) -> None:
    """Without a fault the program as written is the base of all comparisons."""
    found = study(FAULTY.with_(backward="exact", epochs=2), data, ALL, seeds=SEEDS[:3])
    assert found.as_written == found.repaired
    assert [effect.factor for effect in found.path if effect.factor == "derivative"] == []
    assert all(piece.as_written is None for piece in found.advice)


@pytest.mark.parametrize("detail", DETAILS)
def test_poorer_designs_are_parts_of_richer_ones(detail: str, data: Data) -> None:
    """Every design holds the program as written and the repaired one, and nothing that the richest lacks."""
    rich = {variant.on for variant in design(FAULTY, data, ALL, "everything").variants}
    poor = {variant.on for variant in design(FAULTY, data, ALL, detail).variants}
    assert {(), ("derivative",)} <= poor
    assert {on for on in poor if len(on) < 5} <= rich


def test_effects_are_paired_differences_of_the_engines_runs(result: Study, data: Data) -> None:
    """The effect of a factor is the paired effect of the two recipes' runs with equal seeds."""
    repaired = FAULTY.with_(backward="exact")
    checkpoints = next(iter(result.cells)).runs[0].epochs
    runs = engine.train([repaired, repaired.with_(bias=True)], data, SEEDS, epochs=6, checkpoints=checkpoints)
    scores = [run.score for run in runs]
    expected = stats.paired_effect("bias", scores[:4], scores[4:])
    assert next(effect for effect in result.effects if effect.factor == "bias") == expected


def test_the_path_adds_up(result: Study) -> None:
    """After the repair the settings' Shapley values sum to the way from there to the full program."""
    assert result.path[0].factor == "derivative"
    assert result.as_written is not None
    full = next(
        c
        for c in result.cells
        if _names(c.on) == {"derivative", "bias", "cross-entropy", "standardise", "no-dropout"}
    )
    total = sum(effect.points for effect in result.path)
    assert total == pytest.approx(100 * (full.estimate.mean - result.as_written.mean))
    settings = [effect.points for effect in result.path[1:]]
    assert settings == sorted(settings, reverse=True)


def test_advice_is_tried_before_and_after_the_repair(result: Study) -> None:
    """Bias, cross-entropy and both stand beside each other on the wrong and on the right program."""
    assert [piece.change for piece in result.advice] == ["bias", "cross-entropy", "bias + cross-entropy"]
    cells = {_names(cell.on): cell.estimate for cell in result.cells}
    both = result.advice[-1]
    assert both.as_written == (cells[frozenset()], cells[frozenset({"bias", "cross-entropy"})])
    assert both.repaired[1] == cells[frozenset({"derivative", "bias", "cross-entropy"})]


def test_the_best_is_chosen_by_held_out_training_rows(result: Study, data: Data) -> None:
    """Choosing looks at a fifth of the training rows only: other test labels give the same choice."""
    rows = hold_out(data)
    assert len(rows.x_train) + len(rows.x_test) == len(data.x_train)
    flipped = replace(data, y_test=(data.y_test + 1) % 3)
    assert study(FAULTY, flipped, ALL, seeds=SEEDS).best_recipe == result.best_recipe


def test_processes_do_not_change_the_result(result: Study, data: Data) -> None:
    """Two processes measure exactly what one measures."""
    parallel = study(FAULTY, data, ALL, seeds=SEEDS, jobs=2)
    assert replace(parallel, seconds=0) == replace(result, seconds=0)


def test_validation_recognises_the_program_and_refuses_another(data: Data) -> None:
    """The engine's own curve of a fresh seed passes; an accuracy far from it does not."""
    run = engine.train([FAULTY], data, [99], epochs=6, checkpoints=[3, 6])[0]
    true = study(
        FAULTY, data, (REPAIR,), seeds=range(8), script_curve=tuple(zip((3.0, 6.0), run.curve, strict=True))
    )
    assert true.validation is not None
    assert (true.validation.passed, true.validation.epoch) == (True, 6)
    wrong = study(FAULTY, data, (REPAIR,), seeds=range(8), script_curve=((6.0, 0.02),))
    assert wrong.validation is not None
    assert not wrong.validation.passed
    assert "below the expected" in wrong.validation.text


def test_a_changed_sign_is_told_as_an_interaction(data: Data) -> None:
    """A setting that ruins the faulty program and helps the repaired one is named with its figures."""
    harm = Factor(
        "bias", "patience", lambda r: r.with_(rate=0.02 if r.backward == "exact" else 1e-6), "setting"
    )
    slow = FAULTY.with_(rate=0.002, dropout=0.0, bias=True)
    found = study(slow, data, (REPAIR, harm), seeds=range(12))
    assert len(found.interactions) == 1
    assert found.interactions[0].startswith("Patience costs ")
    assert "points before the repair" in found.interactions[0]
    assert "and gains" in found.interactions[0]


def test_cancelling_reports_what_is_finished(data: Data) -> None:
    """A study that is stopped returns without the unfinished cells and says so."""
    ticks = count()
    found = study(FAULTY, data, ALL, seeds=SEEDS, cancelled=lambda: next(ticks) > 8)
    assert 0 < len(found.cells) < 25
    assert found.notes[0].startswith("Cancelled")


def test_what_the_engine_cannot_run_is_refused_with_the_reason(data: Data) -> None:
    """An unknown repaired program raises; an unknown fault leaves only the repaired program."""
    with pytest.raises(ValueError, match="optimiser 'lbfgs'"):
        study(FAULTY.with_(optimiser="lbfgs"), data, ALL, seeds=SEEDS)
    found = study(FAULTY.with_(backward="stale", epochs=1), data, ALL, seeds=SEEDS)
    assert found.as_written is None
    assert found.repaired is not None
    assert "stale" in found.notes[0]


# ----- The budget ---------------------------------------------------------------------------------------


def _planned(monkeypatch: pytest.MonkeyPatch, data: Data, step: float, recipe: Recipe) -> Plan | None:
    """The plan for 20 seconds when every step of a population takes `step` seconds."""
    monkeypatch.setattr(
        "unstuck.experiment.budget.probe",
        lambda full, data, jobs: {
            shape: Price(1024, step, 0.0, 0.0, 0.0)
            for shape in {engine.shape_of(variant.recipe) for variant in full.variants}
        },
    )
    return plan(recipe, data, ALL, range(12), 20.0, 1)


def test_a_smaller_budget_buys_less_in_the_promised_order(
    monkeypatch: pytest.MonkeyPatch, data: Data
) -> None:
    """As steps grow dearer, knobs go before seeds, then the crossing, and at last nothing is trained."""
    recipe = FAULTY.with_(epochs=100)
    plans = [_planned(monkeypatch, data, step, recipe) for step in np.geomspace(1e-6, 1, 60)]
    sizes = [(len(p.design.variants), len(p.seeds)) if p else (0, 0) for p in plans]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == (24, 12)
    assert sizes[-1] == (0, 0)
    assert all(p.epochs <= 100 for p in plans if p)
    assert plans[0] is not None
    assert plans[0].epochs == 100


def test_a_study_keeps_within_a_generous_budget_and_says_what_it_left_out(data: Data) -> None:
    """With a budget the study trains fewer epochs than the script when it must, and notes how flat it was."""
    found = study(FAULTY.with_(epochs=10**7), data, (REPAIR,), seeds=range(3), budget_seconds=1.0)
    assert 0 < found.epochs < 10**7
    assert any(f"{found.epochs} of the script's 10000000 epochs" in note for note in found.notes)


def test_a_hopeless_budget_is_said() -> None:
    """When not even one epoch fits, the study is empty and its note says why."""
    found = study(FAULTY, small_data(), ALL, seeds=range(3), budget_seconds=1e-9)
    assert found.trainings == 0
    assert "not even one epoch" in found.notes[0]
