import numpy as np
from math import log

# GloVe on a toy corpus, AdaGrad, one co-occurrence cell at a time
rng = np.random.default_rng(4)
words = 14
corpus = [int(a) for a in np.cumsum(rng.integers(-2, 3, 600)) % words]
co = np.zeros((words, words))
for i, a in enumerate(corpus):
    for d in (1, 2):
        if i + d < len(corpus):
            co[a, corpus[i + d]] += 1 / d
            co[corpus[i + d], a] += 1 / d

dim, xmax, al, lr = 4, 20.0, 0.75, 0.05
W = (rng.random((words, dim)) - 0.5) / 2
Wt = (rng.random((words, dim)) - 0.5) / 2
b = np.zeros(words)
bt = np.zeros(words)
hW, hWt, hb, hbt = np.ones_like(W), np.ones_like(Wt), np.ones_like(b), np.ones_like(bt)
cells = [(i, j, co[i, j]) for i in range(words) for j in range(words) if co[i, j] > 0]


def cost_of(i, j, x):
    weight = (x / xmax) ** al if x < xmax else 1.0
    diff = W[i].dot(Wt[j]) + b[i] + bt[j] - log(x)
    return 0.5 * weight * diff * diff, weight * diff


for epoch in range(3):
    total = 0.0
    for n in rng.permutation(len(cells))[:60]:
        i, j, x = cells[n]
        c, fdiff = cost_of(i, j, x)
        total += c
        gi, gj = fdiff * Wt[j], fdiff * W[i]
        W[i] -= lr * gi / np.sqrt(hW[i])
        Wt[j] -= lr * gj / np.sqrt(hWt[j])
        b[i] -= lr * fdiff / np.sqrt(hb[i])
        bt[j] -= lr * fdiff / np.sqrt(hbt[j])
        hW[i] += gi ** 2
        hWt[j] += gj ** 2
        hb[i] += fdiff ** 2
        hbt[j] += fdiff ** 2
    print("epoch", epoch, "cost", total)
