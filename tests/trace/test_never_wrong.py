"""A false alarm is worse than a miss: right programs that look odd are met with silence, and real faults are not."""

from __future__ import annotations

from pathlib import Path

import neglected_pairs
import never_wrong
import never_wrong_learning
import never_wrong_losses
import never_wrong_training
import never_wrong_wild
import numpy as np
import pairs_without_loss
import pytest
from further_pairs import PAIRS, RIGHT, WITHOUT_TARGET
from judged import judged, wrong
from nearly_right import FAULTS

CASES = never_wrong.CASES | never_wrong_training.CASES | never_wrong_losses.CASES
CASES = CASES | never_wrong_learning.CASES | never_wrong_wild.CASES
NEAR = RIGHT | neglected_pairs.RIGHT | pairs_without_loss.RIGHT
PARALLEL = 0.993  # the cosine that real faults have reached in public programs


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Where a program of a table is written."""
    return tmp_path / "program.py"


@pytest.mark.parametrize("name", CASES)
def test_nothing_right_is_called_wrong(name: str, program: Path) -> None:
    """A right program gets exactly the states that are true of it, and never "wrong"."""
    program.write_text(CASES[name].text)
    trace = judged(program)
    assert trace.status in CASES[name].says
    assert wrong(trace) == []


@pytest.mark.parametrize("name", FAULTS)
def test_fault_with_a_cosine_of_almost_one_is_wrong(name: str, program: Path) -> None:
    """A fault that leaves the direction nearly as it is is found, and finite differences confirm it."""
    program.write_text(FAULTS[name])
    trace = judged(program)
    nearly = [gradient for gradient in wrong(trace) if gradient.cosine >= PARALLEL]
    assert nearly
    for gradient in nearly:
        witness = gradient.witness
        assert witness is not None
        assert witness.difference == pytest.approx(witness.exact, rel=1e-4)
        assert abs(witness.written - witness.exact) > 1e-3 * float(np.abs(gradient.exact).max())


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_is_said_of_the_right_one_of_a_pair(name: str, program: Path) -> None:
    """The right program beside a faulty update is judged right."""
    program.write_text(PAIRS[name].right)
    assert judged(program).status in ("exact", "scaled")


@pytest.mark.parametrize("name", PAIRS)
def test_faulty_update_is_named_with_its_line(name: str, program: Path) -> None:
    """A faulty update is never called right; where it is told, its kind and its line are true."""
    program.write_text(PAIRS[name].wrong)
    trace = judged(program)
    if not PAIRS[name].kinds:
        assert trace.status == "cannot-tell"
        return
    told = [gradient.explanation for gradient in wrong(trace) if gradient.explanation is not None]
    assert {each.kind for each in told} & PAIRS[name].kinds
    places = {place.line for each in told for place in (each.span, *each.uses)}
    assert places & PAIRS[name].lines


@pytest.mark.parametrize("name", NEAR)
def test_what_comes_near_a_fault_is_right(name: str, program: Path) -> None:
    """Variants of the optimiser and other ways to write the output's error raise nothing."""
    program.write_text(NEAR[name])
    assert wrong(judged(program)) == []


def test_gradient_without_a_target_is_told_as_that(program: Path) -> None:
    """Where the error is the output alone, no loss can be named, and the reason says what is missing."""
    program.write_text(WITHOUT_TARGET)
    trace = judged(program)
    assert trace.status == "cannot-tell"
    assert "does not depend on any target" in trace.reason


def test_single_number_with_a_changing_factor_is_wrong(program: Path) -> None:
    """A constant in the gradient of a single bias shows beside arrays that are exact."""
    text = (Path(__file__).parents[1] / "scripts" / "right" / "accumulate.py").read_text()
    program.write_text(text.replace("self.gb2 = np.zeros_like", "self.gb2 = np.ones_like"))
    assert [gradient.parameter for gradient in wrong(judged(program))] == ["net.b2"]


def test_parameter_whose_numbers_ended_is_not_passed_over(program: Path) -> None:
    """A bias that becomes infinite, for its step is divided by its gradient, is wrong beside weights that are exact."""
    text = (Path(__file__).parents[1] / "scripts" / "right" / "flat_minibatch.py").read_text()
    program.write_text(text.replace("b1 -= learning_rate * db1", "b1 -= learning_rate / db1"))
    trace = judged(program)
    assert trace.status == "wrong"
    assert [gradient.parameter for gradient in wrong(trace)] == ["b1"]
