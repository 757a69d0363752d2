"""Right programs that learn otherwise than by plain descent, or descend losses that are seldom written by hand."""

from __future__ import annotations

from never_wrong import NO_VERDICT, RIGHT, SILENT, Case

CASES: dict[str, Case] = {
    "contrastive divergence": Case(
        "a Boltzmann machine has a second, negative phase: its weights descend no loss of outputs and targets",
        """
import numpy as np

rng = np.random.default_rng(0)
V = (rng.random((200, 8)) < 0.3).astype(float)
V[:100, :4] = 1
W = rng.normal(size=(8, 5)) * 0.1
a = np.zeros(8)
b = np.zeros(5)
s = lambda z: 1 / (1 + np.exp(-z))
for ep in range(60):
    v0 = V[rng.choice(200, 20)]
    h0 = s(v0 @ W + b)
    hs = (rng.random(h0.shape) < h0).astype(float)
    v1 = s(hs @ W.T + a)
    h1 = s(v1 @ W + b)
    W += 0.05 * (v0.T @ h0 - v1.T @ h1) / 20
    a += 0.05 * (v0 - v1).mean(0)
    b += 0.05 * (h0 - h1).mean(0)
    if ep % 20 == 0:
        print(np.mean((v0 - v1) ** 2))
""",
        NO_VERDICT,
    ),
    "look-ahead": Case(
        "slow weights take over every five steps",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = np.eye(2)[(X[:, 0] * X[:, 1] > 0).astype(int)]
P = [rng.normal(size=(4, 10)) * 0.5, np.zeros(10), rng.normal(size=(10, 2)) * 0.5, np.zeros(2)]
slow = [p.copy() for p in P]
for it in range(120):
    i = rng.choice(200, 32)
    x, y = X[i], Y[i]
    h = np.tanh(x @ P[0] + P[1])
    o = h @ P[2] + P[3]
    p = np.exp(o - o.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d = (p - y) / len(x)
    dh = d @ P[2].T * (1 - h**2)
    g = [x.T @ dh, dh.sum(0), h.T @ d, d.sum(0)]
    for p_, g_ in zip(P, g):
        p_ -= 0.3 * g_
    if it % 5 == 4:
        for s, p_ in zip(slow, P):
            s += 0.5 * (p_ - s)
            p_[...] = s
print(P[3])
""",
        SILENT,
    ),
    "sharpness-aware": Case(
        "the gradient is taken a step uphill, on purpose",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = np.eye(2)[(X[:, 0] * X[:, 1] > 0).astype(int)]
P = [rng.normal(size=(4, 10)) * 0.5, np.zeros(10), rng.normal(size=(10, 2)) * 0.5, np.zeros(2)]


def grads(P, x, y):
    h = np.tanh(x @ P[0] + P[1])
    o = h @ P[2] + P[3]
    p = np.exp(o - o.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d = (p - y) / len(x)
    dh = d @ P[2].T * (1 - h**2)
    return [x.T @ dh, dh.sum(0), h.T @ d, d.sum(0)]


for it in range(80):
    i = rng.choice(200, 32)
    g = grads(P, X[i], Y[i])
    n = np.sqrt(sum((a**2).sum() for a in g))
    Q = [p + 0.05 * a / n for p, a in zip(P, g)]
    g = grads(Q, X[i], Y[i])
    P = [p - 0.3 * a for p, a in zip(P, g)]
print(P[3])
""",
        SILENT,
    ),
    "straight through": Case(
        "the derivative of a sign is replaced on purpose",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(float)[:, None]
W1 = rng.normal(size=(6, 16)) * 0.5
W2 = rng.normal(size=(16, 1)) * 0.3
b = np.zeros(1)
for it in range(80):
    z = X @ W1
    h = np.sign(z)
    p = 1 / (1 + np.exp(-(h @ W2 + b)))
    d = (p - Y) / 200
    gW2 = h.T @ d
    gb = d.sum(0)
    dz = (d @ W2.T) * (np.abs(z) <= 1)  # straight-through estimator
    W2 -= 0.5 * gW2
    b -= 0.5 * gb
    W1 -= 0.5 * X.T @ dz
print(np.mean((p > 0.5) == Y))
""",
        SILENT,
    ),
    "resilient propagation": Case(
        "each weight has a step width of its own, and the gradient gives the sign alone",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = (X[:, :1] * X[:, 1:2] > 0) * 1.0
P = [rng.normal(size=(4, 10)) * 0.5, rng.normal(size=(10, 1)) * 0.5]
D = [np.full_like(p, 0.01) for p in P]
old = [np.zeros_like(p) for p in P]
for it in range(60):
    h = np.tanh(X @ P[0])
    p = 1 / (1 + np.exp(-h @ P[1]))
    d = (p - Y) / 200
    G = [X.T @ (d @ P[1].T * (1 - h * h)), h.T @ d]
    for k in range(2):
        s = G[k] * old[k]
        D[k] = np.clip(np.where(s > 0, D[k] * 1.2, np.where(s < 0, D[k] * 0.5, D[k])), 1e-6, 0.1)
        G[k] = np.where(s < 0, 0, G[k])
        P[k] -= np.sign(G[k]) * D[k]
        old[k] = G[k]
print(np.mean((p > 0.5) == Y))
""",
        SILENT,
    ),
    "evolution strategies": Case(
        "the step is estimated from scores of random neighbours",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 3))
y = np.tanh(X @ [1, -1, 0.5])
w = np.zeros(3)


def f(w):
    return np.mean((np.tanh(X @ w) - y) ** 2)


for it in range(60):
    eps = rng.normal(size=(30, 3))
    r = np.array([-f(w + 0.1 * e) for e in eps])
    r = (r - r.mean()) / (r.std() + 1e-9)
    w = w + 0.05 / (30 * 0.1) * eps.T @ r
print(f(w))
""",
        SILENT,
    ),
    "simultaneous perturbation": Case(
        "the step is estimated from two values of the loss",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 3))
y = np.tanh(X @ [1, -1, 0.5])
W1 = rng.normal(size=(3, 6)) * 0.5
W2 = rng.normal(size=6) * 0.5


def f(A, B):
    return np.mean((np.tanh(X @ A) @ B - y) ** 2)


for it in range(80):
    D = rng.choice([-1, 1], size=W1.shape)
    d = rng.choice([-1, 1], size=6)
    g = (f(W1 + 0.01 * D, W2 + 0.01 * d) - f(W1 - 0.01 * D, W2 - 0.01 * d)) / 0.02
    W1 -= 0.02 * g * D
    W2 -= 0.02 * g * d
print(f(W1, W2))
""",
        SILENT,
    ),
    "meta-learning": Case(
        "the gradient is that of a copy which has taken a step",
        """
import numpy as np

rng = np.random.default_rng(0)
W1 = rng.normal(size=(1, 20))
b1 = np.zeros(20)
W2 = rng.normal(size=(20, 1)) * 0.2
b2 = np.zeros(1)


def grads(P, x, y):
    W1, b1, W2, b2 = P
    h = np.tanh(x @ W1 + b1)
    o = h @ W2 + b2
    d = 2 * (o - y) / len(x)
    dh = d @ W2.T * (1 - h**2)
    return [x.T @ dh, dh.sum(0), h.T @ d, d.sum(0)]


P = [W1, b1, W2, b2]
for it in range(60):
    a, ph = rng.uniform(0.5, 2), rng.uniform(0, 3)
    x = rng.uniform(-3, 3, size=(20, 1))
    y = a * np.sin(x + ph)
    Q = [p - 0.02 * g for p, g in zip(P, grads(P, x[:10], y[:10]))]
    P = [p - 0.02 * g for p, g in zip(P, grads(Q, x[10:], y[10:]))]  # first-order MAML
print(P[3])
""",
        SILENT,
    ),
    "weight normalisation": Case(
        "direction and length of each weight vector are trained apart",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = np.eye(2)[(X[:, 0] > 0).astype(int)]
V = rng.normal(size=(4, 2))
g = np.ones(2)
b = np.zeros(2)
for it in range(80):
    n = np.linalg.norm(V, axis=0)
    W = g * V / n
    o = X @ W + b
    p = np.exp(o - o.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d = (p - Y) / 200
    dW = X.T @ d
    dg = (dW * V / n).sum(0)
    dV = g / n * dW - g * dg / n**2 * V
    V -= 0.5 * dV
    g -= 0.5 * dg
    b -= 0.5 * d.sum(0)
print(-np.mean(np.log(p[Y == 1])))
""",
        RIGHT,
    ),
    "variational autoencoder": Case(
        "two gradients meet in the encoder: that of the reconstruction and that of the prior",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(256, 2)) @ rng.normal(size=(2, 6))
We = rng.normal(size=(6, 8)) * 0.3
Wm = rng.normal(size=(8, 2)) * 0.3
Wl = rng.normal(size=(8, 2)) * 0.1
Wd = rng.normal(size=(2, 8)) * 0.3
Wo = rng.normal(size=(8, 6)) * 0.3
for it in range(100):
    x = X[rng.choice(256, 32)]
    h = np.tanh(x @ We)
    m = h @ Wm
    l = h @ Wl
    e = rng.normal(size=m.shape)
    sd = np.exp(0.5 * l)
    z = m + sd * e
    k = np.tanh(z @ Wd)
    o = k @ Wo
    loss = 0.5 * ((o - x) ** 2).sum() / 32 + 0.5 * (np.exp(l) + m**2 - 1 - l).sum() / 32
    do = (o - x) / 32
    gWo = k.T @ do
    dk = do @ Wo.T * (1 - k**2)
    gWd = z.T @ dk
    dz = dk @ Wd.T
    dm = dz + m / 32
    dl = dz * e * 0.5 * sd + 0.5 * (np.exp(l) - 1) / 32
    gWm = h.T @ dm
    gWl = h.T @ dl
    dh = (dm @ Wm.T + dl @ Wl.T) * (1 - h**2)
    gWe = x.T @ dh
    for W, g in ((We, gWe), (Wm, gWm), (Wl, gWl), (Wd, gWd), (Wo, gWo)):
        W -= 0.05 * g
print(loss)
""",
        RIGHT,
    ),
    "rates by length": Case(
        "each layer's rate is the length of its weights over that of its gradient",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = (X[:, :1] * X[:, 1:2] > 0) * 1.0
W1 = rng.normal(size=(4, 10)) * 0.5
W2 = rng.normal(size=(10, 1)) * 0.5
for it in range(60):
    h = np.tanh(X @ W1)
    p = 1 / (1 + np.exp(-h @ W2))
    d = (p - Y) / 200
    g2 = h.T @ d
    g1 = X.T @ (d @ W2.T * (1 - h * h))
    for W, g in ((W1, g1), (W2, g2)):
        W -= 0.02 * np.linalg.norm(W) / (np.linalg.norm(g) + 1e-9) * g
print(np.mean((p > 0.5) == Y))
""",
        RIGHT,
    ),
    "focal loss": Case(
        "the script computes its own loss, a product of a power and a logarithm",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
y = (X[:, 0] + 0.5 * X[:, 1] ** 2 > 1).astype(float)
W1 = rng.normal(size=(4, 12)) * 0.5
w2 = rng.normal(size=12) * 0.5
b2 = 0.0
g = 2.0
for it in range(100):
    h = np.tanh(X @ W1)
    p = 1 / (1 + np.exp(-(h @ w2 + b2)))
    pt = np.where(y == 1, p, 1 - p)
    loss = np.mean(-((1 - pt) ** g) * np.log(pt))
    dpt = (g * (1 - pt) ** (g - 1) * np.log(pt) - (1 - pt) ** g / pt) / 300
    dp = np.where(y == 1, dpt, -dpt)
    dz = dp * p * (1 - p)
    gw2 = h.T @ dz
    gb = dz.sum()
    gW1 = X.T @ (np.outer(dz, w2) * (1 - h**2))
    w2 -= 1.0 * gw2
    b2 -= 1.0 * gb
    W1 -= 1.0 * gW1
print(loss)
""",
        RIGHT,
    ),
    "triplets": Case(
        "a step is taken only where the margin is not kept",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5))
c = (X[:, 0] > 0).astype(int)
W = rng.normal(size=(5, 2)) * 0.5
for it in range(100):
    a = rng.integers(60)
    p = rng.choice(np.flatnonzero(c == c[a]))
    n = rng.choice(np.flatnonzero(c != c[a]))
    A, B, C = X[a] @ W, X[p] @ W, X[n] @ W
    L = ((A - B) ** 2).sum() - ((A - C) ** 2).sum() + 1
    if L > 0:
        G = (
            np.outer(X[a], 2 * (A - B) - 2 * (A - C))
            + np.outer(X[p], -2 * (A - B))
            + np.outer(X[n], 2 * (A - C))
        )
        W -= 0.01 * G
print(L)
""",
        RIGHT,
    ),
    "mixup": Case(
        "samples and smoothed targets are mixed anew in every step",
        """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = np.eye(3)[np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1.0])]
Y = Y * 0.9 + 0.1 / 3
W1 = rng.normal(size=(4, 12)) * 0.5
b1 = np.zeros(12)
W2 = rng.normal(size=(12, 3)) * 0.5
b2 = np.zeros(3)
for it in range(100):
    i = rng.choice(200, 32)
    j = rng.permutation(i)
    lam = rng.beta(0.4, 0.4)
    x = lam * X[i] + (1 - lam) * X[j]
    y = lam * Y[i] + (1 - lam) * Y[j]
    z = x @ W1 + b1
    h = z * (z > 0)
    o = h @ W2 + b2
    o -= o.max(1, keepdims=True)
    p = np.exp(o)
    p /= p.sum(1, keepdims=True)
    d = (p - y) / 32
    W2g = h.T @ d
    dz = d @ W2.T * (z > 0)
    W2 -= 0.3 * W2g
    b2 -= 0.3 * d.sum(0)
    W1 -= 0.3 * x.T @ dz
    b1 -= 0.3 * dz.sum(0)
print(-np.mean(np.sum(y * np.log(p), 1)))
""",
        RIGHT,
    ),
    "target network": Case(
        "the targets come from a frozen copy, and each sample trains one output",
        """
import numpy as np

rng = np.random.default_rng(0)
W1 = rng.normal(size=(4, 16)) * 0.4
b1 = np.zeros(16)
W2 = rng.normal(size=(16, 2)) * 0.4
b2 = np.zeros(2)
T1, c1, T2, c2 = W1.copy(), b1.copy(), W2.copy(), b2.copy()


def q(x, W1, b1, W2, b2):
    h = np.maximum(0, x @ W1 + b1)
    return h, h @ W2 + b2


for it in range(120):
    s = rng.normal(size=(16, 4))
    a = rng.integers(2, size=16)
    r = np.where(a == (s[:, 0] > 0), 1.0, 0.0)
    s2 = rng.normal(size=(16, 4))
    _, qn = q(s2, T1, c1, T2, c2)
    target = r + 0.5 * qn.max(1)
    h, qs = q(s, W1, b1, W2, b2)
    d = np.zeros_like(qs)
    d[np.arange(16), a] = (qs[np.arange(16), a] - target) / 16
    gW2 = h.T @ d
    gb2 = d.sum(0)
    dh = d @ W2.T
    dh[h <= 0] = 0
    gW1 = s.T @ dh
    gb1 = dh.sum(0)
    W1 -= 0.1 * gW1
    b1 -= 0.1 * gb1
    W2 -= 0.1 * gW2
    b2 -= 0.1 * gb2
    if it % 20 == 0:
        T1, c1, T2, c2 = W1.copy(), b1.copy(), W2.copy(), b2.copy()
print(np.mean((qs[np.arange(16), a] - target) ** 2))
""",
        RIGHT,
    ),
    "negative sampling": Case(
        "rows of two tables move one by one, the first after the sum over its pairs",
        """
import numpy as np

rng = np.random.default_rng(0)
text = rng.integers(0, 12, 400)
text[1::2] = (text[::2] + 1) % 12
W = rng.normal(size=(12, 5)) * 0.1
C = rng.normal(size=(12, 5)) * 0.1


def sig(z):
    return 1 / (1 + np.exp(-z))


loss = 0
for t in range(1, 399):
    c = text[t]
    for o in (text[t - 1], text[t + 1]):
        targets = [(o, 1)] + [(int(n), 0) for n in rng.integers(0, 12, 3)]
        gc = np.zeros(5)
        for w, y in targets:
            e = sig(W[c] @ C[w]) - y
            gc += e * C[w]
            C[w] -= 0.05 * e * W[c]
        W[c] -= 0.05 * gc
""",
        RIGHT,
    ),
}
