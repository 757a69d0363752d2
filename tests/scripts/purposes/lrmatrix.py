import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# each input feature has its own learning rate
rng = np.random.default_rng(210)
X = rng.normal(size=(60, 4)) * [1, .1, 3, 1]; y = np.sin(X[:, :1]); W = rng.normal(0, .5, (4, 8)); v = rng.normal(0, .4, (8, 1)); rate = np.array([[.1], [.5], [.02], [.1]])
for ep in range(60):
    h = np.tanh(X @ W); e = h @ v - y; d = 2 * e / 60; g = X.T @ (d @ v.T * (1 - h * h)); v -= .1 * h.T @ d; W -= rate * g
    if ep % 10 == 0: print(ep, (e ** 2).mean())
