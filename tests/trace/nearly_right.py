"""Faulty programs whose gradient points almost the right way: the cosine is 0.993 or more, and they are wrong.

Small weights, near-symmetric matrices and large batches hide a fault from every test of direction.
"""

from __future__ import annotations

from unusual_programs import BACKWARD, DESCENT, FORWARD, HEAD

SMALL = HEAD.replace("size=(4, 6)) * 0.5", "size=(4, 6)) * 0.08")
NETWORK = SMALL + FORWARD + BACKWARD + DESCENT
TWO_HIDDEN = (
    SMALL.replace("b1 = np.zeros(6)", "b1 = np.zeros(6)\nU = rng.normal(size=(6, 6)) * 0.3\nc = np.zeros(6)")
    + """
    k = np.tanh(x @ W1 + b1)
    h = np.tanh(k @ U + c)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    d0 = (d1 @ U.T) * (1 - k ** 2)
    g1, c1, g2, c2 = x.T @ d0, d0.sum(0), h.T @ d2, d2.sum(0)
    gu, gc = k.T @ d1, d1.sum(0)
    U -= rate * gu
    c -= rate * gc
"""
    + DESCENT
)
LEAKY = (
    HEAD
    + """
    z = x @ W1 + b1
    h = np.where(z > 0, z, 0.10 * z)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * np.where(z > 0, 1.0, 0.12)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
    + DESCENT
)
SIGMOID = (
    SMALL
    + """
    h = 1 / (1 + np.exp(-(x @ W1 + b1)))
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = d2 @ W2.T
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
    + DESCENT
)
RECURRENT = """
import numpy as np
rng = np.random.default_rng(2)
S = rng.normal(size=(480, 3))
G = np.cumsum(S, axis=0)[:, :2] * 0.1
U = rng.normal(size=(5, 3)) * 0.4
W = 0.5 * np.eye(5) + rng.normal(size=(5, 5)) * 0.01
V = rng.normal(size=(2, 5)) * 0.4
for step in range(30):
    x, y = S[step * 6 : step * 6 + 6], G[step * 6 : step * 6 + 6]
    h = {-1: np.zeros(5)}
    o = {}
    for k in range(6):
        h[k] = np.tanh(U @ x[k] + W @ h[k - 1])
        o[k] = V @ h[k]
    dU, dW, dV = np.zeros_like(U), np.zeros_like(W), np.zeros_like(V)
    dn = np.zeros(5)
    for k in reversed(range(6)):
        e = o[k] - y[k]
        dV += np.outer(e, h[k])
        d = (V.T @ e + dn) * (1 - h[k] ** 2)
        dU += np.outer(d, x[k])
        dW += np.outer(d, h[k - 1])
        dn = W @ d
    U -= 0.02 * dU
    W -= 0.02 * dW
    V -= 0.02 * dV
"""
SLOPE = "* (1 - h ** 2)"

FAULTS = {
    "tanh' missing": NETWORK.replace(SLOPE, ""),
    "tanh' of the pre-activation's square": NETWORK.replace(SLOPE, "* (1 - (x @ W1 + b1) ** 2)"),
    "tanh' of tanh": NETWORK.replace(SLOPE, "* (1 - np.tanh(h) ** 2)"),
    "tanh' twice": NETWORK.replace(SLOPE, "* (1 - h ** 2) ** 2"),
    "tanh' without the square": NETWORK.replace(SLOPE, "* (1 - np.abs(h) ** 3)"),
    "sigmoid' missing": SIGMOID,
    "pre-activation instead of activation": NETWORK.replace("h.T @ d2", "(x @ W1 + b1).T @ d2"),
    "one row of the batch forgotten": NETWORK.replace("size=(60, 4)", "size=(900, 4)").replace(
        "x.T @ d1", "x[1:].T @ d1[1:]"
    ),
    "activations rounded on the way back": NETWORK.replace("h.T @ d2", "np.round(h, 2).T @ d2"),
    "clean inputs on the way back": NETWORK.replace(
        "tanh(x @", "tanh((x + 0.05 * rng.normal(size=x.shape)) @"
    ),
    "leaky slope not the forward one": LEAKY,
    "recurrent transpose missing": RECURRENT,
    "output layer moves first": NETWORK.replace("rate = 0.05", "rate = 0.3")
    .replace(
        "    d1 = (d2 @ W2.T)", "    g2, c2 = h.T @ d2, d2.sum(0)\n    W2 -= rate * g2\n    d1 = (d2 @ W2.T)"
    )
    .replace("    W2 -= rate * g2\n    b2", "    b2"),
    "another layer's slope": TWO_HIDDEN.replace("(d1 @ U.T) * (1 - k ** 2)", "(d1 @ U.T) * (1 - h ** 2)"),
    "slope missing in the deeper of two": TWO_HIDDEN.replace("(d1 @ U.T) * (1 - k ** 2)", "d1 @ U.T"),
}
