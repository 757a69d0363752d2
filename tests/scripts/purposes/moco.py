import numpy as np
# momentum encoder, queue of negatives
rng = np.random.default_rng(116)
D = rng.normal(size=(48, 5)); q = rng.normal(0, .4, (5, 4)); k = q.copy(); queue = rng.normal(size=(24, 4)); queue /= np.linalg.norm(queue, axis=1, keepdims=True); tau = .5
for it in range(50):
    x = D[rng.choice(48, 12, replace=False)]
    xa, xb = x + .1 * rng.normal(size=x.shape), x + .1 * rng.normal(size=x.shape)
    u = xa @ q; n = np.linalg.norm(u, axis=1, keepdims=True); u = u / n
    w = xb @ k; w /= np.linalg.norm(w, axis=1, keepdims=True)
    L = np.hstack([(u * w).sum(1, keepdims=True), u @ queue.T]) / tau
    P = np.exp(L - L.max(1, keepdims=True)); P /= P.sum(1, keepdims=True)
    loss = -np.log(P[:, 0]).mean()
    dL = P.copy(); dL[:, 0] -= 1; dL /= 12 * tau
    du = dL[:, :1] * w + dL[:, 1:] @ queue
    dn = (du - u * (u * du).sum(1, keepdims=True)) / n
    q -= .3 * xa.T @ dn
    k = .9 * k + .1 * q
    queue = np.vstack([w, queue])[:24]
    if it % 10 == 0: print(it, loss)
