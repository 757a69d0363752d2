import numpy as np
rng = np.random.default_rng(76)
X = rng.normal(size=(60, 5)); y = np.sin(X[:, :1])
W = rng.normal(0, .5, (5, 8)); v = rng.normal(0, .5, (8, 1))
for ep in range(50):
    h = np.tanh(X @ W); e = h @ v - y; d = 2 * e / 60
    gv = h.T @ d; gW = X.T @ (d @ v.T * (1 - h * h))
    gW = gW - gW.mean(0, keepdims=True)        # gradient centralisation
    W -= .1 * gW; v -= .1 * gv
    if ep % 10 == 0: print((e ** 2).mean())
