"""A correct network whose labels are all the same: nothing can be learned from them."""
import numpy as np

rng = np.random.default_rng(2)
X = rng.normal(size=(200, 3))
y = np.zeros((200, 1))
W1, b1 = rng.normal(size=(3, 5)), np.zeros(5)
W2, b2 = rng.normal(size=(5, 1)), np.zeros(1)

for step in range(200):
    z = X @ W1 + b1
    h = np.maximum(z, 0)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    d2 = (p - y) / len(X)
    d1 = (d2 @ W2.T) * (z > 0)
    W2 -= 0.5 * h.T @ d2
    b2 -= 0.5 * d2.sum(axis=0)
    W1 -= 0.5 * X.T @ d1
    b1 -= 0.5 * d1.sum(axis=0)
print("accuracy", np.mean((p > 0.5) == y))
