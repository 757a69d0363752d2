"""Gradient clipping, weight decay inside the update and a learning rate that shrinks every epoch."""
import numpy as np
from sklearn.datasets import make_moons

SEED = 63
rng = np.random.default_rng(SEED)
X, y = make_moons(240, noise=0.15, random_state=SEED)
W = {"hidden": rng.normal(0, 1, (2, 14)), "output": rng.normal(0, 0.4, (14, 2))}
B = {"hidden": np.zeros(14), "output": np.zeros(2)}
epochs, lr, decay = 80, 0.5, 1e-3


def forward(x):
    h = np.tanh(x @ W["hidden"] + B["hidden"])
    s = h @ W["output"] + B["output"]
    return h, s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def train_step(x, labels, rate):
    h, log_p = forward(x)
    delta = np.exp(log_p)
    delta[np.arange(len(x)), labels] -= 1
    delta /= len(x)
    grads = {"output": (h.T @ delta, delta.sum(axis=0))}
    delta = delta @ W["output"].T * (1 - h**2)
    grads["hidden"] = (x.T @ delta, delta.sum(axis=0))
    for name, (dW, db) in grads.items():
        np.clip(dW, -5, 5, out=dW)
        W[name] = (1 - rate * decay) * W[name] - rate * dW
        B[name] = B[name] - rate * db


for epoch in range(epochs):
    for rows in np.array_split(rng.permutation(240), 8):
        train_step(X[rows], y[rows], lr)
    lr *= 0.99
print("loss", -forward(X)[1][np.arange(240), y].mean())
print("accuracy", np.mean(forward(X)[1].argmax(axis=1) == y))
