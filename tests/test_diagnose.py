"""The whole way from a script to a report, on real programs, in real child processes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from unstuck.conductor import diagnose
from unstuck.facts import Gradient, Report
from unstuck.fix.apply import write_fix
from unstuck.problems import Problem
from unstuck.report.json import from_json, to_json
from unstuck.report.terminal import render

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(scope="module")
def stuck() -> Report:
    """The gradient check of the stuck network."""
    return diagnose(str(EXAMPLES / "stuck.py"), study=False)


def gradient(report: Report, name: str) -> Gradient:
    """The gradient of one parameter."""
    return next(found for found in report.trace.gradients if found.parameter == name)


def test_wrong_line_of_the_stuck_network(stuck: Report) -> None:
    """The output layer is exact; the hidden layer is wrong because of the derivative, whose place is named."""
    text = (EXAMPLES / "stuck.py").read_text(encoding="utf-8").split("\n")
    wrong = gradient(stuck, "weights_0_1")
    assert gradient(stuck, "weights_1_2").status == "exact"
    assert wrong.status == "wrong"
    assert wrong.explanation is not None
    assert wrong.explanation.kind == "activation-derivative-one"
    assert "already rectified" in wrong.explanation.text
    span = wrong.explanation.span
    assert text[span.line - 1][span.column - 1 : span.end_column - 1] == "output >= 0"


def test_share_of_units_that_were_off(stuck: Report) -> None:
    """About half of the hidden units should have passed no error: the weights are symmetric about 0."""
    explanation = gradient(stuck, "weights_0_1").explanation
    assert explanation is not None
    (share,) = explanation.evidence.values()
    assert 0.3 < share < 0.7


def test_missing_factor_of_the_mask_is_a_note(stuck: Report) -> None:
    """The backward mask without its factor 2 halves the rate of the hidden layer; that is no error."""
    assert gradient(stuck, "weights_0_1").scale == pytest.approx(0.5)
    assert [f.id for f in stuck.findings if f.severity == "error"] == ["G101"]
    assert "G102" in {f.id for f in stuck.findings if f.severity == "note"}


def test_witness_agrees_with_finite_differences(stuck: Report) -> None:
    """The true gradient of the shown element equals the finite difference; the written one does not."""
    witness = gradient(stuck, "weights_0_1").witness
    assert witness is not None
    assert witness.difference == pytest.approx(witness.exact, abs=1e-6)
    assert abs(witness.written - witness.exact) > 1e-3


def test_recipe_of_the_stuck_network(stuck: Report) -> None:
    """Every choice of the program is recognised, the wrong backward pass included."""
    recipe, data = stuck.trace.recipe, stuck.trace.data
    assert recipe is not None
    assert data is not None
    assert (recipe.layers, recipe.bias, recipe.dropout, recipe.dropout_scale) == ((5, 10, 4), False, 0.5, 2.0)
    assert (recipe.loss, recipe.output, recipe.rate, recipe.epochs) == ("squared", "linear", 0.002, 300)
    assert (recipe.backward, recipe.layer_rates) == ("activation-derivative-one", (0.5, 1.0))
    assert (recipe.order, recipe.batch) == ("sequential", 1)
    assert [init.kind for init in recipe.init] == ["uniform", "uniform"]
    assert (data.x_train.shape, data.x_test.shape, data.classes, data.test) == (
        (8000, 5),
        (2000, 5),
        4,
        "script",
    )


@pytest.mark.parametrize("name", ["fixed.py", "origin.py"])
def test_right_examples_raise_no_error(name: str) -> None:
    """A right backward pass is called right, whatever else holds the network back."""
    report = diagnose(str(EXAMPLES / name), study=False)
    assert report.trace.status == "exact"
    assert not [finding for finding in report.findings if finding.severity == "error"]


def test_report_survives_json(stuck: Report) -> None:
    """What is rendered from the stored report is what was rendered from the report."""
    stored = from_json(json.loads(json.dumps(to_json(stuck), allow_nan=False)))
    look = {"width": 80, "colour": False, "ascii": False}
    assert render(stored, **look) == render(stuck, **look)  # type: ignore[arg-type]


def test_repair_study_and_written_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patch is verified and retrained, applies to the file, and the patched program is right."""
    shutil.copy(SCRIPTS / "wrong" / "relu_ge_output.py", tmp_path / "net.py")
    monkeypatch.chdir(tmp_path)
    report = diagnose("net.py", budget=8.0, seeds=3)
    error = next(finding for finding in report.findings if finding.severity == "error")
    assert error.fix is not None
    assert error.fix.proof is not None
    assert error.fix.safety == "safe"
    assert error.fix.proof.steps >= 10
    assert error.fix.proof.seeds == 2
    assert report.study is not None
    assert report.ceiling is not None
    write_fix(error.fix, report.trace.sources)
    assert diagnose("net.py", study=False).trace.status in ("exact", "scaled")


def test_no_training_loop() -> None:
    """A program that trains nothing is told so, with what was seen."""
    report = diagnose(str(SCRIPTS / "bad" / "no_training.py"), study=False)
    assert report.trace.status == "not-applicable"
    assert report.verdict.startswith("No training loop found")


def test_script_that_fails(capfd: pytest.CaptureFixture[str]) -> None:
    """A script's own exception ends the diagnosis with its traceback and exit code, without our frames."""
    with pytest.raises(Problem) as caught:
        diagnose(str(SCRIPTS / "bad" / "raises.py"), study=False)
    assert caught.value.exit_code == 1
    shown = capfd.readouterr().err
    assert "ValueError" in shown
    assert "src/unstuck" not in shown


def test_arguments_reach_the_script(tmp_path: Path) -> None:
    """What stands behind the script is the script's."""
    shutil.copy(SCRIPTS / "right" / "cli_args.py", tmp_path / "cli_args.py")
    report = diagnose(str(tmp_path / "cli_args.py"), ["--epochs", "7"], study=False)
    assert report.trace.argv == ("--epochs", "7")
