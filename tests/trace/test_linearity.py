"""What is added to an error may be another loss; what is done to the error itself must be right all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged, wrong
from mlp_programs import two_layers

RIGHT = Path(__file__).parents[1] / "scripts" / "right"


@pytest.mark.parametrize(
    ("back", "status"),
    [
        ("(delta @ W2.T + 0.002 * h * np.abs(h)) * (1 - h ** 2)", "cannot-tell"),  # a penalty on what h is
        ("(delta @ W2.T + np.sin(h)) * (1 - h ** 2)", "cannot-tell"),
        (
            "delta @ W2.T * (1 - h) + 0.002 * np.sinh(h)",
            "wrong",
        ),  # the error is not multiplied by the derivative
    ],
)
def test_only_what_becomes_of_the_error_is_proof(back: str, status: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(two_layers(back))
    found = {gradient.parameter: gradient for gradient in judged(program).gradients}
    assert found["W2"].status == "exact"
    assert found["W1"].status == status


@pytest.mark.parametrize(
    ("script", "old", "new", "line"),
    [
        ("batch_norm", "(dxhat * self.xhat).mean(axis=0)", "(self.xhat * self.xhat).mean(axis=0)", 32),
        ("residual_layer_norm", "n * (dn * n).mean", "n * (n).mean", 18),
        ("residual_layer_norm", "return dy + dx, grad", "return n + dx, grad", 34),
    ],
)
def test_a_term_that_loses_the_error_is_no_other_loss(
    script: str, old: str, new: str, line: int, tmp_path: Path
) -> None:
    text = (RIGHT / f"{script}.py").read_text()
    assert text.count(old) == 1
    program = tmp_path / "program.py"
    program.write_text(text.replace(old, new))
    told = [gradient.explanation for gradient in wrong(judged(program))]
    assert line in {each.span.line for each in told if each is not None}
