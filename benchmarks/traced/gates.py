"""A long short-term memory of 32 cells that adds up a sequence of 20 numbers, trained with momentum."""

import numpy as np

ROUNDS = 300
D, H, T, RATE = 2, 32, 20, 0.01
rng = np.random.default_rng(0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Memory:
    def __init__(self):
        self.W = rng.normal(0, 0.2, (4 * H, D + H))
        self.b = np.zeros(4 * H)
        self.V = rng.normal(0, 0.2, (1, H))
        self.c = np.zeros(1)
        self.speed = [np.zeros_like(p) for p in (self.W, self.b, self.V, self.c)]

    def forward(self, xs):
        h, s, self.tape = np.zeros(H), np.zeros(H), []
        for x in xs:
            z = np.concatenate([x, h])
            gates = self.W @ z + self.b
            i, f, o = sigmoid(gates[:H]), sigmoid(gates[H : 2 * H] + 1), sigmoid(gates[2 * H : 3 * H])
            g = np.tanh(gates[3 * H :])
            old, s = s, f * s + i * g
            squashed = np.tanh(s)
            h = o * squashed
            self.tape.append((z, i, f, o, g, old, squashed))
        self.h = h
        return self.V @ h + self.c

    def backward(self, dy):
        dW, db = np.zeros_like(self.W), np.zeros_like(self.b)
        dV, dc = np.outer(dy, self.h), dy
        dh, ds = self.V.T @ dy, np.zeros(H)
        for z, i, f, o, g, old, squashed in reversed(self.tape):
            ds = ds + dh * o * (1 - squashed**2)
            do, di, dg, df = dh * squashed, ds * g, ds * i, ds * old
            raw = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])
            dW += np.outer(raw, z)
            db += raw
            dh = self.W[:, D:].T @ raw
            ds = ds * f
        return dW, db, dV, dc

    def descend(self, gradients):
        for p, v, g in zip((self.W, self.b, self.V, self.c), self.speed, gradients, strict=True):
            v *= 0.9
            v -= RATE * g
            p += v


net, loss = Memory(), 0.0
for number in range(ROUNDS):
    xs = rng.uniform(-1, 1, (T, D))
    xs[:, 1] = 1 / T
    error = net.forward(xs) - xs[:, 0].mean()
    loss = 0.99 * loss + 0.01 * 0.5 * np.sum(error**2)
    net.descend(net.backward(error))
    if number % 100 == 99:
        print("round", number, "loss", loss)
