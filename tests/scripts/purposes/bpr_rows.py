import numpy as np

rng = np.random.default_rng(1)
n_users, n_items, k = 30, 40, 5
true_u, true_i = rng.normal(size=(n_users, 3)), rng.normal(size=(n_items, 3))
liked = (true_u @ true_i.T) > 1.0

P = rng.normal(0, 0.1, (n_users, k))
Q = rng.normal(0, 0.1, (n_items, k))
lr, reg = 0.05, 0.01

for epoch in range(5):
    total = 0.0
    for _ in range(60):
        u = rng.integers(n_users)
        if not liked[u].any() or liked[u].all():
            continue
        i = rng.choice(np.flatnonzero(liked[u]))
        j = rng.choice(np.flatnonzero(~liked[u]))
        pu, qi, qj = P[u].copy(), Q[i].copy(), Q[j].copy()
        x = pu @ (qi - qj)
        s = 1 / (1 + np.exp(x))
        total += np.log(1 + np.exp(-x))
        P[u] += lr * (s * (qi - qj) - reg * pu)
        Q[i] += lr * (s * pu - reg * qi)
        Q[j] += lr * (-s * pu - reg * qj)
    print(epoch, total / 60)
