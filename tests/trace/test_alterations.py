"""One operation of a right program is spoilt: the explanation says which, in words that a learner can act on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from judged import judged, wrong

RIGHT = """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
W1, b1 = rng.normal(size=(3, 4)), rng.normal(size=4)
W2, b2 = rng.normal(size=(4, 2)), rng.normal(size=2)
rate = 0.01
for step in range(60):
    z = X @ W1 + b1
    h = np.tanh(z)
    out = h @ W2 + b2
    error = (out - Y) / len(X)
    back = error @ W2.T
    slope = 1 - np.square(h)
    dz = back * slope
    dW2 = h.T @ error + 0.01 * W2
    dW1 = X.T @ dz
    W2 -= rate * dW2
    b2 -= rate * error.sum(axis=0)
    W1 -= rate * dW1
    b1 -= rate * dz.sum(axis=0)
print(np.mean((h @ W2 + b2 - Y) ** 2))
"""


@dataclass(frozen=True)
class Fault:
    """`old` is replaced by `new`; the explanation has this kind and text, at the line of `new`."""

    old: str
    new: str
    kind: str
    text: str


FAULTS = (
    Fault(
        "dz = back * slope",
        "dz = slope",
        "factor-missing",
        "should be multiplied by back: this factor is missing",
    ),
    Fault("dz = back * slope", "dz = back + slope", "operator", "`+` stands where `*` is right"),
    Fault(
        "1 - np.square(h)",
        "3 - np.square(h)",
        "activation-derivative-wrong",
        "the number 3 stands where 1 belongs",
    ),
    Fault("1 - np.square(h)", "1 - h", "activation-derivative-wrong", "h stands where square(h) belongs"),
    Fault("dW1 = X.T @ dz", "dW1 = X.T @ (dz + back)", "term-extra", "back does not belong here"),
    Fault("h.T @ error +", "z.T @ error +", "wrong-layer-input", "z"),
    Fault("rate * dW1", "rate", "gradient-missing", "moves by the same amount whatever the error is"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.new)
def test_the_altered_operation_is_named(fault: Fault, tmp_path: Path) -> None:
    """The kind, the words and the line are those of the one operation that was spoilt, and exact."""
    program = tmp_path / "program.py"
    program.write_text(RIGHT.replace(fault.old, fault.new))
    told = [gradient.explanation for gradient in wrong(judged(program))]
    assert told
    explanation = told[0]
    assert explanation is not None
    assert all(other == explanation for other in told)
    assert explanation.exact
    assert (explanation.kind, fault.text in explanation.text) == (fault.kind, True)
    assert fault.new in program.read_text().split("\n")[explanation.span.line - 1]
