"""Models of a few single numbers: read where nothing else trains, and told right from wrong by their many steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged, wrong
from never_wrong_wild import NUMBERS

LINE = NUMBERS + "        w = w - 0.1 * error * x\n        b -= 0.1 * error\n"
UNITS = """
import math
points = [([0.2, 0.7], 1.0), ([0.9, 0.1], 0.0), ([0.4, 0.4], 1.0), ([0.8, 0.9], 0.0)]
v, c, w, b = 0.4, -0.3, 0.7, 0.1
for sweep in range(40):
    for (first, _), goal in points:
        hidden = 1 / (1 + math.exp(-(v * first + c)))
        answer = w * hidden + b
        miss = answer - goal
        back = miss * w * hidden * (1 - hidden)
        w -= 0.3 * miss * hidden
        b -= 0.3 * miss
        v -= 0.3 * back * first
        c -= 0.3 * back
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Where the program is written."""
    return tmp_path / "program.py"


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (LINE, {"w", "b"}),
        (LINE.replace("w = w - ", "w = - 0.1 * error * x + w #"), {"w", "b"}),
        (UNITS, set("vcwb")),
    ],
)
def test_right_numbers_are_exact(text: str, parameters: set[str], program: Path) -> None:
    """Every number that follows its own gradient with one and the same rate is called exact."""
    program.write_text(text)
    trace = judged(program)
    assert trace.status == "exact"
    assert {gradient.parameter for gradient in trace.gradients} == parameters


@pytest.mark.parametrize(
    ("text", "right", "faulty", "parameters"),
    [
        (LINE, "b -= 0.1 * error", "b -= 0.1 * error * x", {"b"}),
        (LINE, "b -= 0.1 * error", "b += 0.1 * error * 0.01", {"b"}),
        (UNITS, "* hidden * (1 - hidden)", "", {"v", "c"}),
        (UNITS, "back * first", "back", {"v"}),
    ],
)
def test_number_whose_factor_comes_and_goes_is_wrong(
    text: str, right: str, faulty: str, parameters: set[str], program: Path
) -> None:
    """A number of the right sign but of another size in every step is wrong beside those that keep one rate."""
    program.write_text(text.replace(right, faulty))
    assert {gradient.parameter for gradient in wrong(judged(program))} == parameters


def test_few_steps_of_one_number_prove_nothing(program: Path) -> None:
    """Three updates of one number agree in sign with much that is wrong."""
    program.write_text(
        "weight, goal, x = 0.0, 0.8, 1.1\n"
        "for round in range(4):\n"
        "    delta = x * weight - goal\n"
        "    weight = weight - delta * x\n"
    )
    trace = judged(program)
    assert trace.status == "cannot-tell"
    assert "only 3 recorded steps" in trace.reason
