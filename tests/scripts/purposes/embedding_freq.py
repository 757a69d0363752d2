import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# slow features and fast features: two groups of columns learn at different rates
rng = np.random.default_rng(223)
X = rng.normal(size=(60, 4)); y = np.tanh(X[:, :1] - X[:, 1:2]); W = rng.normal(0, .5, (4, 8)); b = np.zeros(8); v = rng.normal(0, .4, (8, 1)); lr = np.where(np.arange(8) < 4, .2, .02)
for ep in range(60):
    h = np.tanh(X @ W + b); e = h @ v - y; d = 2 * e / 60; dh = d @ v.T * (1 - h * h); gW, gb = X.T @ dh, dh.sum(0)
    v -= .1 * h.T @ d; W -= lr * gW; b -= lr * gb
    if ep % 10 == 0: print(ep, (e ** 2).mean())
