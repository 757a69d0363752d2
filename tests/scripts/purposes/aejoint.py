import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
rng = np.random.default_rng(173)
X = rng.normal(size=(60, 5)); Y = np.eye(3)[X[:, :3].argmax(1)]; E = rng.normal(0, .5, (5, 6)); D = rng.normal(0, .5, (6, 5)); V = rng.normal(0, .5, (6, 3)); alpha = .5
for ep in range(60):
    h = np.tanh(X @ E); rec = h @ D; p = soft(h @ V)
    ce = -(Y * np.log(p)).sum() / 60; mse = ((rec - X) ** 2).sum() / 60
    dp = (p - Y) / 60; dr = alpha * 2 * (rec - X) / 60
    dh = (dp @ V.T + dr @ D.T) * (1 - h * h)
    V -= .2 * h.T @ dp; D -= .2 * h.T @ dr; E -= .2 * X.T @ dh
    if ep % 10 == 0: print(ep, "ce", ce, "reconstruction", mse)
