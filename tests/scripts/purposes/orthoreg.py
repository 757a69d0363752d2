import numpy as np
# regression with an orthogonality regulariser on the first layer, prints only the mse
rng = np.random.default_rng(135)
X = rng.normal(size=(60, 6)); y = np.sin(X[:, :1]) * X[:, 1:2]
W = rng.normal(0, .5, (6, 4)); v = rng.normal(0, .5, (4, 1)); lam = .05
for ep in range(60):
    h = np.tanh(X @ W); e = h @ v - y; d = 2 * e / 60
    R = W.T @ W - np.eye(4)
    gW = X.T @ (d @ v.T * (1 - h * h)) + lam * 4 * W @ R
    v -= .1 * h.T @ d; W -= .1 * gW
    if ep % 10 == 0: print("mse", (e ** 2).mean())
