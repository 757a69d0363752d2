import numpy as np
# classifier with an L1 activity penalty on the hidden layer; only the cross-entropy is printed
rng = np.random.default_rng(113)
X = rng.normal(size=(80, 5)); Y = np.eye(3)[X[:, :3].argmax(1)]
W = rng.normal(0, .5, (5, 12)); V = rng.normal(0, .5, (12, 3)); l1 = .01
for ep in range(60):
    h = np.maximum(0, X @ W); z = h @ V; p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
    d = (p - Y) / 80
    dh = d @ V.T + l1 * np.sign(h) / 80
    V -= .3 * h.T @ d; W -= .3 * X.T @ (dh * (h > 0))
    if ep % 10 == 0: print(ep, "cross-entropy", -(Y * np.log(p)).sum() / 80)
