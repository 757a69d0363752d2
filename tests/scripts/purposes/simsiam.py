import numpy as np
# SimSiam: both views go through the same encoder, the second with stop-gradient
rng = np.random.default_rng(53)
D = rng.normal(size=(40, 5))
W = rng.normal(0, .5, (5, 4)); P = np.eye(4) + rng.normal(0, .1, (4, 4))
for it in range(60):
    x1 = D + .2 * rng.normal(size=D.shape); x2 = D + .2 * rng.normal(size=D.shape)
    z1 = np.tanh(x1 @ W); z2 = np.tanh(x2 @ W)
    p = z1 @ P
    e = p - z2
    loss = np.mean(e ** 2)
    g = 2 * e / e.size
    dP = z1.T @ g
    dW = x1.T @ (g @ P.T * (1 - z1 ** 2))     # z2 is a constant here
    P -= .5 * dP; W -= .5 * dW
    if it % 15 == 0: print(it, loss)
