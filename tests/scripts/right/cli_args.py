#!/usr/bin/env python3
"""Train a small classifier from the command line."""
import argparse
import sys

import numpy as np
from sklearn.datasets import make_classification

SEED = 23


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args(argv)


def softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def forward(theta, x):
    W1, b1, W2, b2 = theta
    h = np.tanh(x @ W1 + b1)
    return h, softmax(h @ W2 + b2)


def nll(theta, x, y):
    return -np.log(forward(theta, x)[1][np.arange(len(y)), y]).mean()


def gradient(theta, x, y):
    W1, b1, W2, b2 = theta
    h, p = forward(theta, x)
    p[np.arange(len(y)), y] -= 1
    p /= len(y)
    back = (1 - h**2) * (p @ W2.T)
    return x.T @ back, back.sum(0), h.T @ p, p.sum(0)


def main(argv=None):
    args = parse(argv)
    rng = np.random.default_rng(SEED)
    x, y = make_classification(300, 8, n_informative=5, n_classes=3, random_state=SEED)
    theta = [rng.normal(size=(8, args.hidden)) * 0.3, np.zeros(args.hidden),
             rng.normal(size=(args.hidden, 3)) * 0.3, np.zeros(3)]
    for epoch in range(args.epochs):
        for rows in np.array_split(rng.permutation(len(x)), 15):
            grads = gradient(theta, x[rows], y[rows])
            theta = [p - args.lr * g for p, g in zip(theta, grads)]
        if not args.quiet and epoch % 10 == 0:
            print(f"epoch {epoch}: nll {nll(theta, x, y):.3f}", file=sys.stderr)
    print("accuracy", np.mean(forward(theta, x)[1].argmax(1) == y))
    return 0


if __name__ == "__main__":
    sys.exit(main())
