from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SEED = 4
EPOCHS = 80


@dataclass
class Layer:
    """Weights, bias and the values the backward pass needs."""

    W: np.ndarray
    b: np.ndarray
    linear: bool = False
    x: np.ndarray | None = field(default=None, repr=False)
    out: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def random(cls, rng: np.random.Generator, n_in: int, n_out: int, linear: bool = False) -> Layer:
        return cls(rng.normal(scale=n_in**-0.5, size=(n_in, n_out)), np.zeros(n_out), linear)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        z = x @ self.W + self.b
        self.out = z if self.linear else np.tanh(z)
        return self.out


def predict(layers: list[Layer], x: np.ndarray) -> np.ndarray:
    for layer in layers:
        x = layer(x)
    return x


def descend(layers: list[Layer], target: np.ndarray, rate: float) -> None:
    """One step down the mean squared error of the last prediction."""
    delta = 2 * (layers[-1].out - target) / target.size
    for layer in reversed(layers):
        if not layer.linear:
            delta = delta * (1 - layer.out**2)
        dW, db = layer.x.T @ delta, delta.sum(axis=0)
        delta = delta @ layer.W.T
        layer.W -= rate * dW
        layer.b -= rate * db


def main() -> None:
    rng = np.random.default_rng(SEED)
    x = rng.uniform(-1, 1, (240, 2))
    t = (x[:, :1] * x[:, 1:]) * 2 + 0.01 * rng.normal(size=(240, 1))
    layers = [Layer.random(rng, 2, 16), Layer.random(rng, 16, 16), Layer.random(rng, 16, 1, linear=True)]
    for epoch in range(EPOCHS):
        for start in range(0, 240, 24):
            predict(layers, x[start:start + 24])
            descend(layers, t[start:start + 24], 0.2)
    print("mse", float(np.mean((predict(layers, x) - t) ** 2)), "variance", float(t.var()))


if __name__ == "__main__":
    main()
