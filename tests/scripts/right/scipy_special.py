"""The functions of scipy.special do the exponentials; unlucky units are silenced by a boolean mask."""
import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

rng = np.random.default_rng(92)
centres = rng.normal(0, 2.0, (5, 4))
label = rng.integers(0, 5, 250)
data = centres[label] + rng.normal(0, 0.8, (250, 4))

V = rng.normal(0, 0.5, (4, 10))
U = rng.normal(0, 0.5, (10, 8))
S = rng.normal(0, 0.5, (8, 5))
bv, bu, bs = np.full(10, 0.1), np.zeros(8), np.zeros(5)


def nll(scores, y):
    return np.mean(logsumexp(scores, axis=1) - scores[np.arange(len(y)), y])


lr = 0.4
for epoch in range(40):
    order = rng.permutation(250)
    for rows in order.reshape(5, 50):
        xb, yb = data[rows], label[rows]
        z = xb @ V + bv
        r = z.copy()
        r[z < 0] = 0
        g = expit(r @ U + bu)
        scores = g @ S + bs
        loss = nll(scores, yb)

        d = softmax(scores, axis=1)
        d[np.arange(50), yb] -= 1
        d /= 50
        dS, dbs = g.T @ d, d.sum(0)
        d = d @ S.T * g * (1 - g)
        dU, dbu = r.T @ d, d.sum(0)
        d = d @ U.T
        d[z < 0] = 0
        dV, dbv = xb.T @ d, d.sum(0)

        V -= lr * dV
        U -= lr * dU
        S -= lr * dS
        bv -= lr * dbv
        bu -= lr * dbu
        bs -= lr * dbs
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "loss", loss)

scores = expit(np.clip(data @ V + bv, 0, None) @ U + bu) @ S + bs
print("accuracy", np.mean(log_softmax(scores, axis=1).argmax(axis=1) == label))
