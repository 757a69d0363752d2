"""Programs that train several networks: in one loop by losses of their own, or one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged

GAN = """
import numpy as np
rng = np.random.default_rng(0)
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
G1, g1, G2, g2 = rng.normal(size=(2, 8)) * 0.5, np.zeros(8), rng.normal(size=(8, 3)) * 0.5, np.zeros(3)
D1, c1, D2, c2 = rng.normal(size=(3, 7)) * 0.5, np.zeros(7), rng.normal(size=(7, 1)) * 0.5, np.zeros(1)
def generate(z):
    h = np.tanh(z @ G1 + g1)
    return h, h @ G2 + g2
def discriminate(x):
    h = np.tanh(x @ D1 + c1)
    return h, sigmoid(h @ D2 + c2)
for it in range(60):
    real = rng.normal(size=(16, 3)) + [1, 2, 0]
    fake = generate(rng.normal(size=(16, 2)))[1]
    hr, pr = discriminate(real)
    hf, pf = discriminate(fake)
    er, ef = (pr - 1) / 16, (pf - 0) / 16
    kr = er @ D2.T * (1 - hr ** 2)
    kf = ef @ D2.T * (1 - hf ** 2)
    D2 -= 0.05 * (hr.T @ er + hf.T @ ef)
    c2 -= 0.05 * (er.sum(0) + ef.sum(0))
    D1 -= 0.05 * (real.T @ kr + fake.T @ kf)
    c1 -= 0.05 * (kr.sum(0) + kf.sum(0))
    z = rng.normal(size=(16, 2))
    hg, fake = generate(z)
    hf, pf = discriminate(fake)
    e = (pf - 1) / 16
    dx = (e @ D2.T * (1 - hf ** 2)) @ D1.T
    m = dx @ G2.T * (1 - hg ** 2)
    G2 -= 0.05 * hg.T @ dx
    g2 -= 0.05 * dx.sum(0)
    G1 -= 0.05 * z.T @ m
    g1 -= 0.05 * m.sum(0)
"""
IN_SEQUENCE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
y = X[:, :1] * X[:, 1:2]
A1, A2 = rng.normal(size=(3, 6)) * 0.5, rng.normal(size=(6, 1)) * 0.5
for epoch in range(80):
    h = np.tanh(X @ A1)
    d = (h @ A2 - y) / len(X)
    k = d @ A2.T * (1 - h ** 2)
    A2 -= 0.1 * h.T @ d
    A1 -= 0.1 * X.T @ k
teacher = np.tanh(X @ A1) @ A2
B1, B2 = rng.normal(size=(3, 3)) * 0.5, rng.normal(size=(3, 1)) * 0.5
for epoch in range(80):
    h = 1 / (1 + np.exp(-X @ B1))
    d = (h @ B2 - teacher) / len(X)
    k = d @ B2.T * h * (1 - h)
    B2 -= 0.1 * h.T @ d
    B1 -= 0.1 * X.T @ k
"""
SAME_CODE = """
import numpy as np
class Net:
    def __init__(self, k, seed):
        rng = np.random.default_rng(seed)
        self.A, self.B = rng.normal(size=(3, k)) * 0.5, rng.normal(size=(k, 1)) * 0.5
    def train(self, X, y):
        for i in range(60):
            h = np.tanh(X @ self.A)
            d = (h @ self.B - y) / len(X)
            k = d @ self.B.T * (1 - h ** 2)
            self.B -= 0.1 * h.T @ d
            self.A -= 0.1 * X.T @ k
X = np.random.default_rng(0).normal(size=(40, 3))
Net(5, 1).train(X, X[:, :1] * X[:, 1:2])
Net(8, 2).train(X, X[:, :1] * X[:, 1:2])
"""


REVERSED = """
import numpy as np
rng = np.random.default_rng(0)
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
X = rng.normal(size=(60, 4))
label, domain = (X[:, :1] * X[:, 1:2] > 0) * 1.0, (X[:, 2:3] > 0) * 1.0
F, C, D = rng.normal(size=(4, 8)) * 0.5, rng.normal(size=(8, 1)) * 0.5, rng.normal(size=(8, 1)) * 0.5
for step in range(60):
    h = np.tanh(X @ F)
    ec, ed = (sigmoid(h @ C) - label) / 60, (sigmoid(h @ D) - domain) / 60
    back = (ec @ C.T - ed @ D.T) * (1 - h ** 2)
    C -= 0.2 * h.T @ ec
    D -= 0.2 * h.T @ ed
    F -= 0.2 * X.T @ back
"""
MINIMAX = GAN.replace("e = (pf - 1) / 16", "e = -(pf - 0) / 16")


def statuses(folder: Path, text: str) -> dict[str, str]:
    path = folder / "nets.py"
    path.write_text(text)
    return {gradient.parameter: gradient.status for gradient in judged(path).gradients}


@pytest.mark.parametrize(
    ("text", "count"),
    [(GAN, 8), (IN_SEQUENCE, 4), (SAME_CODE, 4)],
    ids=["gan", "in sequence", "the same code"],
)
def test_every_network_is_judged(tmp_path: Path, text: str, count: int) -> None:
    """The gradients of both networks are exact, each under its own loss."""
    found = statuses(tmp_path, text)
    assert len(found) == count
    assert set(found.values()) == {"exact"}


@pytest.mark.parametrize("text", [MINIMAX, REVERSED], ids=["minimax", "reversed"])
def test_what_one_network_descends_another_may_climb(tmp_path: Path, text: str) -> None:
    found = statuses(tmp_path, text)
    assert "wrong" not in found.values()
    assert "exact" in found.values()


@pytest.mark.parametrize(
    ("text", "right", "faulty", "names"),
    [
        (GAN, "m = dx @ G2.T * (1 - hg ** 2)", "m = dx @ G2.T * (1 - hg)", {"G1", "g1"}),
        (GAN, "kf = ef @ D2.T * (1 - hf ** 2)", "kf = ef @ D2.T * (1 - hf)", {"D1", "c1"}),
        (GAN, "e = (pf - 1) / 16", "e = -(pf - 1) / 16", {"G1", "g1", "G2", "g2"}),
        (IN_SEQUENCE, "k = d @ A2.T * (1 - h ** 2)", "k = d @ A2.T * (1 - h)", {"A1"}),
        (IN_SEQUENCE, "k = d @ B2.T * h * (1 - h)", "k = d @ B2.T * (1 - h)", {"B1"}),
    ],
    ids=[
        "generator",
        "discriminator",
        "turned generator",
        "first",
        "second",
    ],
)
def test_a_fault_stays_in_its_network(
    tmp_path: Path, text: str, right: str, faulty: str, names: set[str]
) -> None:
    """A wrong gradient of one network is found, and nothing is said against the other."""
    assert right in text
    found = statuses(tmp_path, text.replace(right, faulty))
    assert {name for name, status in found.items() if status == "wrong"} == names
    assert {status for name, status in found.items() if name not in names} == {"exact"}
