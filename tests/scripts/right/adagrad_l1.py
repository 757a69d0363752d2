"""Sparse regression: an L1 penalty on the first layer, Adagrad, and steps that are halved now and then."""
import numpy as np

rng = np.random.default_rng(77)
X = rng.normal(size=(200, 8))
y = np.maximum(X[:, 0], 0) - np.maximum(X[:, 1] - X[:, 2], 0)

W = rng.normal(0, 0.4, size=(8, 16))
b = np.zeros(16)
u = rng.normal(0, 0.4, size=16)
weights = [W, b, u]
history = [np.full(p.shape, 1e-6) for p in weights]
lam, eta = 1e-4, 0.2


def penalised(xs, ys):
    pre = xs @ W + b
    residual = np.maximum(pre, 0) @ u - ys
    value = np.dot(residual, residual) / len(ys) + lam * np.abs(W).sum()
    back = np.outer(2 * residual / len(ys), u) * (pre > 0)
    return value, [xs.T @ back + lam * np.sign(W), back.sum(axis=0), np.maximum(pre, 0).T @ residual * 2 / len(ys)]


for epoch in range(60):
    if epoch in (25, 45):
        eta /= 2
    for start in range(0, 200, 40):
        value, grads = penalised(X[start:start + 40], y[start:start + 40])
        for p, g, h in zip(weights, grads, history):
            h += g * g
            p -= eta * g / np.sqrt(h)
    if epoch % 20 == 19:
        print(f"{epoch + 1:3d} {value:.5f} weights near zero: {np.mean(np.abs(W) < 1e-2):.0%}")

print("value", value)
