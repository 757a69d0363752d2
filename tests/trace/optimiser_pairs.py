"""Pairs about the memory of optimisers: it grows, is fed twice, is not used, or is corrected by something else.

`RIGHT` are programs that come near these faults and are right.
"""

from __future__ import annotations

from update_pairs import ADAM as ADAM_AT_ONCE
from update_pairs import DESCENT, MOMENTUM, NETWORK, pair

CORRECTED = "    mh = m / (1 - 0.9 ** count)\n    vh = v / (1 - 0.99 ** count)\n"
ADAM = ADAM_AT_ONCE.replace("    mh, vh = m / (1 - 0.9 ** count), v / (1 - 0.99 ** count)\n", CORRECTED)
FIRST, SECOND = CORRECTED.splitlines(keepends=True)
MEAN, SQUARES = "    m = 0.9 * m + 0.1 * g1\n", "    v = 0.99 * v + 0.01 * g1 ** 2\n"
ADAGRAD = (
    NETWORK.replace("rate = 0.05", "rate = 0.05\nhistory = np.full((4, 6), 1e-6)")
    .replace("    W1 -= rate * g1\n", "    W1 -= rate * g1 / np.sqrt(history)\n")
    .replace("    W1 -=", "    history += g1 * g1\n    W1 -=")
)
VELOCITY = "    v2 = 0.9 * v2 - rate * g2\n"

for title, line, wrong in (
    ("first moment not corrected", FIRST, "mh = m"),
    ("second moment not corrected", SECOND, "vh = v"),
    ("first moment corrected by a constant", FIRST, "mh = m / (1 - 0.9)"),
    ("bias correction one step ahead", FIRST, "mh = m / (1 - 0.9 ** (count + 1))"),
    ("second moment divided by what is no weight", SECOND, "vh = v / (2 - 0.99 ** count)"),
    ("second moment multiplied by its weight", SECOND, "vh = v * (1 - 0.99 ** count)"),
    ("second moment that keeps nothing", SQUARES, "v = 0.01 * g1 ** 2"),
    ("second moment that never fades", SQUARES, "v = v + 0.01 * g1 ** 2"),
    ("first moment that keeps nothing", MEAN, "m = 0.1 * g1"),
):
    pair(title, ADAM, "optimiser", (line, f"    {wrong}  # wrong\n"))
pair("first moment taken twice", ADAM, "optimiser", (MEAN, f"{MEAN}    m = 0.9 * m + 0.1 * g1  # wrong\n"))
pair(
    "step of Adam added",
    ADAM,
    "sign",
    ("    W1 -= rate * mh / (np.sqrt(vh) + 1e-8)\n", "    W1 += rate * mh / (np.sqrt(vh) + 1e-8)  # wrong\n"),
)
pair(
    "velocity taken twice",
    MOMENTUM,
    "optimiser",
    (VELOCITY, f"{VELOCITY}    v2 = 0.9 * v2 - rate * g2  # wrong\n"),
)
pair("velocity that grows", MOMENTUM, "optimiser", (VELOCITY, "    v2 += 0.9 * v2 - 0.0001 * g2  # wrong\n"))
pair(
    "sum of squares that is not used",
    ADAGRAD,
    "optimiser",
    ("    W1 -= rate * g1 / np.sqrt(history)\n", "    W1 -= rate * g1  # wrong\n"),
)

pair(
    "gradient multiplied by the root of its squares",
    ADAGRAD,
    "factor-extra operator",
    (
        "    W1 -= rate * g1 / np.sqrt(history)\n",
        "    W1 -= rate * g1 * np.sqrt(history)  # wrong\n",
    ),
)
SUMMED = NETWORK.replace(
    "    W1 -= rate * g1\n", "    G = np.zeros_like(W1)\n    G += g1\n    W1 -= rate * G\n"
)
pair(
    "sum that starts from ones",
    SUMMED,
    "gradient-not-cleared",
    ("    G = np.zeros_like(W1)\n", "    G = np.ones_like(W1)  # wrong\n"),
)
ALL = NETWORK.replace(
    DESCENT,
    "    loss = -np.log(p[range(len(x)), t.argmax(1)]).mean()\n"
    "    for w, g in ((W1, g1), (b1, c1), (W2, g2), (b2, c2)):\n        w -= rate * g\n",
)
pair(
    "rate without a gradient, for all",
    ALL,
    "gradient-missing",
    ("        w -= rate * g\n", "        w -= rate * 0.01  # wrong\n"),
)
DECAYED = NETWORK.replace("W1 -= rate * g1", "W1 = (1 - 0.01 * rate) * W1 - rate * g1")
pair(
    "rate without a gradient, beside decay",
    DECAYED,
    "gradient-missing",
    ("* W1 - rate * g1\n", "* W1 - rate  # wrong\n"),
)
pair(
    "decay that grows",
    DECAYED,
    "sign",
    ("(1 - 0.01 * rate) * W1 - rate * g1\n", "(1 + 0.01 * rate) * W1 - rate * g1  # wrong\n"),
)
pair(
    "penalty that grows",
    NETWORK.replace("W1 -= rate * g1", "W1 -= rate * (g1 + 0.01 * np.sign(W1))"),
    "sign",
    ("(g1 + 0.01 * np.sign(W1))\n", "(g1 - 0.01 * np.sign(W1))  # wrong\n"),
)
HUBER = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = np.tanh(X @ [1.0, 2.0, -1.0, 0.5])[:, None]
W1 = rng.normal(size=(4, 5)) * 0.5
W2 = rng.normal(size=(5, 1)) * 0.5
for step in range(60):
    h = np.tanh(X @ W1)
    e = h @ W2 - Y
    small = np.abs(e) < 0.5
    loss = np.where(small, 0.5 * e ** 2, 0.5 * np.abs(e) - 0.125).mean()
    d = np.where(small, e, 0.5 * np.sign(e)) / len(X)
    g1, g2 = X.T @ ((d @ W2.T) * (1 - h ** 2)), h.T @ d
    W1, W2 = W1 - 0.1 * g1, W2 - 0.1 * g2
"""
pair(
    "a distance climbed",
    HUBER,
    "sign",
    ("    W1, W2 = W1 - 0.1 * g1, W2 - 0.1 * g2\n", "    W1, W2 = W1 + 0.1 * g1, W2 + 0.1 * g2  # wrong\n"),
)

RIGHT = {
    "Adam that corrects neither mean": ADAM.replace(CORRECTED, "    mh, vh = m, v\n"),
    "Adam that corrects by its rate": ADAM.replace(
        CORRECTED, "    mh, vh = m * np.sqrt(1 - 0.99 ** count) / (1 - 0.9 ** count), v\n"
    ),
    "Adam that counts epochs": ADAM.replace("** count", "** (1 + count // 3)"),
    "Adam with a rate that shrinks": ADAM.replace("mh = m /", "mh = m / (1 + 0.01 * count) /"),
    "Adam with a shrinking rate below": ADAM.replace(
        "(np.sqrt(vh) + 1e-8)", "((np.sqrt(vh) + 1e-8) * (1 + 0.01 * count))"
    ),
    "RMSprop with a rate that shrinks": ADAM.replace(CORRECTED, "    mh, vh = g1 / (1 + 0.1 * count), v\n"),
    "velocity fed in two parts": MOMENTUM.replace(
        VELOCITY, "    v2 = 0.9 * v2 - rate * h[:10].T @ d2[:10]\n    v2 -= rate * h[10:].T @ d2[10:]\n"
    ),
    "mean of gradients in two statements": MOMENTUM.replace(
        VELOCITY, "    v2 *= 0.9\n    v2 -= 0.5 * rate * g2\n    v2 -= 0.5 * rate * g2\n"
    ),
    "one-sided value climbed": HUBER.replace(
        "    loss = np.where(small, 0.5 * e ** 2, 0.5 * np.abs(e) - 0.125).mean()\n"
        "    d = np.where(small, e, 0.5 * np.sign(e)) / len(X)\n",
        "    gain = np.maximum(e, 0).mean()\n    d = -(e > 0) / len(X)\n",
    ),
    "weights drawn to one and minus one": NETWORK.replace(
        "W1 -= rate * g1", "W1 -= rate * (g1 + 0.01 * (W1 ** 3 - W1))"
    ),
    "difference of the last two values as momentum": NETWORK.replace(
        "rate = 0.05", "rate = 0.05\nlast = W1.copy()"
    ).replace(
        "    W1 -= rate * g1\n", "    W1, last = W1 + 0.5 * (W1 - last) - rate * g1, W1\n"
    ),
    "squares that are printed at the end": ADAGRAD.replace(" / np.sqrt(history)", "") + "print(history.max())\n",
    "squares that are watched": ADAGRAD.replace(" / np.sqrt(history)", "") + "    norm = history.sum()\n",
}  # fmt: skip
