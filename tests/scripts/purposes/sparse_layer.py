import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
rng = np.random.default_rng(201)
X = rng.normal(size=(60, 5)); Y = np.eye(3)[X[:, :3].argmax(1)]; A = rng.normal(0, .5, (5, 8)); V = rng.normal(0, .6, (8, 3)); M = rng.random((8, 3)) > .3; V *= M
for ep in range(50):
    h = np.tanh(X @ A); p = soft(h @ V); d = (p - Y) / 60; gA = X.T @ (d @ V.T * (1 - h * h))
    V -= .5 * M * (h.T @ d); A -= .5 * gA
    if ep % 10 == 0: print(ep, -(Y * np.log(p)).sum() / 60)
