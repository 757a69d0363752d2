import numpy as np
# domain adaptation: source cross-entropy plus squared distance of mean features of source and target
rng = np.random.default_rng(136)
Xs = rng.normal(size=(50, 4)); ys = (Xs[:, :1] + Xs[:, 1:2] > 0) * 1.; Xt = rng.normal(size=(50, 4)) + [.5, -.5, 1, 0]
F = rng.normal(0, .5, (4, 8)); c = rng.normal(0, .5, (8, 1)); mu = .5
for ep in range(60):
    hs, ht = np.tanh(Xs @ F), np.tanh(Xt @ F); p = 1 / (1 + np.exp(-hs @ c))
    gap = hs.mean(0) - ht.mean(0)
    bce = -np.mean(ys * np.log(p) + (1 - ys) * np.log(1 - p)); mmd = gap @ gap
    d = (p - ys) / 50
    ds = (d @ c.T + mu * 2 * gap / 50) * (1 - hs ** 2); dt = -mu * 2 * gap / 50 * (1 - ht ** 2)
    c -= .5 * hs.T @ d; F -= .5 * (Xs.T @ ds + Xt.T @ dt)
    if ep % 10 == 0: print(ep, "source loss", bce, "discrepancy", mmd)
