import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# gated sum; the gate is trained by its own target, the value path treats the gate as given
rng = np.random.default_rng(215)
X = rng.normal(size=(60, 4)); on = (X[:, :1] > 0) * 1.; y = on * X[:, 1:2]; G = np.zeros((4, 1)); V = rng.normal(0, .3, (4, 1))
for ep in range(60):
    g = 1 / (1 + np.exp(-X @ G)); o = g * (X @ V)
    bce = -np.mean(on * np.log(g) + (1 - on) * np.log(1 - g)); mse = ((o - y) ** 2).mean()
    G -= .5 * X.T @ (g - on) / 60; V -= .2 * X.T @ (2 * (o - y) * g) / 60
    if ep % 10 == 0: print(ep, bce, mse)
