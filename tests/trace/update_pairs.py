"""Faults of the update that the gradient alone does not show: pairs of a right program and a wrong one.

The wrong line ends with the comment `# wrong`; of the right program nothing may be said.
"""

from __future__ import annotations

from dataclasses import dataclass

from unusual_programs import BACKWARD, DESCENT, FORWARD, HEAD

NETWORK = HEAD + FORWARD + BACKWARD + DESCENT
MARK = "  # wrong"


@dataclass(frozen=True)
class Pair:
    """A right program, its wrong copy, the kinds of explanation that are true of it, and the parameters it harms."""

    right: str
    wrong: str
    kinds: frozenset[str]

    @property
    def lines(self) -> set[int]:
        """The lines of the wrong copy that are wrong."""
        return {number for number, line in enumerate(self.wrong.splitlines(), 1) if line.endswith(MARK)}


PAIRS: dict[str, Pair] = {}


def pair(name: str, right: str, kinds: str, *changes: tuple[str, str]) -> None:
    """A pair whose wrong copy differs by replacements of whole lines; the new ones are marked."""
    wrong = right
    for old, new in changes:
        assert old in wrong, (name, old)
        wrong = wrong.replace(old, new, 1)
    PAIRS[name] = Pair(right, wrong, frozenset(kinds.split()))


pair(
    "weights never updated",
    NETWORK,
    "parameter-never-updated",
    ("    W1 -= rate * g1\n", "    g1 = W1 - rate * g1  # wrong\n"),
)
pair(
    "bias never used",
    NETWORK,
    "bias-never-used",
    ("x @ W1 + b1)\n", "x @ W1)\n"),
    ("    b1 -= rate * c1\n", "    b1 -= rate * c1  # wrong\n"),
)
pair(
    "update before use",
    NETWORK.replace("    d1 = (d2 @ W2.T)", "    g2 = h.T @ d2\n    d1 = (d2 @ W2.T)"),
    "weights-already-updated",
    (
        "    d1 = (d2 @ W2.T) * (1 - h ** 2)\n",
        "    W2 -= rate * g2\n    d1 = (d2 @ W2.T) * (1 - h ** 2)  # wrong\n",
    ),
    ("    W2 -= rate * g2\n    b2", "    b2"),
)
pair(
    "old weights kept without a copy",
    NETWORK.replace("    d2 = (p", "    old = W2.copy()\n    d2 = (p")
    .replace("    d1 = (d2 @ W2.T)", "    W2 -= rate * h.T @ d2\n    d1 = (d2 @ old.T)")
    .replace("    W2 -= rate * g2\n    b2", "    b2"),
    "weights-already-updated",
    ("    old = W2.copy()\n", "    old = W2  # wrong\n"),
    ("(1 - h ** 2)\n", "(1 - h ** 2)  # wrong\n"),
)
SQUARE = (
    HEAD.replace(
        "W2 = rng.normal(size=(6, 2)) * 0.5",
        "U = rng.normal(size=(6, 6)) * 0.4\nQ = rng.normal(size=(6, 6)) * 0.4\nW2 = rng.normal(size=(6, 2)) * 0.5",
    )
    + """
    k = np.tanh(x @ W1 + b1)
    m = np.tanh(k @ U)
    h = np.tanh(m @ Q)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    dh = (d2 @ W2.T) * (1 - h ** 2)
    dm = (dh @ Q.T) * (1 - m ** 2)
    dk = (dm @ U.T) * (1 - k ** 2)
    W1 -= rate * x.T @ dk
    b1 -= rate * dk.sum(0)
    W2 -= rate * h.T @ d2
    b2 -= rate * d2.sum(0)
    gu, gq = k.T @ dm, m.T @ dh
"""
)
pair(
    "one array as the velocity of two layers",
    SQUARE.replace("rate = 0.05", "rate = 0.05\nV = [np.zeros((6, 6)), np.zeros((6, 6))]")
    + "    for i, (w, g) in enumerate(((U, gu), (Q, gq))):\n        V[i] *= 0.9\n        V[i] += g\n"
    "        w -= rate * V[i]\n",
    "aliasing",
    ("V = [np.zeros((6, 6)), np.zeros((6, 6))]\n", "V = [np.zeros((6, 6))] * 2\n"),
    ("        w -= rate * V[i]\n", "        w -= rate * V[i]  # wrong\n"),
)
pair(
    "wrong variable updated",
    SQUARE + "    U -= rate * gu\n    Q -= rate * gq\n",
    "gradient-of-another",
    ("    Q -= rate * gq\n", "    Q -= rate * gu  # wrong\n"),
)
ACCUMULATING = (
    HEAD.replace("::3]", "::3][:6]")
    .replace("range(60)", "range(24)")
    .replace("rate = 0.05", "rate = 0.05\nG1, G2 = np.zeros((4, 6)), np.zeros((6, 2))")
    + """
    G1[:] = 0
    G2[:] = 0
    for i in range(len(x)):
        a = x[i : i + 1]
        h = np.tanh(a @ W1 + b1)
        d2 = softmax(h @ W2 + b2) - t[i : i + 1]
        d1 = (d2 @ W2.T) * (1 - h ** 2)
        G1 += a.T @ d1
        G2 += h.T @ d2
    W1 -= rate * G1 / len(x)
    W2 -= rate * G2 / len(x)
"""
)
pair(
    "accumulation never reset",
    ACCUMULATING,
    "gradient-not-cleared",
    ("    G1[:] = 0\n    G2[:] = 0\n", ""),
    (
        "    W1 -= rate * G1 / len(x)\n    W2 -= rate * G2 / len(x)",
        "    W1 -= rate * G1 / len(x)  # wrong\n    W2 -= rate * G2 / len(x)  # wrong",
    ),
)
pair(
    "update inside the loop that accumulates",
    ACCUMULATING,
    "",  # cannot tell: no loss explains these steps
    (
        "        G2 += h.T @ d2\n    W1 -= rate * G1 / len(x)\n    W2 -= rate * G2 / len(x)",
        "        G2 += h.T @ d2\n        W1 -= rate * G1 / len(x)  # wrong\n        W2 -= rate * G2 / len(x)  # wrong",
    ),
)
MOMENTUM = (
    HEAD.replace("rate = 0.05", "rate = 0.05\nv1, v2 = np.zeros((4, 6)), np.zeros((6, 2))")
    + FORWARD
    + BACKWARD
    + """
    v1 = 0.9 * v1 - rate * g1
    v2 = 0.9 * v2 - rate * g2
    W1 += v1
    W2 += v2
    b1 -= rate * c1
    b2 -= rate * c2
"""
)
pair(
    "optimiser state reset in the loop",
    MOMENTUM,
    "optimiser",
    ("    v1 = 0.9", "    v1, v2 = np.zeros((4, 6)), np.zeros((6, 2))  # wrong\n    v1 = 0.9"),
)
ADAM = (
    HEAD.replace("rate = 0.05", "rate = 0.01\nm, v, count = np.zeros((4, 6)), np.zeros((4, 6)), 0")
    + FORWARD
    + BACKWARD
    + """
    count += 1
    m = 0.9 * m + 0.1 * g1
    v = 0.99 * v + 0.01 * g1 ** 2
    mh, vh = m / (1 - 0.9 ** count), v / (1 - 0.99 ** count)
    W1 -= rate * mh / (np.sqrt(vh) + 1e-8)
    b1 -= rate * c1
    W2 -= rate * g2
    b2 -= rate * c2
"""
)
pair(
    "bias correction by step 0",
    ADAM,
    "optimiser",
    ("    count += 1\n", ""),
    ("(1 - 0.99 ** count)\n", "(1 - 0.99 ** count)  # wrong\n"),
)
pair(
    "second moment without its square",
    ADAM,
    "optimiser",
    ("    v = 0.99 * v + 0.01 * g1 ** 2\n", "    v = 0.99 * v + 0.01 * g1  # wrong\n"),
)
pair(
    "second moment without its root", ADAM, "optimiser", ("(np.sqrt(vh) + 1e-8)\n", "(vh + 1e-8)  # wrong\n")
)
pair(
    "second moment of the first",
    ADAM,
    "optimiser",
    ("    v = 0.99 * v + 0.01 * g1 ** 2\n", "    v = 0.99 * v + 0.01 * m  # wrong\n"),
)
WHOLE = NETWORK.replace("W1 = rng.normal(size=(4, 6)) * 0.5", "W1 = rng.integers(-2, 3, size=(4, 6)) * 1.0")
pair(
    "weights of integers",
    WHOLE.replace("    W1 -= rate * g1\n", "    W1 = (W1 - 20 * g1).astype(W1.dtype)\n"),
    "integer-truncation",
    (".astype(W1.dtype)\n", ".astype(int)  # wrong\n"),
)
VECTOR = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
Y = (X @ [1.0, 2.0, -1.0, 0.5] + 0.2)[:, None]
W1 = rng.normal(size=(4, 5)) * 0.5
b1 = np.zeros((1, 5))
W2 = rng.normal(size=(5, 1)) * 0.5
for step in range(60):
    h = np.tanh(X @ W1 + b1)
    e = (h @ W2 - Y) / len(X)
    d = (e @ W2.T) * (1 - h ** 2)
    W2 -= 0.1 * h.T @ e
    W1 -= 0.1 * X.T @ d
    b1 = b1 - 0.1 * d.sum(axis=0, keepdims=True)
"""
pair(
    "bias that grows by broadcasting",
    VECTOR,
    "bias-broadcast",
    ("d.sum(axis=0, keepdims=True)\n", "d  # wrong\n"),
)
pair(
    "(n, 1) against (n,)",
    VECTOR.replace(
        "    W2 -= 0.1 * h.T @ e\n", "    W2 -= 0.1 * (h.T @ e).sum(axis=1, keepdims=True)\n"
    ).replace("(e @ W2.T)", "(e.sum(axis=1, keepdims=True) @ W2.T)"),
    "silent-broadcast",
    ("+ 0.2)[:, None]\n", "+ 0.2)\n"),
    ("    e = (h @ W2 - Y) / len(X)\n", "    e = (h @ W2 - Y) / len(X)  # wrong\n"),
)
pair(
    "update outside of the loop",
    HEAD
    + FORWARD.replace("\n    ", "\n        ").replace(
        "\n        h", "\n    for i in range(10):\n        x, t = X[i::10], T[i::10]\n        h"
    )
    + BACKWARD.replace("\n    ", "\n        ")
    + DESCENT.replace("\n    ", "\n        "),
    "update-outside-loop",
    (
        "        W1 -= rate * g1\n        b1 -= rate * c1\n        W2 -= rate * g2\n        b2 -= rate * c2\n",
        "        W2 -= rate * g2\n        b2 -= rate * c2\n        b1 -= rate * c1\n    W1 -= rate * g1  # wrong\n",
    ),
)
pair(
    "mask redrawn on the way back",
    HEAD
    + """
    mask = (rng.random((len(x), 6)) < 0.7) / 0.7
    h = np.tanh(x @ W1 + b1)
    r = h * mask
    p = softmax(r @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * mask * (1 - h ** 2)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), r.T @ d2, d2.sum(0)
"""
    + DESCENT,
    "dropout-mask-redrawn",
    (
        "    d1 = (d2 @ W2.T) * mask * (1 - h ** 2)\n",
        "    d1 = (d2 @ W2.T) * (rng.random((len(x), 6)) < 0.7) / 0.7 * (1 - h ** 2)  # wrong\n",
    ),
)
pair("gradient added", NETWORK, "sign", ("    W1 -= rate * g1\n", "    W1 += rate * g1  # wrong\n"))
pair(
    "duplicate indices lost",
    """
import numpy as np
rng = np.random.default_rng(1)
E = rng.normal(size=(6, 4)) * 0.5
W = rng.normal(size=(4, 2)) * 0.5
for step in range(60):
    words = rng.integers(0, 6, size=12)
    y = np.eye(2)[words % 2]
    h = E[words]
    s = np.exp(h @ W)
    d = s / s.sum(axis=1, keepdims=True) - y
    dh = d @ W.T
    W -= 0.05 * h.T @ d
    dE = np.zeros_like(E)
    np.add.at(dE, words, dh)
    E -= 0.05 * dE
""",
    "duplicate-indices",
    ("    np.add.at(dE, words, dh)\n", "    dE[words] += dh  # wrong\n"),
)
pair(
    "gradient in place of the bias",
    NETWORK,
    "parameter-replaced",
    ("    b1 -= rate * c1\n", "    b1 = -rate * c1  # wrong\n"),
)
pair(
    "old weights with their sign turned",
    NETWORK,
    "parameter-not-kept",
    ("    W1 -= rate * g1\n", "    W1 = rate * g1 - W1  # wrong\n"),
)
pair(
    "weights neither updated nor differentiated",
    NETWORK.replace("g1, c1, g2, c2 = x.T @ d1, d1.sum(0)", "c1, g2, c2 = d1.sum(0)").replace(
        "    W1 -= rate * g1\n", "    W1 -= rate * x.T @ d1\n"
    ),
    "parameter-never-updated",
    ("    W1 -= rate * x.T @ d1\n", ""),
    ("    b1 -= rate * c1\n", "    b1 -= rate * c1  # wrong\n"),
)
pair(
    "bias neither updated nor differentiated",
    NETWORK.replace("g1, c1, g2, c2 = x.T @ d1, d1.sum(0)", "g1, g2, c2 = x.T @ d1").replace(
        "    b1 -= rate * c1\n", "    b1 -= rate * d1.sum(0)\n"
    ),
    "parameter-never-updated",
    ("    b1 -= rate * d1.sum(0)\n", ""),
    ("    W1 -= rate * g1\n", "    W1 -= rate * g1  # wrong\n"),
)
BATCHES = (
    HEAD
    + FORWARD.replace("\n    ", "\n        ").replace(
        "\n        h", "\n    for i in range(4):\n        x, t = X[i::4], T[i::4]\n        h"
    )
    + BACKWARD.replace("\n    ", "\n        ")
)
INDENTED = DESCENT.replace("\n    ", "\n        ")
pair(
    "all updates outside of the loop over batches",
    BATCHES + INDENTED,
    "update-outside-loop",
    (INDENTED, "".join(line + "  # wrong\n" if line else "\n" for line in DESCENT.strip("\n").split("\n"))),
)
pair(
    "update of the last layer alone",
    NETWORK.replace(DESCENT, "")
    + "\n    for w, g in ((b1, c1), (b2, c2), (W1, g1), (W2, g2)):\n        step_ = rate * g\n        w -= step_\n",
    "update-outside-loop",
    ("        w -= step_\n", "    w -= step_  # wrong\n"),
)
pair(
    "bias bent after each update",
    NETWORK,
    "",  # cannot tell: what has become of it is no update that can be read
    ("    b1 -= rate * c1\n", "    b1 = np.tanh(b1 - rate * c1)  # wrong\n"),
)
