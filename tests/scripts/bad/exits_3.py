"""Trains correctly and then leaves with exit code 3."""
import sys

import numpy as np

rng = np.random.default_rng(4)
X = rng.normal(size=(100, 3))
y = X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3
W1, b1 = rng.normal(size=(3, 6)), np.zeros(6)
W2, b2 = rng.normal(size=(6, 1)), np.zeros(1)
for step in range(150):
    h = np.tanh(X @ W1 + b1)
    e = (h @ W2 + b2 - y) / len(X)
    d = (e @ W2.T) * (1 - h**2)
    W2 -= 0.1 * h.T @ e
    b2 -= 0.1 * e.sum(axis=0)
    W1 -= 0.1 * X.T @ d
    b1 -= 0.1 * d.sum(axis=0)
print("error", float(np.mean((h @ W2 + b2 - y) ** 2)))
sys.exit(3)
