"""Why nothing can be retrained is said truly: of programs whose faults bend the recipe's reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstuck.trace.session import Job, record

STALE = """
import numpy as np
rng = np.random.RandomState(0)
x = np.linspace(-3, 3, 60).reshape(-1, 1)
y = np.sin(x)
w, c, v, d = rng.randn(1, 6), np.zeros(6), rng.randn(6, 1) * 0.3, np.zeros(1)
for k in range(60):
    h = np.tanh(x.dot(w) + c)
    e = 2 * (h.dot(v) + d - y) / len(x)
    v -= 0.02 * h.T.dot(e)
    dh = e.dot(v.T) * (1 - h * h)
    w -= 0.02 * x.T.dot(dh)
    c -= 0.02 * dh.sum(0)
    d -= 0.02 * e.sum(0)
"""
DIVERGING = """
import numpy as np
np.random.seed(1)
r, a = np.random.rand(300) * 2, np.random.rand(300) * 6.28
X = np.c_[r * np.cos(a), r * np.sin(a)]
y = (r > 1).astype(float)[:, None]
W1, b1 = np.random.randn(2, 8), np.zeros((1, 8))
W2, b2 = np.random.randn(8, 1), np.zeros((1, 1))
for i in range(60):
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    err = 1 / (1 + np.exp(-(a1 @ W2 + b2))) - y
    gW2, gb2 = a1.T @ err / 300, err.mean(0, keepdims=True)
    dz1 = (err @ W2.T) * (1 - z1 ** 2)
    gW1, gb1 = X.T @ dz1 / 300, dz1.mean(0, keepdims=True)
    for p, g in ((W1, gW1), (b1, gb1), (W2, gW2), (b2, gb2)):
        p -= 0.05 * g
"""


@pytest.mark.parametrize(
    ("text", "untrue"),
    [(STALE, "used more often than others"), (DIVERGING, "more than a gradient and momentum")],
    ids=["the last step's backward pass is no forward pass", "rounding of huge weights is no schedule"],
)
def test_the_reason_is_not_an_untrue_one(tmp_path: Path, text: str, untrue: str) -> None:
    """A dense network trained by plain steps is neither called shared nor said to follow a schedule."""
    path = tmp_path / "net.py"
    path.write_text(text)
    trace = record(Job(str(path)), timeout=60)
    assert trace.status == "wrong"
    assert untrue not in trace.recipe_reason
