import numpy as np
# RNN regression with a temporal-smoothness penalty on hidden states (sum ||h_t - h_{t-1}||^2), only mse printed
rng = np.random.default_rng(114)
T, B = 5, 20; X = rng.normal(size=(T, B, 2)); y = X[:, :, 0].sum(0)[:, None]
Wx = rng.normal(0, .4, (2, 6)); Wh = rng.normal(0, .3, (6, 6)); v = rng.normal(0, .4, (6, 1)); lam = .02
for ep in range(50):
    h = [np.zeros((B, 6))]
    for t in range(T): h.append(np.tanh(X[t] @ Wx + h[-1] @ Wh))
    e = h[-1] @ v - y; d = 2 * e / B
    gx, gh, dn = 0, 0, d @ v.T
    for t in range(T, 0, -1):
        dn = dn + 2 * lam * (h[t] - h[t - 1]) / B
        if t < T: dn = dn - 2 * lam * (h[t + 1] - h[t]) / B
        a = dn * (1 - h[t] ** 2)
        gx = gx + X[t - 1].T @ a; gh = gh + h[t - 1].T @ a
        dn = a @ Wh.T
    v -= .1 * h[-1].T @ d; Wx -= .1 * gx; Wh -= .1 * gh
    if ep % 10 == 0: print(ep, (e ** 2).mean())
