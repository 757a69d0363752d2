"""Robust regression: the Huber loss shrugs off outliers. Functions return (loss, gradients)."""
from typing import NamedTuple

import numpy as np


class Params(NamedTuple):
    w: np.ndarray
    b: np.ndarray
    v: np.ndarray
    c: np.ndarray


def huber(error, delta=0.5):
    small = np.abs(error) <= delta
    value = np.where(small, 0.5 * error ** 2, delta * (np.abs(error) - 0.5 * delta))
    slope = np.where(small, error, delta * np.sign(error))
    return value.mean(), slope / error.size


def value_and_grad(params, x, y):
    def hidden_layer():
        pre = x @ params.w + params.b
        act = np.log1p(np.exp(pre))

        def back(d):
            d = d / (1 + np.exp(-pre))
            return x.T @ d, d.sum(axis=0)
        return act, back

    act, back = hidden_layer()
    value, d = huber(act @ params.v + params.c - y)
    dv, dc = act.T @ d, d.sum(axis=0)
    return value, Params(*back(d @ params.v.T), dv, dc)


def fit(x, y, params, steps, rate):
    for step in range(steps):
        value, grads = value_and_grad(params, x, y)
        params = Params(*(p - rate * g for p, g in zip(params, grads)))
        if step % 100 == 0:
            print("step", step, "value", value)
    return params


random = np.random.RandomState(5)
x = random.uniform(-2, 2, (150, 1))
y = np.abs(x) + random.normal(0, 0.05, x.shape)
y[random.choice(150, 8)] += 4.0
start = Params(random.normal(0, 1, (1, 10)), random.normal(0, 1, 10), random.normal(0, 0.3, (10, 1)), np.zeros(1))
params = fit(x, y, start, 400, 0.5)
prediction = np.log1p(np.exp(x @ params.w + params.b)) @ params.v + params.c
print("median_error", np.median(np.abs(prediction - np.abs(x))))
