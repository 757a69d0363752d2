"""An error that goes back through a drawn matrix may be feedback alignment; through an old copy it is stale."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged
from mlp_programs import two_layers


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
    program.write_text(two_layers("(delta @ B) * (1 - h ** 2)", drawn=matrix))
    found = {gradient.parameter: gradient for gradient in judged(program).gradients}
    assert found["W2"].status == "exact"
    assert found["W1"].status == status
    assert reason in found["W1"].reason
