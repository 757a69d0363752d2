import numpy as np
# Muon-like: the matrix step is orthogonalised by an SVD
rng = np.random.default_rng(158)
X = rng.normal(size=(60, 4)); y = np.eye(3)[X[:, :3].argmax(1)]; W = rng.normal(0, .5, (4, 8)); V = rng.normal(0, .5, (8, 3))
for ep in range(50):
    h = np.tanh(X @ W); z = h @ V; p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
    d = (p - y) / 60; gV = h.T @ d; gW = X.T @ (d @ V.T * (1 - h * h))
    U, _, Vt = np.linalg.svd(gW, full_matrices=False)
    W -= .03 * U @ Vt; V -= .3 * gV
    if ep % 10 == 0: print(ep, -(y * np.log(p)).sum() / 60)
