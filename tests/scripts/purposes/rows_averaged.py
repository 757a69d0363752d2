import numpy as np
# LARS-like: each layer's step is scaled by |w|/|g|; the gradient of the embedding rows is averaged over their count
rng = np.random.default_rng(157)
ids = rng.integers(0, 6, (60, 3)); y = (ids.sum(1) > 7).astype(float)[:, None]
E = rng.normal(0, .5, (6, 4)); v = rng.normal(0, .5, (4, 1))
cnt = np.maximum(1, np.bincount(ids.ravel(), minlength=6))[:, None]
for ep in range(60):
    x = E[ids].mean(1); p = 1 / (1 + np.exp(-x @ v)); d = (p - y)
    gv = x.T @ d / 60; gE = np.zeros_like(E); np.add.at(gE, ids, np.repeat((d @ v.T / 3)[:, None], 3, 1))
    gE /= cnt
    v -= .1 * gv * np.linalg.norm(v) / np.linalg.norm(gv); E -= .3 * gE
    if ep % 10 == 0: print(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
