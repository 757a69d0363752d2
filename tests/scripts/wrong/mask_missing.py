"""Inverted dropout on small handwritten digits, forward and backward with the same scaled mask."""
import numpy as np
from sklearn.datasets import load_digits

SEED = 17
KEEP = 0.8
np.random.seed(SEED)

digits = load_digits()
X = digits.data / 16.0
y = digits.target
Xtr, ytr, Xte, yte = X[:1000], y[:1000], X[1000:], y[1000:]

W1 = np.random.randn(64, 24) / 8
b1 = np.zeros(24)
W2 = np.random.randn(24, 10) / 5
b2 = np.zeros(10)
epochs = 12
lr = 0.5


def train_step(xb, yb):
    global W1, b1, W2, b2
    h = np.tanh(xb @ W1 + b1)
    mask = (np.random.rand(*h.shape) < KEEP) / KEEP
    h_drop = h * mask
    s = h_drop @ W2 + b2
    p = np.exp(s - s.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)

    ds = p.copy()
    ds[range(len(yb)), yb] -= 1
    ds /= len(yb)
    dW2 = h_drop.T @ ds
    db2 = ds.sum(0)
    dh = ds @ W2.T
    dz = dh * (1 - h ** 2)
    W2 -= lr * dW2
    b2 -= lr * db2
    W1 -= lr * (xb.T @ dz)
    b1 -= lr * dz.sum(0)
    return -np.log(p[range(len(yb)), yb]).mean()


for epoch in range(epochs):
    for k in range(0, 1000, 20):
        loss = train_step(Xtr[k:k + 20], ytr[k:k + 20])

pred = (np.tanh(Xte @ W1 + b1) @ W2 + b2).argmax(1)
print("test accuracy", np.mean(pred == yte))
