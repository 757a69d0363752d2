"""A correct network fed with a missing value."""
import numpy as np
from sklearn.datasets import load_iris

np.random.seed(1)
X, y = load_iris(return_X_y=True)
X[10, 2] = np.nan
T = np.eye(3)[y]
W1, b1 = np.random.randn(4, 6) * 0.5, np.zeros(6)
W2, b2 = np.random.randn(6, 3) * 0.5, np.zeros(3)

for epoch in range(30):
    for k in range(0, 150, 30):
        x, t = X[k:k + 30], T[k:k + 30]
        h = np.tanh(x @ W1 + b1)
        p = np.exp(h @ W2 + b2)
        p /= p.sum(axis=1, keepdims=True)
        d2 = (p - t) / len(x)
        d1 = (d2 @ W2.T) * (1 - h**2)
        W2 -= 0.1 * h.T @ d2
        b2 -= 0.1 * d2.sum(axis=0)
        W1 -= 0.1 * x.T @ d1
        b1 -= 0.1 * d1.sum(axis=0)
print("accuracy", np.mean((np.tanh(X @ W1 + b1) @ W2 + b2).argmax(axis=1) == y))
