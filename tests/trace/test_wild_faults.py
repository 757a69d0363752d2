"""Faults in habits of public repositories: found, and not told in words that are not true."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged, wrong
from never_wrong_wild import CONVOLUTION, FILLED, LAYERS, UPDATE_FIRST

CARRIED = """
import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(40, 5, 4))
Y = np.tanh(X[:, :, 0] - X[:, :, 1])[:, :, None]
U = rng.normal(size=(4, 6)) * 0.8
W = rng.normal(size=(6, 6)) * 0.5
V = rng.normal(size=(6, 1)) * 0.8
for step in range(60):
    x, y = X[step % 4::4], Y[step % 4::4]
    states, outputs = [np.zeros((len(x), 6))], []
    for t in range(5):
        states.append(np.tanh(x[:, t] @ U + states[-1] @ W))
        outputs.append(states[-1] @ V)
    dU, dW, dV = np.zeros_like(U), np.zeros_like(W), np.zeros_like(V)
    carried = np.zeros((len(x), 6))
    for t in reversed(range(5)):
        e = (outputs[t] - y[:, t]) / len(x)
        dV += states[t + 1].T @ e
        back = (e @ V.T) * (1 - states[t + 1] ** 2)
        back = back + carried
        dU += x[:, t].T @ back
        dW += states[t].T @ back
        carried = back @ W.T
    U -= 0.1 * dU
    W -= 0.1 * dW
    V -= 0.1 * dV
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Where the program is written."""
    return tmp_path / "program.py"


@pytest.mark.parametrize(
    ("text", "right", "faulty", "parameters"),
    [
        (
            CONVOLUTION,
            'signal.convolve2d(d, L[i], "full")',
            'signal.correlate2d(d, L[i], "full")',
            {"K", "c"},
        ),
        (CONVOLUTION, "dz = dh * (1 - h ** 2)", "dz = dh * (1 - z ** 2)", {"K", "c"}),
        (UPDATE_FIRST, "-y * X[:, j:j + 1], 0", "-y * X[:, j:j + 1], X[:, j:j + 1]", {"theta"}),
        (FILLED, "back = W.T.dot(back)", "back = W.dot(back)", {"U", "W"}),
    ],
)
def test_fault_is_found(text: str, right: str, faulty: str, parameters: set[str], program: Path) -> None:
    """What the right twin of the program is silent about is wrong here, and never judged right."""
    program.write_text(text.replace(right, faulty))
    trace = judged(program)
    assert trace.status in ("wrong", "cannot-tell")
    assert {gradient.parameter for gradient in wrong(trace)} in (parameters, set())


def test_first_update_that_drops_the_weights_is_found_among_layers_of_one_width(program: Path) -> None:
    """Where the memory of the optimiser takes the place of a weight, other layers of its shape do not hide it."""
    update = (
        "        layer.V = 0.9 * getattr(layer, 'V', np.zeros_like(layer.W)) - 0.1 * layer.dW\n"
        "        layer.W = layer.V\n        layer.b -= 0.1 * layer.db\n"
    )
    program.write_text(LAYERS + update)
    assert judged(program).status != "exact"


def test_sum_that_is_right_in_the_last_round_is_not_told_by_that_round(program: Path) -> None:
    """The carried error is zero in the last round, where any operator would do: none is offered as the mistake."""
    program.write_text(CARRIED)
    found = wrong(judged(program))
    assert {gradient.parameter for gradient in found} == {"U", "W"}
    assert not any("stands where" in gradient.explanation.text for gradient in found if gradient.explanation)
