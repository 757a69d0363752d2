"""Further pairs: wrong starts of the backward pass, and single numbers; those of optimisers beside them.

`RIGHT` are programs that come near these faults and are right.
"""

from __future__ import annotations

import optimiser_pairs
from update_pairs import NETWORK, PAIRS, pair

__all__ = ["PAIRS", "RIGHT", "WITHOUT_TARGET"]

pair(
    "step divided by the gradient",
    NETWORK,
    "operator",
    ("    W1 -= rate * g1\n", "    W1 -= 1e-6 / g1  # wrong\n"),
)
ONE_OUTPUT = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = (X @ [1.0, 2.0, -1.0, 0.5] > 0.3).astype(float)[:, None]
W1 = rng.normal(size=(4, 5)) * 0.5
W2 = rng.normal(size=(5, 1)) * 0.5
b2 = np.zeros(1)
for step in range(60):
    x, y = X[step % 3 :: 3], Y[step % 3 :: 3]
    h = np.tanh(x @ W1)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    e = (p - y) / len(x)
    c = np.zeros(1)
    c += e.sum(axis=0)
    W1 -= 0.1 * x.T @ ((e @ W2.T) * (1 - h ** 2))
    W2 -= 0.1 * h.T @ e
    b2 -= 0.1 * c
"""
pair("one number added", ONE_OUTPUT, "sign", ("    b2 -= 0.1 * c\n", "    b2 += 0.1 * c  # wrong\n"))
pair(
    "one target added",
    ONE_OUTPUT,
    "sign",
    ("    e = (p - y) / len(x)\n", "    e = (p + y) / len(x)  # wrong\n"),
)
pair(
    "a one of the labels added",
    NETWORK.replace(
        "d2 = (p - t) / len(x)", "d2 = p.copy()\n    d2[range(len(x)), t.argmax(1)] -= 1\n    d2 /= len(x)"
    ),
    "sign",
    ("t.argmax(1)] -= 1\n", "t.argmax(1)] += 1  # wrong\n"),
)
COMPUTED = NETWORK.replace(
    "d2 = (p - t) / len(x)",
    "loss = -np.log(p[range(len(x)), t.argmax(1)]).mean()\n    d2 = p.copy()\n"
    "    d2[range(len(x)), t.argmax(1)] -= 1\n    d2 /= len(x)",
)
pair(
    "nothing subtracted, beside a computed loss",
    COMPUTED,
    "wrong-number",
    ("t.argmax(1)] -= 1\n", "t.argmax(1)] -= 0  # wrong\n"),
)

LINEAR = NETWORK.replace("softmax(h @ W2 + b2)", "h @ W2 + b2")
pair(
    "classes added to linear outputs",
    LINEAR,
    "sign",
    ("    d2 = (p - t) / len(x)\n", "    d2 = (p + t) / len(x)  # wrong\n"),
)
pair(
    "one target added, and the error added to the weights",
    ONE_OUTPUT.replace("(p - y)", "(y - p)").replace("-= 0.1", "+= 0.1"),
    "sign",
    ("    e = (y - p) / len(x)\n", "    e = (y + p) / len(x)  # wrong\n"),
)
pair(
    "number in the derivative of the output",
    NETWORK.replace("softmax(h @ W2 + b2)", "1 / (1 + np.exp(-(h @ W2 + b2)))").replace(
        "(p - t) / len(x)", "(p - t) * p * (1 - p) / len(x)"
    ),
    "activation-derivative-wrong",
    (
        "    d2 = (p - t) * p * (1 - p) / len(x)\n",
        "    d2 = (p - t) * p * (2 - p) / len(x)  # wrong\n",
    ),
)
pair(
    "logit with the other sign",
    ONE_OUTPUT,
    "sign",
    ("    p = 1 / (1 + np.exp(-(h @ W2 + b2)))\n", "    p = 1 / (1 + np.exp(h @ W2 + b2))  # wrong\n"),
    ("    e = (p - y) / len(x)\n", "    e = (p - y) / len(x)  # wrong\n"),  # as good a place for the sign
)
WITHOUT_TARGET = NETWORK.replace("(p - t)", "p")
RIGHT = optimiser_pairs.RIGHT | {
    "targets turned and added": ONE_OUTPUT.replace("p - y", "p + (1 - y) - 1"),
    "targets of two outputs turned and added": ONE_OUTPUT.replace("p - y", "p + (1 - y) - 1")
    .replace("[:, None]", "[:, None] * [1.0, 0.0] + (X[:, :1] > 0) * [0.0, 1.0]")
    .replace("(5, 1)", "(5, 2)")
    .replace("zeros(1)", "zeros(2)"),
    "its own logarithm computed first": COMPUTED.replace("loss = -np.log(", "value = np.log(").replace(
        ".mean()\n", ".mean()\n    loss = -value\n", 1
    ),
}
