"""A gated recurrent unit reads a noisy walk and says whether it ended above zero; a whole batch at a time."""
import numpy as np


class GRU:
    def __init__(self, rng, inputs, hidden):
        def glorot(*shape):
            return rng.uniform(-1, 1, shape) * np.sqrt(3 / shape[0])
        self.hidden = hidden
        self.Wz, self.Uz, self.bz = glorot(inputs, hidden), glorot(hidden, hidden), np.zeros(hidden)
        self.Wr, self.Ur, self.br = glorot(inputs, hidden), glorot(hidden, hidden), np.zeros(hidden)
        self.Wn, self.Un, self.bn = glorot(inputs, hidden), glorot(hidden, hidden), np.zeros(hidden)
        self.v, self.c = glorot(hidden), np.zeros(1)

    def forward(self, walks):
        s = np.zeros((len(walks), self.hidden))
        self.tape = []
        for t in range(walks.shape[1]):
            x = walks[:, t]
            z = logistic(x @ self.Wz + s @ self.Uz + self.bz)
            r = logistic(x @ self.Wr + s @ self.Ur + self.br)
            n = np.tanh(x @ self.Wn + (r * s) @ self.Un + self.bn)
            self.tape.append((x, s, z, r, n))
            s = (1 - z) * n + z * s
        self.last = s
        return logistic(s @ self.v + self.c)

    def backward(self, p, y):
        g = {name: np.zeros_like(value) for name, value in vars(self).items() if name[0] in "WUbvc"}
        d = (p - y) / len(y)
        g["v"], g["c"] = self.last.T @ d, d.sum(keepdims=True)
        ds = np.outer(d, self.v)
        while self.tape:
            x, s, z, r, n = self.tape.pop()
            dz = ds * (s - n) * z * (1 - z)
            dn = ds * (1 - z) * (1 - n * n)
            drs = dn @ self.Un.T
            dr = drs * s * r * (1 - r)
            for k, dk, state in (("z", dz, s), ("r", dr, s), ("n", dn, r * s)):
                g["W" + k] += x.T @ dk
                g["U" + k] += state.T @ dk
                g["b" + k] += dk.sum(0)
            ds = ds * z + drs * r + dz @ self.Uz.T + dr @ self.Ur.T
        return g


def logistic(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(p, y):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


rng = np.random.default_rng(6)
steps = rng.normal(size=(240, 8, 1))
ends = (steps.sum(axis=(1, 2)) > 0).astype(float)
net = GRU(rng, 1, 6)
rate = 0.5
epochs = 25
for epoch in range(epochs):
    for rows in np.array_split(rng.permutation(240), 8):
        p = net.forward(steps[rows])
        for name, grad in net.backward(p, ends[rows]).items():
            setattr(net, name, getattr(net, name) - rate * grad)
    if epoch % 8 == 0:
        print("epoch", epoch, "loss", cross_entropy(p, ends[rows]))
print("accuracy", np.mean((net.forward(steps) > 0.5) == ends))
