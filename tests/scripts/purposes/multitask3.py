import numpy as np
# hard parameter sharing, three regression heads on given fixed weights, printed separately
rng = np.random.default_rng(111)
X = rng.normal(size=(64, 4)); T = {k: f(X)[:, None] for k, f in dict(sum=lambda x: x.sum(1), sq=lambda x: x[:, 0] ** 2, sn=lambda x: np.sin(x[:, 1])).items()}
weight = dict(sum=1., sq=.5, sn=2.)
S = rng.normal(0, .5, (4, 10)); heads = {k: rng.normal(0, .3, (10, 1)) for k in T}
for ep in range(50):
    h = np.tanh(X @ S); dh = 0; loss = {}
    for k in T:
        e = h @ heads[k] - T[k]; loss[k] = (e ** 2).mean()
        d = weight[k] * 2 * e / 64
        dh = dh + d @ heads[k].T
        heads[k] -= .1 * h.T @ d
    S -= .1 * X.T @ (dh * (1 - h ** 2))
    if ep % 10 == 0: print(ep, loss)
