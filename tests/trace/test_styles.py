"""A learner's slip in programs of styles that the corpus lacks: it is told, and what stays right is exact."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from judged import judged, wrong

PROGRAMS = Path(__file__).parents[1] / "scripts" / "purposes"
ITSELF = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 3)), rng.normal(size=(60, 1))
W, b, V = rng.normal(size=(3, 6)), np.zeros(6), rng.normal(size=(6, 1))
for epoch in range(40):
    h = np.tanh(X @ W + b)
    delta = (h @ V - y) / len(X)
    back = (delta @ V.T) * (1 - h ** 2)
    V -= 0.1 * h.T @ delta
    W -= 0.1 * X.T @ {}
    b -= 0.1 * back.sum(axis=0)
"""
SHIFTED = """
import math
import random
random.seed(3)
data = [([random.random(), random.random()], random.randrange(2)) for _ in range(30)]
w = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(2)]
b = [0.0, 0.0]
for epoch in range(12):
    for x, label in data:
        logits = [sum(v * o for v, o in zip(row, x)) + c for row, c in zip(w, b)]
        top = max(logits)
        e = [math.exp(z - top) for z in logits]
        for k in range(2):
            d = e[k] / sum(e) - (k == label)
            b[k] -= 0.1 * d
            for j in range(2):
                w[k][j] -= 0.1 * d * x[j]
"""


class Slip(NamedTuple):
    """One edit of a program, the line that is named and the parameters that are wrong by it, as their names begin."""

    script: str
    old: str
    new: str
    line: int
    parameter: str


SLIPS = [
    Slip("absolute_prices", "g_pre.sum(axis=0)", "(g_pred @ out_w.T).sum(axis=0)", 43, "hidden_b"),
    Slip("adam_moons", "(1 - beta2) * g ** 2", "(1 - beta2) * self.m[k] ** 2", 43, "net.params"),
    Slip("deque_forecaster", "vb[j] - LR * dh[j]", "vb[j] - LR * err", 58, "b["),
    Slip("matrix_class", "(dZ2 @ W2.T) * A1.map", "(dZ2 @ W2.T) * Z1.map", 76, "W1"),
    Slip("vectorize_sales_series", "db2 = df.sum(axis=0)", "db2 = df.sum(axis=0) + 0.1", 56, "theta[3]"),
    Slip("hinge_net", "dz = -y * w2 * (z > 0)", "dz = -y * w2", 30, "W1"),
]


@pytest.mark.parametrize("slip", SLIPS, ids=[slip.script for slip in SLIPS])
def test_slip_is_told(slip: Slip, tmp_path: Path) -> None:
    text = (PROGRAMS / f"{slip.script}.py").read_text()
    assert text.count(slip.old) == 1
    program = tmp_path / "program.py"
    program.write_text(text.replace(slip.old, slip.new))
    found = wrong(judged(program))
    assert found
    assert all(gradient.parameter.startswith((slip.parameter, "b1")) for gradient in found)
    places = [gradient.span for gradient in found]
    places += [place for g in found if g.explanation for place in (g.explanation.span, *g.explanation.uses)]
    assert slip.line in {place.line for place in places}


def test_row_of_another_word_is_not_called_exact(tmp_path: Path) -> None:
    """What an outer loop moves is judged by the loss of the inner one, on which it depends."""
    text = (PROGRAMS / "word2vec_small.py").read_text()
    program = tmp_path / "program.py"
    program.write_text(text.replace("W_in[center] -= lr", "W_in[context] -= lr"))
    assert judged(program).status == "cannot-tell"


def test_difference_of_a_value_and_itself_is_told(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(ITSELF.format("(back - back)"))
    (found,) = wrong(judged(program))
    assert found.parameter == "W"
    assert found.explanation is not None
    assert "subtracted from itself" in found.explanation.text


def test_largest_logit_less_itself_is_a_shift(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(SHIFTED)
    assert judged(program).status == "exact"
