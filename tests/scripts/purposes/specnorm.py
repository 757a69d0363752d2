import numpy as np
# spectral normalisation, sigma by one power-iteration step, stop-gradient through sigma
rng = np.random.default_rng(51)
X = rng.normal(size=(60, 4)); y = np.sin(X[:, :1])
W = rng.normal(0, .8, (4, 8)); v = rng.normal(0, .4, (8, 1)); u = rng.normal(size=8)
for ep in range(60):
    a = W @ u; a /= np.linalg.norm(a); u = W.T @ a; sigma = np.linalg.norm(u); u /= sigma
    Wn = W / sigma
    h = np.tanh(X @ Wn); e = h @ v - y
    d = 2 * e / 60
    da = d @ v.T * (1 - h ** 2)
    v -= .1 * h.T @ d
    W -= .1 * X.T @ da / sigma
    if ep % 10 == 0: print((e ** 2).mean(), sigma)
