import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# the auxiliary task's gradient into the trunk is damped by 0.1 on purpose, its head learns at full rate
rng = np.random.default_rng(183)
X = rng.normal(size=(60, 5)); Y = np.eye(3)[X[:, :3].argmax(1)]; t = X[:, 3:4]; W = rng.normal(0, .5, (5, 8)); V = rng.normal(0, .5, (8, 3)); R = rng.normal(0, .5, (8, 1))
for ep in range(50):
    h = np.tanh(X @ W); p = soft(h @ V); r = h @ R; d = (p - Y) / 60; dr = 2 * (r - t) / 60
    dh = (d @ V.T + .1 * dr @ R.T) * (1 - h * h)
    V -= .3 * h.T @ d; R -= .3 * h.T @ dr; W -= .3 * X.T @ dh
    if ep % 10 == 0: print(ep, -(Y * np.log(p)).sum() / 60, ((r - t) ** 2).mean())
