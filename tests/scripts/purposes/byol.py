import numpy as np
rng = np.random.default_rng(52)
D = rng.normal(size=(40, 5))
W = rng.normal(0, .4, (5, 4)); P = np.eye(4) + rng.normal(0, .1, (4, 4)); Wt = W.copy()
for it in range(60):
    x1 = D + .2 * rng.normal(size=D.shape); x2 = D + .2 * rng.normal(size=D.shape)
    h = np.tanh(x1 @ W); q = h @ P
    z = np.tanh(x2 @ Wt)          # target branch, no gradient
    e = q - z
    loss = (e ** 2).sum(1).mean()
    g = 2 * e / 40
    dP = h.T @ g
    dW = x1.T @ (g @ P.T * (1 - h ** 2))
    P -= .1 * dP; W -= .1 * dW
    Wt = .95 * Wt + .05 * W
    if it % 15 == 0: print(it, loss)
