"""Networks whose parameters live in one vector: each part is judged, explained and placed like an array of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import changed, judged, wrong

NETWORK = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
Y = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] ** 2], axis=1)

def packed(A, a, B, b):
    return np.concatenate((A.ravel(), a, B.ravel(), b))

def unpacked(v):
    return v[:24].reshape(3, 8), v[24:32], v[32:48].reshape(8, 2), v[48:]

theta = packed(rng.normal(size=(3, 8)), np.zeros(8), rng.normal(size=(8, 2)), np.zeros(2))
m = np.zeros(50)
v = np.zeros(50)

def cost(vector):
    A, a, B, b = unpacked(vector)
    h = np.tanh(X @ A + a)
    o = h @ B + b
    d = (o - Y) / len(X)
    dB = h.T @ d
    db = d.sum(axis=0)
    e = (d @ B.T) * (1 - h * h)
    dA = X.T @ e
    da = e.sum(axis=0)
    return packed(dA, da, dB, db)

for step in range(60):
    g = cost(theta)
    theta = theta - 0.1 * g
"""
ADAM = (
    "theta = theta - 0.1 * g",
    "m = 0.9 * m + 0.1 * g; v = 0.99 * v + 0.01 * g * g; theta -= 0.01 * m / (np.sqrt(v) + 1e-8)",
)
STORED = (
    "return packed(dA, da, dB, db)",
    "G = np.empty_like(vector)\n"
    "    gA, ga, gB, gb = unpacked(G)\n"
    "    gA[:], ga[:], gB[:], gb[:] = dA, da, dB, db\n"
    "    return G",
)
TWICE = ("o = h @ B + b", "_, _, B, b = unpacked(vector)\n    o = h @ unpacked(vector)[2] + b")
IN_TWO_WAYS = ("o = h @ B + b", "o = h[:, :4] @ unpacked(vector)[2][:4] + h[:, 4:] @ B[4:] + b")
WAYS = {
    "one after the other": (),
    "Adam": (ADAM,),
    "stored": (STORED,),
    "read again": (TWICE,),
    "in two ways": (IN_TWO_WAYS,),
}
FAULTS = {
    "(1 - h * h)": ("(1 - h)", {"A", "a"}, "e = (d @"),
    "dB = h.T @ d": ("dB = -(h.T @ d)", {"B"}, "dB = "),
    "da = e.sum(axis=0)": ("da = e[0]", {"a"}, "da = "),
}


def _program(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    return changed(tmp_path / "vector.py", NETWORK, *changes)


@pytest.mark.parametrize("way", WAYS)
def test_right_vector_is_exact(tmp_path: Path, way: str) -> None:
    """However its parts are read, a right gradient is right."""
    assert judged(_program(tmp_path, *WAYS[way])).status == "exact"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_part_with_the_fault_is_named(tmp_path: Path, way: str, fault: str) -> None:
    """The parts behind the fault are wrong, the others are exact."""
    new, names, _ = FAULTS[fault]
    found = wrong(judged(_program(tmp_path, (fault, new), *WAYS[way])))
    assert {gradient.parameter for gradient in found} == names


@pytest.mark.parametrize("way", [way for way in WAYS if way != "in two ways"])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_explained_on_its_line(tmp_path: Path, way: str, fault: str) -> None:
    """The explanation is that of any other array, where the network uses one view of each part."""
    new, _, line = FAULTS[fault]
    path = _program(tmp_path, (fault, new), *WAYS[way])
    for gradient in wrong(judged(path)):
        told = gradient.explanation
        assert told is not None
        assert told.exact
        assert told.span is not None
        assert line in path.read_text().splitlines()[told.span.line - 1]
