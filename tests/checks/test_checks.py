"""What each check sees, on traces with and without its subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from report.stuck_report import effect, stuck_study, wrong_trace
from unstuck.checks import NotApplicable, Sighting, check
from unstuck.checks.judge import findings, helps
from unstuck.facts import Data, Finding, Recipe, Study, Trace


def exact_trace() -> Trace:
    """The stuck network after all repairs."""
    trace = wrong_trace()
    good = Recipe(
        layers=(5, 10, 4), output="softmax", loss="cross-entropy", bias=True, scaling="standard", rate=0.01
    )
    gradients = tuple(replace(g, status="exact", explanation=None, witness=None) for g in trace.gradients)
    return replace(trace, status="exact", gradients=gradients, recipe=good, printed={})


def by_id(found: tuple[Finding, ...]) -> dict[str, Finding]:
    """Findings by the id of their check."""
    return {finding.id: finding for finding in found}


def study_with(**points: float) -> Study:
    """A study whose effects are these points, all of them clear."""
    effects = tuple(effect(name.replace("_", "-"), value) for name, value in points.items())
    return replace(stuck_study(), path=(), effects=effects)


def test_stuck_network_gets_one_error_three_warnings() -> None:
    """The stuck network has one wrong derivative, three settings that cost accuracy and one false alarm."""
    found, passed, _ = findings(wrong_trace(), stuck_study())
    assert [(f.severity, f.id) for f in found] == [
        ("error", "G101"),
        ("warning", "M201"),
        ("warning", "M202"),
        ("warning", "L301"),
        ("note", "E601"),
    ]
    assert passed == ("G100", "G102", "M203", "D401", "T501")


def test_good_network_passes() -> None:
    """A right backward pass with right settings has no finding."""
    found, _, _ = findings(exact_trace(), None)
    assert found == ()


def test_wrong_derivative_names_the_line_and_the_witness() -> None:
    """G101 blames the expression of the explanation and shows an element that can be checked by hand."""
    finding = by_id(findings(wrong_trace(), None)[0])["G101"]
    assert finding.span is not None
    assert finding.span.line == 7
    assert finding.effect is None
    assert any("30° away" in sentence for sentence in finding.evidence)
    assert any("weights_0_1[2, 3]" in sentence and "-0.0101" in sentence for sentence in finding.evidence)
    assert "the gradient of weights_1_2 is exact" in finding.evidence


def test_one_fault_is_reported_once() -> None:
    """Two gradients spoiled by one expression are one finding."""
    trace = wrong_trace()
    second = replace(trace.gradients[0], parameter="bias_0")
    found, _, _ = findings(replace(trace, gradients=(*trace.gradients, second)), None)
    assert [f.id for f in found if f.severity == "error"] == ["G101"]


def test_wrong_gradient_without_explanation_is_g100() -> None:
    """A wrong gradient that no altered rule reproduces is named at its own line."""
    trace = wrong_trace()
    bare = replace(trace.gradients[0], explanation=None, witness=None, cosine=float("nan"))
    finding = by_id(findings(replace(trace, gradients=(bare,)), None)[0])["G100"]
    assert finding.span == bare.span
    assert "weights_0_1" in finding.message
    assert "no gradient with a direction" in finding.evidence[0]


def test_other_explained_fault_is_g100() -> None:
    """An explanation that is not about an activation belongs to G100."""
    trace = wrong_trace()
    explanation = trace.gradients[0].explanation
    assert explanation is not None
    missing = replace(explanation, kind="transpose-missing", text="the transpose is missing")
    found, _, _ = findings(
        replace(trace, gradients=(replace(trace.gradients[0], explanation=missing),)), None
    )
    assert by_id(found)["G100"].message == "the transpose is missing"
    assert "G101" not in by_id(found)


def test_scaled_gradient_is_a_note_with_its_measured_worth() -> None:
    """A gradient that is right up to a constant is a note that carries what equal rates are worth."""
    trace = wrong_trace()
    scaled = replace(trace.gradients[0], status="scaled", explanation=None, residual=1e-9)
    found, _, _ = findings(replace(trace, status="scaled", gradients=(scaled,)), stuck_study())
    note = by_id(found)["G102"]
    assert note.severity == "note"
    assert "0.5 times" in note.message
    assert note.effect is not None
    assert note.effect.points == -0.1


def test_suspicion_without_measurement_is_a_note() -> None:
    """A missing bias that nobody measured is a note, not a warning, and carries no number."""
    finding = by_id(findings(wrong_trace(), None)[0])["M201"]
    assert (finding.severity, finding.effect) == ("note", None)


def test_knob_without_measurement_is_not_mentioned_as_a_guess() -> None:
    """Learning rate and width are never suspected unless they were tried; the reason is given instead."""
    found, _, skipped = findings(wrong_trace(), None, "the budget was zero")
    assert not {"T501", "M203"} & {finding.id for finding in found}
    assert dict(skipped)["T501"] == "not tried: the budget was zero"


def test_remedy_that_does_not_help_lets_the_check_pass() -> None:
    """A suspicion whose remedy was tried in vain, or did harm, has passed."""
    for points in (0.0, -5.0):
        found, passed, _ = findings(wrong_trace(), study_with(bias=points))
        assert "M201" not in by_id(found)
        assert "M201" in passed


def test_better_of_two_remedies_is_told() -> None:
    """Where both widths help, the finding is about the one that helps more."""
    found, _, _ = findings(wrong_trace(), study_with(width_x2=1.0, width_x4=3.0))
    width = by_id(found)["M203"]
    assert "four times" in width.message
    assert width.effect is not None
    assert width.effect.factor == "width-x4"


def test_warnings_are_ordered_by_cost() -> None:
    """The most expensive setting is read first."""
    found, _, _ = findings(wrong_trace(), study_with(bias=1.0, no_dropout=4.0, rate_x10=2.0))
    assert [f.id for f in found if f.severity == "warning"] == ["M202", "T501", "M201"]


@pytest.mark.parametrize(
    ("points", "p", "d", "expected"),
    [(1.0, 0.01, 0.6, True), (1.0, 0.06, 0.6, False), (1.0, 0.01, 0.4, False), (-1.0, 0.01, 0.6, False)],
)
def test_helping_needs_sign_significance_and_size(points: float, p: float, d: float, expected: bool) -> None:
    """An effect helps only when positive, with p below 0.05 and d of at least 0.5."""
    assert helps(effect("bias", points, p=p, d=d)) is expected


def test_unscaled_pixels_deserve_a_note() -> None:
    """Inputs from 0 to 255 are noted even when nothing was retrained; inputs near unit size are not."""
    trace = wrong_trace()
    assert trace.data is not None
    pixels = replace(trace.data, x_train=np.random.default_rng(0).uniform(0, 255, (100, 5)))
    assert "D401" in by_id(findings(replace(trace, data=pixels), None)[0])
    assert "D401" not in by_id(findings(trace, None)[0])


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ({"Test-Acc": 0.78, "Train-Acc": 0.61}, True),
        ({"val_acc": 78.0, "train accuracy": 61.0}, True),
        ({"Test-Acc": 0.78, "Train-Acc": 0.77}, False),
        ({"Test-Acc": 0.78}, False),
    ],
)
def test_train_accuracy_far_below_test_accuracy(printed: dict[str, float], expected: bool) -> None:
    """E601 needs both printed accuracies, as fractions or percentages, and a gap beyond sampling error."""
    found, _, _ = findings(replace(wrong_trace(), printed=printed), None)
    assert ("E601" in by_id(found)) is expected


def test_reasons_for_what_does_not_apply() -> None:
    """Checks that lack their input say what is missing, in the words of the recorder."""
    trace = replace(
        wrong_trace(),
        status="cannot-tell",
        reason="no loss explains the updates",
        gradients=(),
        recipe=None,
        recipe_reason="the layers share weights",
        data=None,
    )
    found, passed, skipped = findings(trace, None)
    reasons = dict(skipped)
    assert (found, passed) == ((), ())
    assert reasons["G101"] == "no loss explains the updates"
    assert reasons["M201"] == "the layers share weights"


def test_regression_is_not_blamed_for_squared_error() -> None:
    """Squared error on a regression is no finding."""
    trace = wrong_trace()
    x = np.zeros((10, 5))
    data = Data(x, x[:, :1], x, x[:, :1], classes=0)
    _, _, skipped = findings(replace(trace, data=data), None)
    assert dict(skipped)["L301"] == "not a classification"


def test_failing_check_is_a_result() -> None:
    """A check that raises does not cost the user the rest of the report."""

    @check("X1", "broken", "error")
    def broken(trace: Trace) -> Iterator[Sighting]:
        raise ZeroDivisionError("oops")

    @check("X2", "absent", "error")
    def absent(trace: Trace) -> Iterator[Sighting]:
        raise NotApplicable("nothing to see")

    _, _, skipped = findings(wrong_trace(), None, checks=(broken, absent))
    assert skipped == (("X1", "the check failed: ZeroDivisionError: oops"), ("X2", "nothing to see"))
