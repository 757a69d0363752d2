"""Asks for a number before it trains and for a key before it ends."""
import numpy as np

hidden = int(input("How many hidden units? "))
rng = np.random.default_rng(6)
X = rng.uniform(-1, 1, (120, 2))
y = (np.abs(X).sum(axis=1, keepdims=True) > 1).astype(float)
W1, b1 = rng.normal(size=(2, hidden)), np.zeros(hidden)
W2, b2 = rng.normal(size=(hidden, 1)), np.zeros(1)
for step in range(300):
    h = 1 / (1 + np.exp(-(X @ W1 + b1)))
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    d2 = (p - y) / len(X)
    d1 = (d2 @ W2.T) * h * (1 - h)
    W2 -= h.T @ d2
    b2 -= d2.sum(axis=0)
    W1 -= X.T @ d1
    b1 -= d1.sum(axis=0)
print("accuracy", np.mean((p > 0.5) == y))
input("Press Enter to close")
