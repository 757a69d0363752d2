import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# cycle consistency: two linear maps A->B and B->A, paired loss on a few rows plus |BA x - x|^2 on all
rng = np.random.default_rng(229)
X = rng.normal(size=(50, 3)); R = rng.normal(size=(3, 3)); Yp = X[:10] @ R; F = rng.normal(0, .3, (3, 3)); G = rng.normal(0, .3, (3, 3))
for it in range(60):
    e = X[:10] @ F - Yp; c = X @ F @ G - X; dc = 2 * c / 50; de = 2 * e / 10
    gF = X[:10].T @ de + X.T @ (dc @ G.T); gG = (X @ F).T @ dc; F -= .02 * gF; G -= .02 * gG
    if it % 10 == 0: print(it, (e ** 2).sum(1).mean(), (c ** 2).sum(1).mean())
