import numpy as np
# softmax loss plus centre loss; the centres follow the class means by their own rule
rng = np.random.default_rng(134)
X = rng.normal(size=(60, 5)); lab = X[:, :3].argmax(1); Y = np.eye(3)[lab]
W = rng.normal(0, .5, (5, 6)); V = rng.normal(0, .5, (6, 3)); C = np.zeros((3, 6)); lam = .1
for ep in range(50):
    f = np.tanh(X @ W); z = f @ V; p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
    diff = f - C[lab]
    ce = -(Y * np.log(p)).sum() / 60; cl = .5 * (diff ** 2).sum() / 60
    d = (p - Y) / 60; df = d @ V.T + lam * diff / 60
    V -= .5 * f.T @ d; W -= .5 * X.T @ (df * (1 - f * f))
    for k in range(3):
        m = lab == k
        C[k] += .5 * diff[m].sum(0) / (1 + m.sum())
    if ep % 10 == 0: print(ep, "total", ce + lam * cl)
