import numpy as np
# K-FAC-like / natural gradient for the first layer: precondition by the inverse input covariance
rng = np.random.default_rng(121)
X = rng.normal(size=(80, 4)) * [1, 3, .3, 1]; y = np.tanh(X[:, :1] + X[:, 2:3])
W = rng.normal(0, .3, (4, 8)); v = rng.normal(0, .4, (8, 1))
Ainv = np.linalg.inv(X.T @ X / 80 + .1 * np.eye(4))
for ep in range(60):
    h = np.tanh(X @ W); e = h @ v - y; d = 2 * e / 80
    gv = h.T @ d; gW = Ainv @ (X.T @ (d @ v.T * (1 - h * h)))
    v -= .1 * gv; W -= .1 * gW
    if ep % 10 == 0: print((e ** 2).mean())
