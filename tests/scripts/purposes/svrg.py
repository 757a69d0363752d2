import numpy as np
rng = np.random.default_rng(73)
X = rng.normal(size=(30, 4)); y = (X[:, 0] - X[:, 1] > 0) * 1.; w = np.zeros(4)
grad = lambda w, i: X[i] * (1 / (1 + np.exp(-X[i] @ w)) - y[i]) + .01 * w
for epoch in range(4):
    snap = w.copy(); full = np.mean([grad(snap, i) for i in range(30)], axis=0)
    for _ in range(20):
        i = rng.integers(30)
        w = w - .2 * (grad(w, i) - grad(snap, i) + full)
    p = 1 / (1 + np.exp(-X @ w)); print(epoch, -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
