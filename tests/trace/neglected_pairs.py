"""Parameters that are not kept, started anew, left alone or moved outside of the loop, each beside what is right.

`RIGHT` are programs that come near these faults and are right.
"""

from __future__ import annotations

from unusual_programs import BACKWARD, FORWARD, HEAD
from update_pairs import NETWORK, PAIRS, pair

__all__ = ["PAIRS", "RIGHT"]

KEPT = "parameter-not-kept"
pair(
    "old value added twice",
    NETWORK,
    KEPT,
    ("    W1 -= rate * g1\n", "    W1 += W1 - rate * g1  # wrong\n"),
)
pair(
    "new values bound to a name of the loop",
    NETWORK.replace("    W1 -= rate * g1\n", "    for p_, g_ in [(W1, g1)]:\n        p_ -= rate * g_\n"),
    "parameter-never-updated",
    ("        p_ -= rate * g_\n", "        p_ = p_ - rate * g_  # wrong\n"),
)
pair(
    "sign of a small bias turned in every step",
    NETWORK,
    KEPT,
    ("    b2 -= rate * c2\n", "    b2 = rate * c2 - b2  # wrong\n"),
)
pair(
    "bias replaced by its gradient, summed for it alone",
    NETWORK.replace("    b2 -= rate * c2\n", "    b2 -= rate * (p - t).mean(axis=0)\n"),
    "parameter-replaced",
    ("    b2 -= rate * (p - t).mean(axis=0)\n", "    b2 = rate * (t - p).mean(axis=0)  # wrong\n"),
)
HEAVY_BALL = (
    HEAD.replace("rate = 0.05", "rate = 0.05\nP = [W1, b1, W2, b2]\nV = [np.zeros_like(w) for w in P]")
    + "    W1, b1, W2, b2 = P\n"
    + FORWARD
    + BACKWARD
    + "    for i, g in enumerate((g1, c1, g2, c2)):\n        V[i] = 0.9 * V[i] - rate * g\n        P[i] = P[i] + V[i]\n"
)
pair(
    "velocity stored as the parameter",
    HEAVY_BALL,
    "parameter-replaced",
    ("        P[i] = P[i] + V[i]\n", "        P[i] = V[i]  # wrong\n"),
)
EPOCHS = HEAD.replace(
    "for step in range(60):\n    x, t = X[step % 3::3], T[step % 3::3]\n",
    "B = [b1, b2]\nfor epoch in range(8):\n    for k in range(3):\n        x, t = X[k::3], T[k::3]\n",
) + (FORWARD + BACKWARD).replace("b1", "B[0]").replace("b2", "B[1]").replace("\n    ", "\n        ")
MOVED = "        W1 -= rate * g1\n        W2 -= rate * g2\n        B[0] -= rate * c1\n"
pair(
    "bias of a list moved after the batches",
    EPOCHS + MOVED + "        B[1] -= rate * c2\n",
    "update-outside-loop",
    ("        B[1] -= rate * c2\n", "    B[1] -= rate * c2  # wrong\n"),
)
pair(
    "bias moved after all training, with the sign in front of the product",
    NETWORK.replace("h = np.tanh(x @ W1 + b1)", "h = -np.tanh(-x.dot(W1) - b1)").replace(
        "    b1 -= rate * c1\n", "    np.subtract(b1, rate * c1, out=b1)\n"
    ),
    "update-outside-loop",
    (
        "    np.subtract(b1, rate * c1, out=b1)\n    W2 -= rate * g2\n    b2 -= rate * c2\n",
        "    W2 -= rate * g2\n    b2 -= rate * c2\nnp.subtract(b1, rate * c1, out=b1)  # wrong\n",
    ),
)
SINGLE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = (X @ [1.0, 2.0, -1.0, 0.5] > 0.3).astype(float)
W = rng.normal(size=(4, 5)) * 0.5
v = rng.normal(size=5)
b = np.zeros(1)
for step in range(60):
    x, y = X[step % 3 :: 3], Y[step % 3 :: 3]
    h = np.tanh(x @ W)
    e = (1 / (1 + np.exp(-(h @ v + b))) - y) / len(x)
    back = np.outer(e, v) * (1 - h ** 2)
    v = v - 0.3 * h.T @ e
    b = b - 0.3 * e.sum()
    W = W - 0.3 * x.T @ back
"""
pair(
    "vector of weights never updated",
    SINGLE,
    "parameter-never-updated",
    ("    v = v - 0.3 * h.T @ e\n    b = b - 0.3 * e.sum()\n", "    b = b - 0.3 * e.sum()  # wrong\n"),
)
pair(
    "update that stores the old value",
    NETWORK.replace("    b2 -= rate * c2\n", "    b2 = b2 - rate * c2\n"),
    "parameter-never-updated",
    ("    b2 = b2 - rate * c2\n", "    b2 = b2  # wrong\n"),
)

pair(
    "weights stored as they are, and no gradient worked out",
    NETWORK.replace("    W2 -= rate * g2\n", "    W2 = W2 - rate * h.T @ d2\n").replace(
        "d1.sum(0), h.T @ d2, d2", "d1.sum(0), 0, d2"
    ),
    "parameter-never-updated",
    ("    W2 = W2 - rate * h.T @ d2\n", "    W2 = W2  # wrong\n"),
)
DATA = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(30, 3))
T = np.stack([X[:, 0] * X[:, 1] + 0.5, np.sin(X[:, 2]) - 0.2], axis=1)
rate = 0.1
"""
ELEMENTS = (
    DATA
    + """
A, B = rng.normal(size=3) * 0.5, rng.normal(size=3) * 0.5
c = np.zeros(2)
for epoch in range(8):
    for k in range(3):
        x, t = X[k::3], T[k::3]
        e = (x @ A + c[0] - t[:, 0]) / 10
        f = (x @ B + c[1] - t[:, 1]) / 10
        A -= rate * x.T @ e
        B -= rate * x.T @ f
        c[0] -= rate * e.sum()
        c[1] -= rate * f.sum()
"""
)
pair(
    "element of a bias moved after the batches",
    ELEMENTS,
    "update-outside-loop",
    ("        c[1] -= rate * f.sum()\n", "    c[1] -= rate * f.sum()  # wrong\n"),
)
UNITS = (
    DATA
    + """
units = [[rng.normal(size=3), np.zeros(2) + 0.1] for _ in range(4)]
out = rng.normal(size=(8, 2)) * 0.4
for step in range(24):
    x, t = X[step % 3 :: 3], T[step % 3 :: 3]
    hs = [np.tanh(np.outer(x @ unit[0], [1.0, -0.5]) + unit[1]) for unit in units]
    h = np.hstack(hs)
    e = (h @ out - t) / len(x)
    d = np.split((e @ out.T) * (1 - h ** 2), 4, axis=1)
    out -= rate * h.T @ e
    for unit, each in zip(units, d):
        unit[0] -= rate * x.T @ (each @ [1.0, -0.5])
        unit[1] -= rate * each.sum(axis=0)
"""
)
pair(
    "bias of the last unit only, behind the loop over units",
    UNITS,
    "update-outside-loop",
    (
        "        unit[1] -= rate * each.sum(axis=0)\n",
        "    unit[1] -= rate * each.sum(axis=0)  # wrong\n",
    ),
)
TWO_NETWORKS = EPOCHS.replace("B = [b1, b2]", "B = [b1, b2]\nbase = np.zeros(2)").replace(
    "+ B[1]", "+ B[1] + base"
) + (MOVED + "        B[1] -= rate * c2\n")

RIGHT = {
    "bias moved after the batches by the sum of its gradients": EPOCHS.replace(
        "    for k in range(3)", "    total = np.zeros(2)\n    for k in range(3)"
    )
    + MOVED
    + "        total = total + c2\n    B[1] -= rate * total\n",
    "sum of the gradients in place": EPOCHS.replace(
        "    for k in range(3)", "    total = np.zeros(2)\n    for k in range(3)"
    )
    + MOVED
    + "        total += c2\n    B[1] -= rate * total\n",
    "another loss, whose error has the same name, moves an offset after the batches": TWO_NETWORKS
    + "    d2 = base - 0.1 * T.mean(axis=0)\n    base -= rate * d2\n",
    "fixed vector of weights, without a bias": SINGLE.replace(" + b", "")
    .replace("    b = b - 0.3 * e.sum()\n", "")
    .replace("    v = v - 0.3 * h.T @ e\n", ""),
    "running mean subtracted from the layer": NETWORK.replace(
        "rate = 0.05", "rate = 0.05\nmean = np.zeros(6)"
    ).replace("h = np.tanh(x @ W1 + b1)\n", "z = x @ W1 + b1 - mean\n    h = np.tanh(z)\n")
    + "    mean = 0.9 * mean + 0.1 * z.mean(axis=0)\n",
    "decay of a tenth in every step": HEAVY_BALL.replace(
        "V[i] = 0.9 * V[i] - rate * g\n        P[i] = P[i] + V[i]", "P[i] = 0.9 * P[i] - rate * g"
    ),
}
