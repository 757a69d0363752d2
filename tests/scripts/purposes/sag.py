import numpy as np
rng = np.random.default_rng(74)
X = rng.normal(size=(25, 3)); y = X @ [1., 2., -1.] + .1 * rng.normal(size=25); w = np.zeros(3); table = np.zeros((25, 3))
avg = np.zeros(3)
for k in range(100):
    i = rng.integers(25)
    g = (X[i] @ w - y[i]) * X[i]
    avg += (g - table[i]) / 25; table[i] = g
    w -= .1 * avg
    if k % 20 == 0: print(k, .5 * np.mean((X @ w - y) ** 2))
