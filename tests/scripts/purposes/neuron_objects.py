"""Neural network out of neuron objects, XOR-like with 3 inputs (parity)."""
import math
import random

random.seed(9)


class Neuron:
    def __init__(self, n):
        self.weights = [random.uniform(-1, 1) for _ in range(n)]
        self.bias = random.uniform(-1, 1)
        self.output = 0.0
        self.delta = 0.0
        self.inputs = []

    def activate(self, inputs):
        self.inputs = list(inputs)
        s = self.bias
        for w, x in zip(self.weights, inputs):
            s += w * x
        self.output = 1 / (1 + math.exp(-s))
        return self.output

    def adjust(self, rate):
        for i, x in enumerate(self.inputs):
            self.weights[i] += rate * self.delta * x
        self.bias += rate * self.delta


class Network:
    def __init__(self, *sizes):
        self.layers = [[Neuron(a) for _ in range(b)] for a, b in zip(sizes, sizes[1:])]

    def feed(self, x):
        for layer in self.layers:
            x = [nrn.activate(x) for nrn in layer]
        return x

    def teach(self, x, target, rate):
        out = self.feed(x)
        for nrn, t in zip(self.layers[-1], target):
            nrn.delta = (t - nrn.output) * nrn.output * (1 - nrn.output)
        for l in range(len(self.layers) - 2, -1, -1):
            for j, nrn in enumerate(self.layers[l]):
                back = sum(up.weights[j] * up.delta for up in self.layers[l + 1])
                nrn.delta = back * nrn.output * (1 - nrn.output)
        for layer in self.layers:
            for nrn in layer:
                nrn.adjust(rate)
        return sum((t - o) ** 2 for t, o in zip(target, out)) / 2


data = [([a, b, c], [(a + b + c) % 2]) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
net = Network(3, 5, 1)
for epoch in range(25):
    err = sum(net.teach(x, t, 0.9) for x, t in data)
    if epoch % 5 == 0:
        print("epoch", epoch, "error", round(err, 4))
