"""Gradient accumulation: four micro-batches are added up before the weights move."""
import numpy as np


class Tensor:
    """An array with its gradient."""

    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class Linear:
    def __init__(self, rng, n_in, n_out):
        self.weight = Tensor(rng.normal(0, 1 / np.sqrt(n_in), (n_out, n_in)))
        self.bias = Tensor(np.zeros(n_out))

    def __call__(self, x):
        self.x = x
        return x @ self.weight.data.T + self.bias.data

    def backward(self, g):
        self.weight.grad += g.T @ self.x
        self.bias.grad += g.sum(axis=0)
        return g @ self.weight.data


class Swish:
    def __call__(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-x))
        return x * self.s

    def backward(self, g):
        return g * (self.s + self.x * self.s * (1 - self.s))


rng = np.random.default_rng(10)
inputs = rng.uniform(-2, 2, (192, 2))
targets = (inputs[:, :1] ** 2 - inputs[:, 1:]) / 3
net = [Linear(rng, 2, 14), Swish(), Linear(rng, 14, 14), Swish(), Linear(rng, 14, 1)]
parameters = [p for layer in net if isinstance(layer, Linear) for p in (layer.weight, layer.bias)]


def run(x):
    for layer in net:
        x = layer(x)
    return x


def accumulate(x, t, share):
    g = (run(x) - t) * share
    for layer in reversed(net):
        g = layer.backward(g)


def optimise(rate):
    for p in parameters:
        p.data -= rate * p.grad
        p.grad.fill(0.0)


MICRO, PER_STEP = 12, 4
epochs = 50
for epoch in range(epochs):
    rows = rng.permutation(192)
    for number, start in enumerate(range(0, 192, MICRO), 1):
        chosen = rows[start:start + MICRO]
        accumulate(inputs[chosen], targets[chosen], 2 / (MICRO * PER_STEP))
        if number % PER_STEP == 0:
            optimise(0.1)

print("mse:", np.mean((run(inputs) - targets) ** 2))
