"""A network as lists of weights and biases; gradients summed over the samples of a mini-batch."""
import random

import numpy as np
from sklearn.datasets import load_iris

SEED = 2
EPOCHS = 15


class Network:
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) / np.sqrt(m) for m, n in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases):
            a = sigmoid(w @ a + b)
        return a

    def sgd(self, samples, epochs, batch_size, eta):
        for epoch in range(epochs):
            random.shuffle(samples)
            batches = [samples[k:k + batch_size] for k in range(0, len(samples), batch_size)]
            for batch in batches:
                self.update_mini_batch(batch, eta)
            if epoch % 5 == 4:
                print("epoch {0}: {1} / {2}".format(epoch + 1, self.evaluate(samples), len(samples)))

    def update_mini_batch(self, batch, eta):
        sum_w = [np.zeros(w.shape) for w in self.weights]
        sum_b = [np.zeros(b.shape) for b in self.biases]
        for x, y in batch:
            grad_w, grad_b = self.backprop(x, y)
            sum_w = [s + g for s, g in zip(sum_w, grad_w)]
            sum_b = [s + g for s, g in zip(sum_b, grad_b)]
        self.weights = [w - eta / len(batch) * s for w, s in zip(self.weights, sum_w)]
        self.biases = [b - eta / len(batch) * s for b, s in zip(self.biases, sum_b)]

    def backprop(self, x, y):
        grad_w = [None] * len(self.weights)
        grad_b = [None] * len(self.biases)
        activations, zs = [x], []
        for w, b in zip(self.weights, self.biases):
            zs.append(w @ activations[-1] + b)
            activations.append(sigmoid(zs[-1]))
        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        grad_w[-1] = delta @ activations[-2].T
        grad_b[-1] = delta
        for layer in range(2, self.num_layers):
            delta = (self.weights[-layer + 1].T @ delta) * (zs[-layer] * (1 - zs[-layer]))
            grad_w[-layer] = delta @ activations[-layer - 1].T
            grad_b[-layer] = delta
        return grad_w, grad_b

    def evaluate(self, samples):
        return sum(int(np.argmax(self.feedforward(x)) == np.argmax(y)) for x, y in samples)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


if __name__ == "__main__":
    random.seed(SEED)
    np.random.seed(SEED)
    features, species = load_iris(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    samples = [(x.reshape(-1, 1), np.eye(3)[s].reshape(-1, 1)) for x, s in zip(features, species)]
    net = Network([4, 8, 8, 3])
    net.sgd(samples, EPOCHS, 10, 0.01)
    print("accuracy", net.evaluate(samples) / len(samples))
