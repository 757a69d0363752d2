"""Arrays are computed and printed; nothing is ever updated."""
import numpy as np

rng = np.random.default_rng(0)
a = rng.normal(size=(50, 3))
b = rng.normal(size=(3, 3))
for power in range(1, 4):
    print(power, np.linalg.norm(a @ np.linalg.matrix_power(b, power)))
mean = a.mean(axis=0)
print("covariance", (a - mean).T @ (a - mean) / len(a))
