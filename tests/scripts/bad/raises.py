"""Fails in a function of a function, before anything is trained."""
import numpy as np


def check_shape(features, labels):
    if len(features) != len(labels):
        raise ValueError(f"{len(features)} rows of features but {len(labels)} labels")
    return features, labels


def load():
    rng = np.random.default_rng(0)
    return check_shape(rng.normal(size=(100, 4)), rng.integers(0, 2, 99))


def main():
    x, y = load()
    w = np.zeros(4)
    for _ in range(100):
        w -= 0.1 * x.T @ (x @ w - y) / len(x)


if __name__ == "__main__":
    main()
