# a linear separator by the hinge loss; the steps come from a generator and end when the loss rests
import numpy as np

rng = np.random.default_rng(42)
points = np.vstack((rng.normal(2.5, 0.9, (80, 2)), rng.normal(1.0, 0.7, (80, 2))))
side = np.repeat([1.0, -1.0], 80)[:, None]
points = np.hstack((np.ones((160, 1)), points))


def hinge(theta):
    margin = side * points.dot(theta)
    value = np.sum(np.maximum(0, 1 - margin)) / len(points)
    slope = np.zeros_like(theta)
    for j in range(len(theta)):
        slope[j, 0] = np.sum(np.where(margin[:, 0] < 1, -(side * points)[:, j], 0)) / len(points)
    return value, slope


def descent(theta, rate, rounds):
    value, slope = hinge(theta)
    yield theta, value
    for _ in range(rounds):
        theta = theta - rate * slope
        value, slope = hinge(theta)
        yield theta, value


before = np.inf
for theta, value in descent(rng.normal(size=(3, 1)), 0.05, 300):
    if abs(value - before) < 1e-9:
        break
    before = value
print("loss", value)
