"""Adam, parameters and moments in dictionaries."""
import numpy as np
from sklearn.datasets import load_wine

SEED = 12
np.random.seed(SEED)

X, y = load_wine(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
p = {"W1": np.random.randn(13, 7) * 0.2, "b1": np.zeros(7), "W2": np.random.randn(7, 3) * 0.2, "b2": np.zeros(3)}
m = {k: np.zeros_like(v) for k, v in p.items()}
v = {k: np.zeros_like(u) for k, u in p.items()}
beta1, beta2, eps, lr = 0.9, 0.999, 1e-8, 0.01


def loss_and_grads(x, y):
    z = x @ p["W1"] + p["b1"]
    h = np.maximum(z, 0)
    s = h @ p["W2"] + p["b2"]
    s = s - s.max(axis=1, keepdims=True)
    q = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(q[np.arange(len(y)), y]))
    ds = (q - np.eye(3)[y]) / len(y)
    g = {}
    g["W2"] = h.T @ ds
    g["b2"] = ds.sum(axis=0)
    dz = (ds @ p["W2"].T) * (z > 0)
    g["W1"] = x.T @ dz
    g["b1"] = dz.sum(axis=0)
    return loss, g


epochs = 30
t = 0
for epoch in range(epochs):
    for idx in np.array_split(np.random.permutation(len(X)), 6):
        t += 1
        loss, g = loss_and_grads(X[idx], y[idx])
        for k in p:
            m[k] = beta1 * m[k] + (1 - beta1) * g[k]
            v[k] = beta2 * v[k] + (1 - beta2) * g[k] ** 2
            m_hat = m[k] / (1 - beta1 ** t)
            v_hat = v[k] / (1 - beta2 ** t)
            p[k] -= lr * m_hat / (np.sqrt(v_hat) + eps)

hidden = np.maximum(X @ p["W1"] + p["b1"], 0)
print("loss", loss)
print("accuracy", np.mean((hidden @ p["W2"] + p["b2"]).argmax(axis=1) == y))
