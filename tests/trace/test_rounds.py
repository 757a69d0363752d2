"""A statement that runs in every round of a loop is spoilt: the one thing to change there is told, at its own line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from judged import judged, wrong

GATED = """
import numpy as np

rng = np.random.default_rng(0)
T, N, H = 4, 20, 3
X, Y = rng.normal(size=(T, N, 2)), rng.normal(size=(N, 1))
Wz, Uz = rng.normal(size=(2, H)), rng.normal(size=(H, H))
Wn, Un = rng.normal(size=(2, H)), rng.normal(size=(H, H))
v = rng.normal(size=(H, 1))
for step in range(40):
    s, memory = np.zeros((N, H)), []
    for t in range(T):
        z = 1 / (1 + np.exp(-(X[t] @ Wz + s @ Uz)))
        n = np.tanh(X[t] @ Wn + s @ Un)
        memory.append((s, z, n))
        s = (1 - z) * n + z * s
    d = (s @ v - Y) / N
    gv = s.T @ d
    gWz, gUz, gWn, gUn = (np.zeros(w.shape) for w in (Wz, Uz, Wn, Un))
    ds = d @ v.T
    for t in reversed(range(T)):
        before, z, n = memory[t]
        dz = ds * (before - n) * z * (1 - z)
        dn = ds * (1 - z) * (1 - n * n)
        gWz += X[t].T @ dz
        gUz += before.T @ dz
        gWn += X[t].T @ dn
        gUn += before.T @ dn
        ds = ds * z + dz @ Uz.T + dn @ Un.T
    v -= 0.1 * gv
    Wz -= 0.1 * gWz
    Uz -= 0.1 * gUz
    Wn -= 0.1 * gWn
    Un -= 0.1 * gUn
print(np.mean((s @ v - Y) ** 2))
"""
MARGINS = """
import numpy as np

rng = np.random.default_rng(1)
X, y = rng.normal(size=(24, 4)), rng.integers(0, 3, 24)
W, V = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
for step in range(40):
    h = np.tanh(X @ W)
    scores = h @ V
    loss, gV, dh = 0.0, np.zeros(V.shape), np.zeros(h.shape)
    for i in range(len(X)):
        for j in range(3):
            margin = scores[i, j] - scores[i, y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                gV[:, j] += h[i]
                gV[:, y[i]] -= h[i]
                dh[i] += V[:, j] - V[:, y[i]]
    gW = X.T @ (dh * (1 - h ** 2))
    W -= 0.01 * gW
    V -= 0.01 * gV
print(loss)
"""
LAYERS = """
import numpy as np

rng = np.random.default_rng(2)
X, Y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))


class Dense:
    def __init__(self, inputs, outputs):
        self.W = rng.normal(size=(inputs, outputs))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, d):
        self.g = self.x.T @ d
        back = d @ self.W.T
        self.W -= 0.05 * self.g
        return back


class Tanh:
    def forward(self, x):
        self.a = np.tanh(x)
        return self.a

    def backward(self, d):
        return d * (1 - self.a ** 2)


layers = [Dense(3, 5), Tanh(), Dense(5, 4), Tanh(), Dense(4, 2)]
for step in range(40):
    out = X
    for layer in layers:
        out = layer.forward(out)
    d = (out - Y) / len(X)
    for layer in reversed(layers):
        d = layer.backward(d)
print(np.mean((out - Y) ** 2))
"""


@dataclass(frozen=True)
class Fault:
    """In a program `old` is replaced by `new`; the explanation has this kind, at the line of `new`."""

    program: str
    old: str
    new: str
    kind: str


FAULTS = (
    Fault(GATED, "ds * (before - n) * z * (1 - z)", "ds * (before - n) * z * (2 - z)", "wrong-number"),
    Fault(GATED, "dn = ds * (1 - z)", "dn = ds * (1 - n)", "wrong-operand"),
    Fault(GATED, "dz = ds * (before - n)", "dz = (before - n)", "factor-missing"),
    Fault(GATED, "dz = ds * (before - n)", "dz = -ds * (before - n)", "sign"),
    Fault(MARGINS, "gV[:, j] += h[i]", "gV[:, j] += h[i - 1]", "wrong-operand"),
    Fault(MARGINS, "gV[:, j] += h[i]", "gV[:, j] = h[i]", "gradient-overwritten"),
    Fault(MARGINS, "gV[:, y[i]] -= h[i]", "gV[:, y[i]] += h[i]", "operator"),
    Fault(LAYERS, "        return d * (1 - self.a ** 2)", "        return d", "activation-derivative-one"),
    Fault(
        GATED,
        "        before, z, n =",
        "        ds = d @ v.T\n        before, z, n =",
        "gradient-overwritten",
    ),
)


@pytest.mark.parametrize("program", [GATED, MARGINS, LAYERS], ids=["gates", "margins", "layers"])
def test_right_loops_stay_unaccused(program: str, tmp_path: Path) -> None:
    """The right programs, from which the spoilt ones are made, are called exact."""
    path = tmp_path / "program.py"
    path.write_text(program)
    assert judged(path).status == "exact"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.new.strip())
def test_the_statement_of_the_loop_is_named(fault: Fault, tmp_path: Path) -> None:
    """The kind and the line are those of the statement that was spoilt, for all gradients that it spoils."""
    assert fault.old in fault.program
    path = tmp_path / "program.py"
    path.write_text(fault.program.replace(fault.old, fault.new))
    told = [gradient.explanation for gradient in wrong(judged(path))]
    lines = path.read_text().split("\n")
    assert told
    for explanation in told:
        assert explanation is not None
        assert explanation.exact
        assert explanation.kind == fault.kind
        assert fault.new.split("\n")[0].strip() in lines[explanation.span.line - 1]
