"""Rare positives: binary cross-entropy on logits with a weight for the positive class, settings from the command line."""
import argparse

import numpy as np


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=10)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=26)
    return parser.parse_args()


def make_data(rng, n=300):
    x = rng.uniform(-1, 1, (n, 2))
    return x, (np.hypot(*(x - [0.4, 0.4]).T) < 0.35).astype(float)


class RareEventNet:
    def __init__(self, rng, hidden, pos_weight):
        self.w = [rng.normal(0, 1.5, (2, hidden)), rng.normal(0, 0.5, hidden)]
        self.b = [rng.normal(0, 0.5, hidden), np.zeros(())]
        self.pos_weight = pos_weight

    def logits(self, x):
        self.a = np.tanh(x @ self.w[0] + self.b[0])
        return self.a @ self.w[1] + self.b[1]

    def loss(self, x, y):
        s = self.logits(x)
        return np.mean(self.pos_weight * y * np.logaddexp(0, -s) + (1 - y) * np.logaddexp(0, s))

    def fit_batch(self, x, y, rate):
        p = 1 / (1 + np.exp(-self.logits(x)))
        d = np.where(y == 1, self.pos_weight * (p - 1), p) / len(y)
        hidden = np.outer(d, self.w[1]) * (1 - self.a ** 2)
        self.w[1] = self.w[1] - rate * (d @ self.a)
        self.b[1] = self.b[1] - rate * np.sum(d)
        self.w[0] = self.w[0] - rate * (x.T @ hidden)
        self.b[0] = self.b[0] - rate * hidden.sum(axis=0)


def main():
    args = parse()
    rng = np.random.default_rng(args.seed)
    x, y = make_data(rng)
    net = RareEventNet(rng, args.hidden, (y == 0).sum() / y.sum())
    for k in range(args.rounds):
        for rows in np.array_split(rng.permutation(len(x)), 6):
            net.fit_batch(x[rows], y[rows], args.rate)
        if k % 10 == 0:
            print("round", k, "loss", net.loss(x, y))
    hit = (net.logits(x) > 0) == (y == 1)
    print("balanced accuracy:", (hit[y == 1].mean() + hit[y == 0].mean()) / 2)
    return net, x, y


if __name__ == "__main__":
    net, x, y = main()
