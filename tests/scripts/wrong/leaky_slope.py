"""Parameters in a dictionary, a cache from forward to backward, leaky ReLU."""

import numpy as np
from sklearn.datasets import make_circles

SEED = 11
SLOPE = 0.1


def init(sizes, rng):
    params = {}
    for i in range(1, len(sizes)):
        params["W" + str(i)] = rng.normal(size=(sizes[i - 1], sizes[i])) * np.sqrt(2.0 / sizes[i - 1])
        params["b" + str(i)] = np.zeros((1, sizes[i]))
    return params


def leaky_relu(z):
    return np.where(z > 0, z, SLOPE * z)


def leaky_relu_grad(z):
    return np.where(z > 0, 1.0, 0.01)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def forward(params, X):
    cache = {"X": X}
    cache["Z1"] = X @ params["W1"] + params["b1"]
    cache["A1"] = leaky_relu(cache["Z1"])
    cache["Z2"] = cache["A1"] @ params["W2"] + params["b2"]
    cache["A2"] = sigmoid(cache["Z2"])
    return cache["A2"], cache


def compute_loss(A2, Y):
    return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))


def backward(params, cache, Y):
    m = Y.shape[0]
    grads = {}
    dZ2 = (cache["A2"] - Y) / m
    grads["W2"] = cache["A1"].T @ dZ2
    grads["b2"] = np.sum(dZ2, axis=0, keepdims=True)
    dA1 = dZ2 @ params["W2"].T
    dZ1 = dA1 * leaky_relu_grad(cache["Z1"])
    grads["W1"] = cache["X"].T @ dZ1
    grads["b1"] = np.sum(dZ1, axis=0, keepdims=True)
    return grads


def update(params, grads, lr):
    for key in params:
        params[key] -= lr * grads[key]


epochs = 300
X, y = make_circles(200, noise=0.08, factor=0.5, random_state=SEED)
Y = y.reshape(-1, 1)
params = init([2, 8, 1], np.random.default_rng(SEED))
for epoch in range(epochs):
    A2, cache = forward(params, X)
    if epoch % 100 == 0:
        print("cost after epoch", epoch, compute_loss(A2, Y))
    grads = backward(params, cache, Y)
    update(params, grads, lr=0.5)

print("accuracy", np.mean((forward(params, X)[0] > 0.5) == Y))
