import numpy as np
rng = np.random.default_rng(31)
X = rng.uniform(size=(60, 6)); n = 60; rho, beta = .1, .3
W1 = rng.normal(0, .4, (6, 8)); b1 = np.zeros(8); W2 = rng.normal(0, .4, (8, 6)); b2 = np.zeros(6)
sig = lambda a: 1 / (1 + np.exp(-a))
for ep in range(60):
    h = sig(X @ W1 + b1); o = sig(h @ W2 + b2)
    rh = h.mean(0)
    rec = .5 * ((o - X) ** 2).sum() / n
    kl = (rho * np.log(rho / rh) + (1 - rho) * np.log((1 - rho) / (1 - rh))).sum()
    d2 = (o - X) * o * (1 - o) / n
    sp = beta * (-rho / rh + (1 - rho) / (1 - rh)) / n
    d1 = (d2 @ W2.T + sp) * h * (1 - h)
    W2 -= 1. * h.T @ d2; b2 -= d2.sum(0); W1 -= 1. * X.T @ d1; b1 -= d1.sum(0)
    if ep % 10 == 0: print("reconstruction", rec)
