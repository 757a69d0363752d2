"""Layers made of closures, activations as lambdas."""
import numpy as np
from sklearn.datasets import make_gaussian_quantiles

SEED = 6
rng = np.random.default_rng(SEED)

activations = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda a: 1 / (1 + np.exp(-a))),
    "identity": (lambda z: z, lambda a: np.ones_like(a)),
}


def make_layer(n_in, n_out, name):
    W = rng.normal(size=(n_in, n_out)) / np.sqrt(n_in)
    b = np.zeros(n_out)
    act, act_prime = activations[name]
    memory = []

    def forward(x):
        a = act(x @ W + b)
        memory[:] = [x, a]
        return a

    def backward(grad, lr):
        x, a = memory
        d = grad * act_prime(a)
        upstream = d @ W.T
        W[...] -= lr * (x.T @ d)
        b[...] -= lr * d.sum(axis=0)
        return upstream

    return forward, backward, (W, b)


layers = [make_layer(2, 8, "softplus"), make_layer(8, 6, "tanh"), make_layer(6, 1, "sigmoid")]


def predict(x):
    for forward, _, _ in layers:
        x = forward(x)
    return x


def fit(x, t, lr):
    p = predict(x)
    grad = 2 * (p - t) / len(x)
    for _, backward, _ in layers[::-1]:
        grad = backward(grad, lr)


epochs = 60
X, y = make_gaussian_quantiles(n_samples=300, n_classes=2, random_state=SEED)
T = y[:, None].astype(float)
for epoch in range(epochs):
    for i in range(0, 300, 30):
        fit(X[i:i + 30], T[i:i + 30], 0.7)
print("accuracy", ((predict(X) > 0.5) == T).mean())
