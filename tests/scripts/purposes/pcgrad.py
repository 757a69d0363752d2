import numpy as np
# two tasks, one linear-tanh trunk; conflicting gradients are projected (PCGrad)
rng = np.random.default_rng(122)
X = rng.normal(size=(60, 4)); ya, yb = np.sin(X[:, :1]), X[:, :1] ** 2
W = rng.normal(0, .5, (4, 8)); a = rng.normal(0, .5, (8, 1)); b = rng.normal(0, .5, (8, 1))
for ep in range(60):
    h = np.tanh(X @ W); ea, eb = h @ a - ya, h @ b - yb; da, db = 2 * ea / 60, 2 * eb / 60
    ga = X.T @ (da @ a.T * (1 - h * h)); gb = X.T @ (db @ b.T * (1 - h * h)); dot = (ga * gb).sum()
    pa = ga - dot / (gb ** 2).sum() * gb if dot < 0 else ga
    pb = gb - dot / (ga ** 2).sum() * ga if dot < 0 else gb
    a -= .1 * h.T @ da; b -= .1 * h.T @ db; W -= .1 * (pa + pb)
    if ep % 10 == 0: print(ep, (ea ** 2).mean(), (eb ** 2).mean())
