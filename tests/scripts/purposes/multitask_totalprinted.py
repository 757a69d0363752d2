import numpy as np
rng = np.random.default_rng(10)
X = rng.normal(size=(90, 5))
y_reg = X[:, :1] * 2 - X[:, 1:2]
y_cls = (X[:, 2:3] + X[:, 3:4] > 0).astype(float)
trunk = rng.normal(0, .4, (5, 10)); head_r = rng.normal(0, .4, (10, 1)); head_c = rng.normal(0, .4, (10, 1))
lam_r, lam_c = 0.3, 1.7
lr = 0.1
for epoch in range(60):
    h = np.tanh(X @ trunk)
    r = h @ head_r
    c = 1 / (1 + np.exp(-(h @ head_c)))
    mse = np.mean((r - y_reg) ** 2)
    bce = -np.mean(y_cls * np.log(c) + (1 - y_cls) * np.log(1 - c))
    dr = lam_r * 2 * (r - y_reg) / len(X)
    dc = lam_c * (c - y_cls) / len(X)
    dh = (dr @ head_r.T + dc @ head_c.T) * (1 - h * h)
    head_r -= lr * (h.T @ dr)
    head_c -= lr * (h.T @ dc)
    trunk -= lr * (X.T @ dh)
    if epoch % 15 == 0:
        print(f"epoch {epoch}  loss {lam_r * mse + lam_c * bce:.4f}  mse {mse:.4f}  bce {bce:.4f}")
