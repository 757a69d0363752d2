"""Faults that leave the other gradients exact, or leave nothing to compare with, in scripts of the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged
from overlooked_faults import FAULTS, Fault

RIGHT = Path(__file__).parents[1] / "scripts" / "right"


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.script}-{f.line}-{f.kind}" for f in FAULTS])
def test_fault_is_told(fault: Fault, tmp_path: Path) -> None:
    text = (RIGHT / f"{fault.script}.py").read_text()
    assert text.count(fault.old) == 1
    program = tmp_path / "program.py"
    program.write_text(text.replace(fault.old, fault.new))
    trace = judged(program)
    gradient = next(each for each in trace.gradients if each.parameter == fault.parameter)
    explanation = gradient.explanation
    assert (trace.status, gradient.status) == ("wrong", "wrong")
    assert explanation is not None
    assert explanation.kind == fault.kind
    assert fault.line in [place.line for place in (explanation.span, *explanation.uses)]


@pytest.mark.parametrize(
    ("old", "new", "parameter"),
    [
        ("gb2[:] = delta.sum(axis=0)", "gb2[:] = delta.sum()", "b2"),
        ("gw1[:] = x.T @ delta", "gw1[:] += x.T @ delta", "w1"),
        ("gb1[:] = delta.sum(axis=0)", "gb1[:] = -delta.sum(axis=0)", "b1"),
    ],
)
def test_one_view_of_a_flat_vector_is_wrong(old: str, new: str, parameter: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text((RIGHT / "flat_vector.py").read_text().replace(old, new))
    found = {each.parameter: each.status for each in judged(program).gradients}
    assert found == dict.fromkeys(("w1", "b1", "w2", "b2"), "exact") | {parameter: "wrong"}


LETS_GO = """
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 3)), rng.integers(0, 2, (60, 1)).astype(float)
W, V = rng.normal(size=(3, 6)), rng.normal(size=(6, 1))
for epoch in range(40):
    h = np.tanh(X @ W)
    p = 1 / (1 + np.exp(-h @ V))
    error = (p - y) / len(X)
    delta = p * (1 - p)
    back = (delta @ V.T) * (1 - h ** 2)
    V -= 0.1 * h.T @ delta
    W -= 0.1 * X.T @ back
"""


def test_error_that_is_used_for_nothing(tmp_path: Path) -> None:
    """Where no update has a target in it, the difference that is worked out in vain says what is wrong."""
    program = tmp_path / "program.py"
    program.write_text(LETS_GO)
    trace = judged(program)
    assert [each.status for each in trace.gradients] == ["wrong", "wrong"]
    explanation = trace.gradients[0].explanation
    assert explanation is not None
    assert (explanation.kind, explanation.span.line) == ("gradient-missing", 10)
    program.write_text(LETS_GO.replace("    error = (p - y) / len(X)\n", ""))
    assert judged(program).status == "cannot-tell"


def test_error_that_is_only_noted_beside_a_loss_of_its_own(tmp_path: Path) -> None:
    """An exponential loss of targets of -1 and 1, with a difference that is kept and never used, is not accused."""
    program = tmp_path / "program.py"
    text = LETS_GO.replace("rng.integers(0, 2, (60, 1)).astype(float)", "rng.choice([-1.0, 1.0], (60, 1))")
    text = text.replace("p = 1 / (1 + np.exp(-h @ V))", "p = h @ V")
    program.write_text(text.replace("delta = p * (1 - p)", "delta = -y * np.exp(-y * p) / len(X)"))
    assert judged(program).status in ("exact", "cannot-tell")


def test_layer_behind_trained_ones_may_be_frozen(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    text = (RIGHT / "adamw_cosine.py").read_text()
    program.write_text(text.replace('    grads["w2"], grads["b2"] = a1.T @ d2, d2.sum(0)\n', "\n"))
    trace = judged(program)
    assert trace.status == "cannot-tell"
    assert "frozen on purpose, or forgotten" in trace.reason


def test_last_layer_without_bias_may_be_forgotten(tmp_path: Path) -> None:
    """A drawn matrix that the last layer multiplies with and nothing moves is not passed over in silence."""
    program = tmp_path / "program.py"
    text = (RIGHT / "no_loss.py").read_text()
    program.write_text(text.replace("            self.outer += layer1.T.dot(layer2_delta)\n", ""))
    trace = judged(program)
    assert trace.status == "cannot-tell"
    assert "frozen on purpose, or forgotten" in trace.reason


def test_steps_that_show_no_loss_stop_nothing(tmp_path: Path) -> None:
    """A training that ends in numbers that are none is told as far as it goes."""
    program = tmp_path / "program.py"
    text = (RIGHT / "residual_layer_norm.py").read_text()
    program.write_text(text.replace(" - n * (dn * n).mean(-1, keepdims=True)) / s", " - n) / s"))
    assert judged(program).status in ("wrong", "cannot-tell")
