import numpy as np
# digit-like label and parity from one trunk; total loss printed
def softmax(z):
    z = np.exp(z - z.max(1, keepdims=True)); return z / z.sum(1, keepdims=True)
rng = np.random.default_rng(112)
X = rng.normal(size=(90, 5)); c = X[:, :4].argmax(1); C = np.eye(4)[c]; par = (c % 2)[:, None].astype(float)
W1 = rng.normal(0, .5, (5, 12)); b1 = np.zeros(12); Wc = rng.normal(0, .5, (12, 4)); bc = np.zeros(4); Wp = rng.normal(0, .5, (12, 1)); bp = np.zeros(1)
for ep in range(50):
    h = np.maximum(0, X @ W1 + b1)
    p = softmax(h @ Wc + bc); q = 1 / (1 + np.exp(-(h @ Wp + bp)))
    l1 = -np.mean(np.sum(C * np.log(p), 1)); l2 = -np.mean(par * np.log(q) + (1 - par) * np.log(1 - q))
    dc = (p - C) / 90; dp = .4 * (q - par) / 90
    dh = (dc @ Wc.T + dp @ Wp.T) * (h > 0)
    Wc -= .5 * h.T @ dc; bc -= .5 * dc.sum(0); Wp -= .5 * h.T @ dp; bp -= .5 * dp.sum(0)
    W1 -= .5 * X.T @ dh; b1 -= .5 * dh.sum(0)
    if ep % 10 == 0: print(f"epoch {ep}: class {l1:.3f} parity {l2:.3f}")
