"""Faults for which no common loss is the witness: errors no softmax has, updates that turn, stand still or cut.

`RIGHT` are programs that come near these faults and are right.
"""

from __future__ import annotations

from further_pairs import ONE_OUTPUT
from unusual_programs import BACKWARD, FORWARD, HEAD
from update_pairs import NETWORK, PAIRS, pair

__all__ = ["PAIRS", "RIGHT"]

STORED = NETWORK.replace(
    "    d2 = (p - t) / len(x)\n",
    "    rows, labels = range(len(x)), t.argmax(1)\n    d2 = p.copy()\n"
    "    d2[rows, labels] -= 1\n    d2 /= len(x)\n",
)
TAKEN = "    d2[rows, labels] -= 1\n"
pair("two taken from a softmax", STORED, "wrong-number", (TAKEN, "    d2[rows, labels] -= 2  # wrong\n"))
pair("nothing taken from a softmax", STORED, "wrong-number", (TAKEN, "    d2[rows, labels] -= 0  # wrong\n"))
pair("target taken twice", STORED, "statement-extra", (TAKEN, TAKEN + "    d2[rows, labels] -= 1  # wrong\n"))

ZIPPED = (
    HEAD
    + FORWARD
    + BACKWARD
    + "    for w, g in zip((W1, b1, W2, b2), (g1, c1, g2, c2)):\n        w -= rate * g\n"
)
pair(
    "rate without its gradient",
    ZIPPED,
    "gradient-missing",
    ("        w -= rate * g\n", "        w -= rate  # wrong\n"),
)
pair(
    "nothing that moves",
    ZIPPED,
    "parameter-never-updated",
    ("        w -= rate * g\n", "        w = w - rate * g  # wrong\n"),
)
REBOUND = (
    HEAD.replace("rate = 0.05", "rate = 0.05\nP = [W1, b1, W2, b2]")
    + "    W1, b1, W2, b2 = P\n"
    + FORWARD
    + BACKWARD
    + "    P = [w - rate * g for w, g in zip(P, (g1, c1, g2, c2))]\n"
)
pair(
    "every old value turned",
    REBOUND,
    "sign",
    ("    P = [w - rate * g for w,", "    P = [rate * g - w for w,"),
    ("(g1, c1, g2, c2))]\n", "(g1, c1, g2, c2))]  # wrong\n"),
)
pair(
    "a number in the place of the old value",
    NETWORK,
    "parameter-replaced",
    ("    W1 -= rate * g1\n", "    W1 = 0.999 - rate * g1  # wrong\n"),
)
pair(
    "gradient added up in the parameter",
    NETWORK.replace("    W1 -= rate * g1\n", "    G = np.zeros_like(W1)\n    G += g1\n    W1 -= rate * G\n"),
    "aliasing sign",
    ("    G = np.zeros_like(W1)\n", "    G = W1\n"),
    ("    G += g1\n", "    G += g1  # wrong\n"),
)
pair(
    "gradient collected in whole numbers",
    NETWORK.replace(
        "    W1 -= rate * g1\n", "    G = np.zeros(W1.shape)\n    G[:] = g1\n    W1 -= rate * G\n"
    ),
    "integer-truncation",
    ("np.zeros(W1.shape)\n", "np.zeros(W1.shape, dtype=int)  # wrong\n"),
)
pair(
    "nothing ever added to a number",
    ONE_OUTPUT,
    "gradient-missing",
    ("    c += e.sum(axis=0)\n", "    e.sum(axis=0)\n"),
    ("    b2 -= 0.1 * c\n", "    b2 -= 0.1 * c  # wrong\n"),
)
pair(
    "error of a value less itself",
    ONE_OUTPUT,
    "wrong-operand",
    ("    e = (p - y) / len(x)\n", "    e = (p - p) / len(x)  # wrong\n"),
)
pair(
    "divided by the difference",
    ONE_OUTPUT.replace("1 / (1 + np.exp(-(h @ W2 + b2)))", "h @ W2 + b2").replace(
        "e = (p - y)", "e = 0.1 * (p - y)"
    ),
    "operator",
    ("    e = 0.1 * (p - y) / len(x)\n", "    e = 0.1 / (p - y) / len(x)  # wrong\n"),
)
CLEARED = (
    HEAD.replace("rate = 0.05", "rate = 0.05\nP = (W1, b1, W2, b2)\nG = [np.zeros_like(w) for w in P]")
    + FORWARD
    + BACKWARD
    + "    for g, new in zip(G, (g1, c1, g2, c2)):\n        g += new\n"
    + "    for w, g in zip(P, G):\n        w -= rate * g\n        g.fill(0.0)\n"
)
pair(
    "gradients cleared before they are used",
    CLEARED,
    "gradient-missing",
    ("        w -= rate * g\n        g.fill(0.0)\n", "        g.fill(0.0)  # wrong\n        w -= rate * g\n"),
)
PRINTED = ONE_OUTPUT.replace(
    "    e = (p - y)", "    print(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))\n    e = (p - y)"
)
pair(
    "target left to the printed loss",
    PRINTED,
    "term-missing",
    ("    e = (p - y) / len(x)\n", "    e = p / len(x)  # wrong\n"),
)
LINEAR = ONE_OUTPUT.replace("1 / (1 + np.exp(-(h @ W2 + b2)))", "h @ W2 + b2")
pair(
    "bias of a linear output that moves anyhow",
    LINEAR,
    "gradient-missing",
    ("    b2 -= 0.1 * c\n", "    b2 -= 0.1  # wrong\n"),
)

LABELLED = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(90, 4))
labels = np.argmax(X[:, :3] + 0.3 * rng.normal(size=(90, 3)), axis=1)
W1, b1 = rng.normal(size=(4, 6)) * 0.5, np.zeros(6)
W2, b2 = rng.normal(size=(6, 3)) * 0.5, np.zeros(3)
for step in range(40):
    x, y = X[step % 3 :: 3], labels[step % 3 :: 3]
    h = np.tanh(x @ W1 + b1)
    s = h @ W2 + b2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    print(-np.mean(np.log(p[np.arange(len(y)), y])))
    t = np.eye(3)[y]
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W1 -= 0.2 * x.T @ d1
    b1 -= 0.2 * d1.sum(0)
    W2 -= 0.2 * h.T @ d2
    b2 -= 0.2 * d2.sum(0)
"""
pair(
    "classes beside those of the printed loss",
    LABELLED,
    "wrong-operand",
    ("    t = np.eye(3)[y]\n", "    t = np.eye(3)[y - 1]\n"),
    ("    d2 = (p - t) / len(x)\n", "    d2 = (p - t) / len(x)  # wrong\n"),
)

ONCE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
Y = np.tanh(X @ [1.0, 2.0, -1.0, 0.5])
W1, W2 = rng.normal(size=(4, 5)), rng.normal(size=5)


def loss_and_gradients(x, y):
    h = np.tanh(x @ W1)
    d = (h @ W2 - y) / len(x)
    return 0.5 * np.sum(d ** 2) * len(x), x.T @ (np.outer(d, W2) * (1 - h ** 2)), h.T @ d


for part in np.split(np.arange(300), 30):
    value, _, _ = loss_and_gradients(X[part], Y[part])
    print(value)
"""
SMOOTHED = STORED.replace(TAKEN, "    d2 -= 0.1 / p.shape[1]\n    d2[rows, labels] -= 0.9\n")
RIGHT = {
    "labels made smooth by two statements": SMOOTHED,
    "rows that do not count": STORED.replace("    d2 /= len(x)\n", "    d2[::4] = 0\n    d2 /= len(x)\n"),
    "two classes for each row": STORED.replace(
        TAKEN, "    d2[rows, labels] -= 0.7\n    d2[rows, labels[::-1]] -= 0.3\n"
    ),
    "classes weighted": STORED.replace("    d2 /= len(x)\n", "    d2 *= (1.0 + labels)[:, None] / len(x)\n"),
    "gradients that are worked out beside a measurement": ONCE,
    "number that is frozen by its rate": ONE_OUTPUT.replace("b2 -= 0.1 * c", "b2 -= 0.0 * c"),
    "number that is frozen by a mask": ONE_OUTPUT.replace("b2 -= 0.1 * c", "b2 -= 0.1 * np.zeros(1) * c"),
    "gradients in fixed point": NETWORK.replace(
        "    W1 -= rate * g1",
        "    G = np.zeros(W1.shape, dtype=int)\n    G[:] = 1e9 * g1\n    W1 -= rate * G / 1e9",
    ),
    "whole numbers that count": NETWORK.replace(
        "    W1 -= rate",
        "    seen = np.zeros(W1.shape, dtype=int)\n    seen[:] = np.abs(g1) + 0.5\n    W1 -= rate",
    ),
    "wrong classes on purpose": LABELLED.replace("[y]\n", "[(y + rng.integers(1, 3, len(y))) % 3]\n"),
    "targets of a teacher": LABELLED.replace("np.eye(3)[y]", "0.2 + 0.4 * np.eye(3)[y - 1]"),
    "outputs made small": PRINTED.replace("np.log(p) + (1 - y) * np.log(1 - p)", "(p - y) ** 2").replace(
        "e = (p - y)", "e = p"
    ),
}
