"""Where a fault is placed: turned signs, sums that a loop throws away, and programs of one sample per step."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from judged import judged, wrong
from unusual_programs import BACKWARD, DESCENT, FORWARD, HEAD

from unstuck.trace.explaining.directions import RightValues

NETWORK = HEAD + FORWARD + BACKWARD + DESCENT
ONE_SAMPLE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(80, 3))
y = (X[:, 0] + X[:, 1] > 0).astype(float)
W1, b1 = rng.normal(size=(3, 4)) * 0.5, np.zeros(4)
W2, b2 = rng.normal(size=(4, 1)) * 0.5, np.zeros(1)
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
def slope(a):
    return a * (1 - a)
for n in range(80):
    x, t = X[n:n + 1], y[n]
    h = sigmoid(x @ W1 + b1)
    o = sigmoid(h @ W2 + b2)
    error = o - t
    d2 = error * slope(o)
    d1 = (d2 @ W2.T) * slope(h)
    W2 -= 0.5 * (h.T @ d2)
    b2 -= 0.5 * d2[0]
    W1 -= 0.5 * (x.T @ d1)
    b1 -= 0.5 * d1[0]
"""
SAMPLES = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(60, 3))
T = np.tanh(X @ rng.normal(size=(3, 2)))
W1 = rng.normal(size=(4, 3)) * 0.5
W2 = rng.normal(size=(2, 4)) * 0.5
for step in range(30):
    rows = range(step % 10, 60, 10)
    g1 = np.zeros(W1.shape)
    g2 = np.zeros(W2.shape)
    for i in rows:
        h = np.tanh(W1 @ X[i])
        d2 = (W2 @ h - T[i]) / len(rows)
        d1 = (W2.T @ d2) * (1 - h ** 2)
        g1 += np.outer(d1, X[i])
        g2 += np.outer(d2, h)
    W1 -= 0.1 * g1
    W2 -= 0.1 * g2
"""
ADAM = (
    HEAD
    + FORWARD
    + BACKWARD
    + """
    if step == 0:
        P, M, V = [W1, b1, W2, b2], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]
    for k, g in enumerate([g1, c1, g2, c2]):
        M[k] = 0.9 * M[k] + 0.1 * g
        V[k] = 0.99 * V[k] + 0.01 * g ** 2
        P[k] -= 0.01 * M[k] / (np.sqrt(V[k]) + 1e-8)
"""
)

# A program, a statement of it, what stands there instead; the line with the new text is to blame.
TURNED = {
    "the error of one sample": (ONE_SAMPLE, "error = o - t", "error = -(o - t)"),
    "a derivative that is used twice": (ONE_SAMPLE, "return a * (1 - a)", "return a * (a - 1)"),
    "the way back, turned on its way": (NETWORK, "d1 = (d2 @ W2.T)", "d1 = -(d2 @ W2.T)"),
    "a minus of the forward pass": (NETWORK, "h = np.tanh(x @ W1 + b1)", "h = -np.tanh(x @ W1 + b1)"),
    "the step of an optimiser": (ADAM, "P[k] -= 0.01", "P[k] += 0.01"),
    "the memory of an optimiser": (ADAM, "+ 0.1 * g", "- 0.1 * g"),
}


def blamed_line(text: str, folder: Path) -> set[str]:
    """The lines that the explanations or placements of all wrong gradients blame."""
    path = folder / "program.py"
    path.write_text(text)
    found = [g.explanation.span if g.explanation else g.blame or g.span for g in wrong(judged(path))]
    return {text.split("\n")[span.line - 1].strip() for span in found}


@pytest.mark.parametrize("case", TURNED)
def test_turned_sign_is_placed_where_it_turns(case: str, tmp_path: Path) -> None:
    """A sign that is wrong is placed at the statement which turned it, not at the updates that suffer."""
    program, right, instead = TURNED[case]
    assert right in program
    lines = blamed_line(program.replace(right, instead), tmp_path)
    assert len(lines) == 1
    assert instead in lines.pop()


@pytest.mark.parametrize("name", ["g1", "g2"])
def test_sum_that_every_round_begins_anew_is_named(name: str, tmp_path: Path) -> None:
    """Where a loop sets its sum back to zero in every round, the statement that does so is named."""
    made = f"    {name} = np.zeros(W{name[1]}.shape)\n"
    moved = SAMPLES.replace(made, "").replace("    for i in rows:\n", f"    for i in rows:\n    {made}")
    ast.parse(moved)
    assert blamed_line(moved, tmp_path) == {made.strip()}


def test_temporary_of_a_loop_is_not_to_blame(tmp_path: Path) -> None:
    """A value that every round makes, changes and uses belongs into its loop; the true fault is named."""
    text = SAMPLES.replace("        h = np", "        out = np.zeros(2)\n        out += T[i]\n        h = np")
    text = text.replace("- T[i])", "- out)").replace("(1 - h ** 2)", "(1 - h)")
    assert blamed_line(text, tmp_path) == {"d1 = (W2.T @ d2) * (1 - h)"}


def test_right_programs_of_these_kinds_are_right(tmp_path: Path) -> None:
    """The programs that are changed here are right as they stand."""
    for text in (NETWORK, ONE_SAMPLE, SAMPLES, ADAM):
        path = tmp_path / "program.py"
        path.write_text(text)
        assert judged(path).status == "exact"


def test_values_of_several_steps_need_one_factor() -> None:
    """Numbers are multiples of a derivative only if one factor serves all of several steps."""
    right = RightValues([[np.array(1.0), np.array(-2.0), np.array(4.0)]])
    assert right.sign([np.array(-0.5), np.array(1.0), np.array(-2.0)]) == -1
    assert right.sign([np.array(1.0), np.array(2.0), np.array(4.0)]) == 0


def test_error_that_serves_others_is_not_to_blame_for_a_bias(tmp_path: Path) -> None:
    """Where a bias is moved by the error of its layer, unsummed, its update is named and not the error."""
    text = NETWORK.replace("    b2 -= rate * c2", "    b2 = b2 - rate * d2")
    assert blamed_line(text, tmp_path) == {"b2 = b2 - rate * d2"}
