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


WHOLE_LABELS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(int) + 2 * (X[:, 0] > 0.5)
W1, b1 = rng.normal(size=(2, 8)), np.zeros(8)
W2, b2 = rng.normal(size=(8, 4)), np.zeros(4)
for i in range(400):
    h = np.tanh(X @ W1 + b1)
    e = np.exp(h @ W2 + b2)
    d = e / e.sum(axis=1, keepdims=True)
    d[range(200), y] -= 1
    d /= 200
    dh = d @ W2.T * (1 - h ** 2)
    W2 -= 0.5 * h.T @ d
    b2 -= 0.5 * d.sum(axis=0)
    W1 -= 0.5 * X.T @ dh
    b1 -= 0.5 * dh.sum(axis=0)
"""


def test_whole_labels_are_one_target(tmp_path: Path) -> None:
    """Where 1 is taken off the probability of each label, every row has one target, and can be trained again."""
    path = tmp_path / "net.py"
    path.write_text(WHOLE_LABELS)
    trace = record(Job(str(path)), timeout=60)
    assert (trace.status, trace.recipe_reason) == ("exact", "")
    assert trace.recipe is not None
    assert (trace.recipe.loss, trace.recipe.layers[-1]) == ("cross-entropy", 4)
    assert trace.data is not None
    assert trace.data.classes == 4
