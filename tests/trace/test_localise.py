"""The place that is blamed when no rule reproduces the numbers, and for faults of single statements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judged import judged, wrong
from unusual_programs import BACKWARD, DESCENT, FORWARD, HEAD

from unstuck.trace.explaining.directions import RightValues

NETWORK = HEAD + FORWARD + BACKWARD + DESCENT

# A statement of the right program, what stands there instead (nothing that a rule of the catalogue describes), and
# the kind under which the fault is told.
BEYOND_THE_CATALOGUE = {
    "d1 = (d2 @ W2.T) * (1 - h ** 2)": ("d1 = (d2 @ W2.T) * np.abs(x[:, :1]) * (1 - h ** 2)", "factor-extra"),
    "x.T @ d1, d1.sum(0), h.T @ d2": ("x.T @ np.sort(d1, axis=0), d1.sum(0), h.T @ d2", "wrong-operand"),
    "W1 -= rate * g1": ("W1 -= rate * g1 * h[0]", "factor-extra"),
}


def line_of(text: str, statement: str) -> int:
    """The line on which a statement stands."""
    return next(i for i, line in enumerate(text.split("\n"), 1) if statement in line)


@pytest.mark.parametrize("right", BEYOND_THE_CATALOGUE)
def test_first_wrong_statement_is_blamed(right: str, tmp_path: Path) -> None:
    """Where no rule of calculus was altered, the first statement that nothing right follows from is named."""
    statement, kind = BEYOND_THE_CATALOGUE[right]
    text = NETWORK.replace(right, statement)
    path = tmp_path / "program.py"
    path.write_text(text)
    found = [gradient.explanation for gradient in wrong(judged(path))]
    assert {e and (e.kind, e.span.line) for e in found} == {(kind, line_of(text, statement))}


def test_two_faults_are_both_named(tmp_path: Path) -> None:
    """With a sign wrong in one place and an input in another, each parameter gets its own line."""
    text = NETWORK.replace("b1 -= rate * c1", "b1 += rate * c1").replace("h.T @ d2", "(x @ W1 + b1).T @ d2")
    path = tmp_path / "program.py"
    path.write_text(text)
    found = {g.parameter: g.explanation for g in wrong(judged(path))}
    assert {name: e and e.kind for name, e in found.items()} == {"b1": "sign", "W2": "wrong-layer-input"}
    assert {name: e and e.span.line for name, e in found.items()} == {
        "b1": line_of(text, "b1 += rate"),
        "W2": line_of(text, "(x @ W1 + b1).T"),
    }


def test_direction_is_recognised_with_its_sign() -> None:
    """A multiple of a known derivative is recognised, transposed too; a change of 1e-3 in one element is not."""
    direction = np.arange(6.0).reshape(2, 3)
    right = RightValues([direction])
    assert right.sign(3 * direction) == 1
    assert right.sign(-direction.T) == -1
    assert right.sign(direction + np.eye(2, 3) * 1e-3) == 0
    assert right.sign(np.ones((2, 3))) == 0
