"""A polynomial through noisy points; the model is a pair of closures."""
from functools import reduce
import random

random.seed(9)


def horner(coefs, x):
    return reduce(lambda acc, c: acc * x + c, reversed(coefs), 0.0)


def make_model(degree, rate, momentum):
    coefs = [0.1] * (degree + 1)
    velocity = [0.0] * (degree + 1)

    def predict(x):
        return horner(coefs, x)

    def fit_once(xs, ys):
        nonlocal coefs, velocity
        errors = [predict(x) - y for x, y in zip(xs, ys)]
        grad = [sum(e * x ** k for e, x in zip(errors, xs)) / len(xs) for k in range(degree + 1)]
        velocity = [momentum * v - rate * g for v, g in zip(velocity, grad)]
        coefs = [c + v for c, v in zip(coefs, velocity)]
        return sum(e * e for e in errors) / (2 * len(xs))

    return predict, fit_once


xs = [i / 20 - 1 for i in range(41)]
ys = [1 - 2 * x + 0.5 * x ** 3 + random.gauss(0, 0.1) for x in xs]
predict, fit_once = make_model(4, 0.2, 0.8)

best = None
for turn in range(120):
    mse = fit_once(xs, ys)
    best = mse if best is None else min(best, mse)
    if turn % 20 == 0:
        print(turn, mse)
print("at 0.5:", predict(0.5), "best", best)
