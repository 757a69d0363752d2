"""Two spirals; squared error on a sigmoid unit."""
import data
import numpy as np
from network import Network

SEED = 31
EPOCHS = 150


def squared_error(p, t):
    return 0.5 * np.mean(np.sum((p - t) ** 2, axis=1))


def train_step(network, x, t, rate):
    p = network.forward(x)
    network.backward((p - t) / len(x))
    for module in network.modules:
        for name, value in module.parameters().items():
            value -= rate * module.grads[name]


def run():
    rng = np.random.default_rng(SEED)
    x, labels = data.spirals(100, rng)
    t = labels.reshape(-1, 1)
    network = Network([2, 16, 16, 1], rng)
    for epoch in range(EPOCHS):
        for rows in np.array_split(rng.permutation(len(x)), 10):
            train_step(network, x[rows], t[rows], 1.0)
        if epoch % 50 == 0:
            print("epoch", epoch, "error", squared_error(network.forward(x), t))
    print("accuracy", np.mean((network.forward(x) > 0.5) == t))
    return network, x, t


if __name__ == "__main__":
    run()
