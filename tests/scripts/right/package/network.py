import numpy as np
from activations import Sigmoid, Tanh


class Module:
    def parameters(self):
        return {}


class Linear(Module):
    def __init__(self, rows, columns, rng):
        self.weight = rng.normal(0, 1 / np.sqrt(rows), (rows, columns))
        self.bias = np.zeros(columns)

    def forward(self, x):
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, delta):
        self.grads = {"weight": self.x.T @ delta, "bias": delta.sum(0)}
        return delta @ self.weight.T

    def parameters(self):
        return {"weight": self.weight, "bias": self.bias}


class Activation(Module):
    def __init__(self, kind):
        self.kind = kind

    def forward(self, x):
        self.a = self.kind.value(x)
        return self.a

    def backward(self, delta):
        return delta * self.kind.slope(self.a)


class Network(Module):
    def __init__(self, sizes, rng):
        self.modules = []
        for rows, columns in zip(sizes, sizes[1:]):
            self.modules += [Linear(rows, columns, rng), Activation(Tanh)]
        self.modules[-1] = Activation(Sigmoid)

    def forward(self, x):
        for module in self.modules:
            x = module.forward(x)
        return x

    def backward(self, delta):
        for module in self.modules[::-1]:
            delta = module.backward(delta)
