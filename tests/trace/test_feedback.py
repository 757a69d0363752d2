"""An error that goes back through a drawn matrix may be feedback alignment; through an old copy it is stale."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged

PROGRAM = """
import numpy as np
rng = np.random.RandomState(45)
X = rng.randn(200, 8)
T = X @ rng.randn(8, 3) + 0.5 * np.tanh(X @ rng.randn(8, 3))
W1 = rng.randn(8, 20) * 0.2
W2 = rng.randn(20, 3) * 0.2
B = {}
for epoch in range(150):
    h = np.tanh(X @ W1)
    delta = (h @ W2 - T) / len(X)
    back = (delta @ B) * (1 - h ** 2)
    W2 -= 0.05 * h.T @ delta
    W1 -= 0.05 * X.T @ back
"""


@pytest.mark.parametrize(
    ("matrix", "status", "reason"),
    [
        ("rng.randn(3, 20) * 0.5", "cannot-tell", "feedback alignment"),
        ("W2.T.copy()", "wrong", ""),
        ("np.ones((3, 20))", "wrong", ""),
    ],
)
def test_only_a_drawn_matrix_is_feedback_alignment(
    matrix: str, status: str, reason: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(matrix))
    found = {gradient.parameter: gradient for gradient in judged(program).gradients}
    assert found["W2"].status == "exact"
    assert found["W1"].status == status
    assert reason in found["W1"].reason
