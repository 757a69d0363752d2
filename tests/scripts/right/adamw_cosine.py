"""AdamW, a cosine schedule and a network of two hidden layers in a dictionary."""
import math

import numpy as np

rng = np.random.default_rng(1)
y = np.repeat([0, 1, 2], 50)
X = np.array([[5, 3, 1, 0], [6, 3, 4, 1], [7, 3, 6, 2]])[y] + rng.normal(0, 0.4, (150, 4))
X = (X - X.mean(axis=0)) / X.std(axis=0)


def init(sizes):
    net = {}
    for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:])):
        net[f"w{i}"] = rng.normal(0, math.sqrt(2 / fan_in), (fan_in, fan_out))
        net[f"b{i}"] = np.zeros(fan_out)
    return net


def forward_backward(net, x, labels):
    """The loss and a dictionary of gradients with the same keys as the network."""
    def softmax(s):
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    z0 = x @ net["w0"] + net["b0"]
    a0 = np.where(z0 > 0, z0, 0.01 * z0)
    z1 = a0 @ net["w1"] + net["b1"]
    a1 = np.where(z1 > 0, z1, 0.01 * z1)
    p = softmax(a1 @ net["w2"] + net["b2"])
    loss = -np.log(p[np.arange(len(x)), labels]).mean()

    grads = {}
    d2 = (p - np.eye(3)[labels]) / len(x)
    grads["w2"], grads["b2"] = a1.T @ d2, d2.sum(0)
    d1 = d2 @ net["w2"].T * np.where(z1 > 0, 1, 0.01)
    grads["w1"], grads["b1"] = a0.T @ d1, d1.sum(0)
    d0 = d1 @ net["w1"].T * np.where(z0 > 0, 1, 0.01)
    grads["w0"], grads["b0"] = x.T @ d0, d0.sum(0)
    return loss, grads


class AdamW:
    def __init__(self, net, weight_decay=0.01, betas=(0.9, 0.99)):
        self.net, self.weight_decay, self.betas, self.t = net, weight_decay, betas, 0
        self.first = {k: np.zeros_like(v) for k, v in net.items()}
        self.second = {k: np.zeros_like(v) for k, v in net.items()}

    def step(self, grads, lr):
        self.t += 1
        b1, b2 = self.betas
        for k, g in grads.items():
            self.first[k] = b1 * self.first[k] + (1 - b1) * g
            self.second[k] = b2 * self.second[k] + (1 - b2) * g * g
            m = self.first[k] / (1 - b1 ** self.t)
            v = self.second[k] / (1 - b2 ** self.t)
            self.net[k] -= lr * self.weight_decay * self.net[k]
            self.net[k] -= lr * m / (np.sqrt(v) + 1e-8)


net = init([4, 12, 12, 3])
optimizer = AdamW(net)
total, it = 200, 0
while it < total:
    lr = 0.01 * 0.5 * (1 + math.cos(math.pi * it / total))
    rows = rng.choice(len(X), 30, replace=False)
    loss, grads = forward_backward(net, X[rows], y[rows])
    optimizer.step(grads, lr)
    it += 1

print("loss", forward_backward(net, X, y)[0])
