"""Layer objects, a loss object and an optimiser object."""

import numpy as np
from sklearn.datasets import make_blobs

SEED = 13
rng = np.random.default_rng(SEED)


class Dense:
    def __init__(self, n_in, n_out):
        self.W = rng.normal(0, np.sqrt(1 / n_in), (n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.W + self.b

    def backward(self, grad):
        self.dW = self.inputs.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

    def params_and_grads(self):
        yield self.W, self.dW
        yield self.b, self.db


class Tanh:
    def forward(self, inputs):
        self.output = np.tanh(inputs)
        return self.output

    def backward(self, grad):
        return grad * (1 - self.output * self.output)

    def params_and_grads(self):
        return []


class ReLU:
    def forward(self, inputs):
        self.mask = inputs > 0
        return inputs * self.mask

    def backward(self, grad):
        return grad * self.mask

    def params_and_grads(self):
        return []


class SoftmaxCrossEntropy:
    def forward(self, logits, labels):
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.p, self.labels = np.exp(log_p), labels
        return -log_p[range(len(labels)), labels].mean()

    def backward(self):
        grad = self.p.copy()
        grad[range(len(grad)), self.labels] -= 1
        return grad / len(grad)


class SGD:
    def __init__(self, layers, lr):
        self.layers, self.lr = layers, lr

    def step(self):
        for layer in self.layers:
            for param, grad in layer.params_and_grads():
                param -= self.lr * grad


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


EPOCHS = 20
X, y = make_blobs(400, centers=4, cluster_std=1.2, random_state=SEED)
X = (X - X.mean(0)) / X.std(0)
model = Sequential(Dense(2, 8), ReLU(), Dense(8, 8), Tanh(), Dense(8, 4))
criterion = SoftmaxCrossEntropy()
optimiser = SGD(model.layers, lr=0.3)

for epoch in range(EPOCHS):
    losses = []
    for idx in np.array_split(rng.permutation(len(X)), 10):
        losses.append(criterion.forward(model(X[idx]), y[idx]))
        model.backward(criterion.backward())
        optimiser.step()
    if epoch % 5 == 0:
        print(f"{epoch}: {np.mean(losses):.4f}")

print("accuracy", (model(X).argmax(axis=1) == y).mean())
