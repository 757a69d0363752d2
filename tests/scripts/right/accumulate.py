"""Gradients accumulated sample by sample, then one step with their mean."""
import numpy as np

SEED = 35
np.random.seed(SEED)


class Net:
    def __init__(self):
        self.W1 = np.random.randn(5, 3) * 0.8
        self.b1 = np.zeros((5, 1))
        self.W2 = np.random.randn(1, 5) * 0.8
        self.b2 = np.zeros((1, 1))
        self.clear()

    def clear(self):
        self.gW1 = np.zeros_like(self.W1)
        self.gb1 = np.zeros_like(self.b1)
        self.gW2 = np.zeros_like(self.W2)
        self.gb2 = np.zeros_like(self.b2)

    def forward(self, x):
        self.x = x
        self.h = np.tanh(self.W1 @ x + self.b1)
        self.y = self.W2 @ self.h + self.b2
        return self.y

    def backward(self, target):
        dy = self.y - target
        self.gW2 += dy @ self.h.T
        self.gb2 += dy
        dz = (1 - self.h ** 2) * (self.W2.T @ dy)
        self.gW1 += dz @ self.x.T
        self.gb1 += dz

    def update(self, rate, count):
        for name in ("W1", "b1", "W2", "b2"):
            value = getattr(self, name)
            setattr(self, name, value - rate / count * getattr(self, "g" + name))
        self.clear()


inputs = np.random.uniform(-1, 1, (200, 3, 1))
targets = [float(np.sin(2 * v[0, 0]) + v[1, 0] * v[2, 0]) for v in inputs]
epochs = 30
net = Net()


def train_batch(rows):
    for i in rows:
        net.forward(inputs[i])
        net.backward(targets[i])
    net.update(0.2, len(rows))


for epoch in range(epochs):
    for start in range(0, 200, 10):
        train_batch(range(start, start + 10))

loss = sum(0.5 * (net.forward(x).item() - t) ** 2 for x, t in zip(inputs, targets)) / 200
print("loss", loss, "variance / 2", np.var(targets) / 2)
