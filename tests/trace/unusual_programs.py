"""Right programs that are easily called wrong: kinks, clipping, decay, normalisation, ascent, vanishing gradients.

Each is a head (the data), the network, and what is unusual about it.
"""

from __future__ import annotations

HEAD = """
import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(60, 4))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
T = np.eye(2)[y]
W1 = rng.normal(size=(4, 6)) * 0.5
b1 = np.zeros(6)
W2 = rng.normal(size=(6, 2)) * 0.5
b2 = np.zeros(2)
rate = 0.05
def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
for step in range(60):
    x, t = X[step % 3::3], T[step % 3::3]
"""
FORWARD = """
    h = np.tanh(x @ W1 + b1)
    p = softmax(h @ W2 + b2)
"""
BACKWARD = """
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
DESCENT = """
    W1 -= rate * g1
    b1 -= rate * c1
    W2 -= rate * g2
    b2 -= rate * c2
"""

PROGRAMS = {
    "log-likelihood climbed": HEAD
    + FORWARD
    + """
    likelihood = np.sum(t * np.log(p))
    d2 = t - p
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W2 += rate * h.T @ d2
    b2 += rate * d2.sum(0)
    W1 += rate * x.T @ d1
    b1 += rate * d1.sum(0)
""",
    "objective without targets": HEAD
    + """
    h = np.tanh(x @ W1 + b1)
    objective = np.mean(h @ W2 @ np.array([1.0, -2.0])) - 0.5 * np.sum(W2 ** 2) - 0.5 * np.sum(W1 ** 2)
    d2 = np.outer(np.ones(len(x)), [1.0, -2.0]) / len(x)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W2 += rate * (h.T @ d2 - W2)
    W1 += rate * (x.T @ d1 - W1)
    b1 += rate * d1.sum(0)
""",
    "decay in the update": HEAD
    + FORWARD
    + BACKWARD
    + """
    W1 -= rate * (g1 + 0.01 * W1)
    W2 = (1 - rate * 0.01) * W2 - rate * g2
    b1 -= rate * c1
    b2 -= rate * c2
""",
    "decay in the shown loss": HEAD
    + FORWARD
    + BACKWARD
    + """
    loss = -np.mean(np.sum(t * np.log(p), axis=1)) + 0.5 * 0.1 * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    g1 += 0.1 * W1
    g2 += 0.1 * W2
"""
    + DESCENT,
    "L1 penalty": HEAD
    + FORWARD
    + BACKWARD
    + """
    W1 -= rate * (g1 + 0.01 * np.sign(W1))
    W2 -= rate * (g2 + 0.01 * np.sign(W2))
    b1 -= rate * c1
    b2 -= rate * c2
""",
    "clipped by value": HEAD
    + FORWARD
    + BACKWARD
    + """
    for value, slope in ((W1, g1), (b1, c1), (W2, g2), (b2, c2)):
        value -= rate * np.clip(slope, -0.02, 0.02)
""",
    "clipped by norm, each": HEAD
    + FORWARD
    + BACKWARD
    + """
    for value, slope in ((W1, g1), (b1, c1), (W2, g2), (b2, c2)):
        norm = np.linalg.norm(slope)
        if norm > 0.03:
            slope = slope * (0.03 / norm)
        value -= rate * slope
""",
    "clipped by the norm of all": HEAD
    + FORWARD
    + BACKWARD
    + """
    norm = np.sqrt(sum(np.sum(slope ** 2) for slope in (g1, c1, g2, c2)))
    factor = min(1.0, 0.05 / norm)
    for value, slope in ((W1, g1), (b1, c1), (W2, g2), (b2, c2)):
        value -= rate * factor * slope
""",
    "shown loss with a guard": HEAD
    + FORWARD
    + BACKWARD
    + """
    loss = -np.mean(np.sum(t * np.log(p + 1e-7), axis=1))
"""
    + DESCENT,
    "probabilities clipped": HEAD.replace("* 0.5", "* 8")
    + """
    h = np.tanh(x @ W1 + b1)
    p = np.clip(softmax(h @ W2 + b2), 1e-7, 1 - 1e-7)
    loss = -np.mean(np.sum(t * np.log(p), axis=1))
"""
    + BACKWARD
    + DESCENT,
    "pre-activations of exactly zero": HEAD.replace("X = rng", "X = np.zeros((60, 4)); X[::2] = rng").replace(
        "size=(60, 4)", "size=(30, 4)"
    )
    + """
    z = x @ W1 + b1
    h = np.maximum(z, 0)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * (z >= 0)
    g1, c1, g2, c2 = x.T @ d1, 0 * d1.sum(0), h.T @ d2, d2.sum(0)
    W1 -= rate * g1
    W2 -= rate * g2
    b2 -= rate * c2
""",
    "bias before a normalisation": HEAD
    + """
    z = x @ W1 + b1
    mean, spread = z.mean(0), np.sqrt(z.var(0) + 1e-8)
    n = (z - mean) / spread
    h = np.tanh(n)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    dn = (d2 @ W2.T) * (1 - h ** 2)
    d1 = (dn - dn.mean(0) - n * (dn * n).mean(0)) / spread
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
    + DESCENT,
    "RMSprop": HEAD.replace("rate = 0.05", "rate = 0.01\ncache = [0.0] * 4")
    + FORWARD
    + BACKWARD
    + """
    for i, (value, slope) in enumerate(((W1, g1), (b1, c1), (W2, g2), (b2, c2))):
        cache[i] = 0.9 * cache[i] + 0.1 * slope ** 2
        value -= rate * slope / (np.sqrt(cache[i]) + 1e-8)
""",
    "averaged weights": HEAD.replace("rate = 0.05", "rate = 0.05\nE1, E2 = W1.copy(), W2.copy()")
    + FORWARD
    + BACKWARD
    + DESCENT
    + """
    E1 = 0.99 * E1 + 0.01 * W1
    E2 = 0.99 * E2 + 0.01 * W2
""",
    "frozen first layer": HEAD
    + FORWARD
    + """
    d2 = (p - t) / len(x)
    W2 -= rate * h.T @ d2
    b2 -= rate * d2.sum(0)
""",
    "updates every third step": HEAD.replace("rate = 0.05", "rate = 0.05\nS = [0, 0, 0, 0]")
    + FORWARD
    + BACKWARD
    + """
    S = [s + g for s, g in zip(S, (g1, c1, g2, c2))]
    if step % 3 == 2:
        for value, slope in zip((W1, b1, W2, b2), S):
            value -= rate * slope / 3
        S = [0, 0, 0, 0]
""",
    "gradients that vanish": HEAD.replace("* 0.5", "* 3").replace("rate = 0.05", "rate = 30")
    + FORWARD
    + BACKWARD
    + DESCENT,
    "falling rate": HEAD
    + FORWARD
    + BACKWARD
    + DESCENT.replace("    W1", "    rate = 0.5 / (1 + 0.1 * step)\n    W1", 1),
    "input gradient unused": HEAD
    + FORWARD
    + BACKWARD
    + """
    dx = d1 @ W1.T
"""
    + DESCENT,
    "numbers subtracted from the error": """
import numpy as np
rng = np.random.default_rng(0)
W, b = rng.normal(size=(4, 3)), np.zeros(3)
v, c = rng.normal(size=4), np.zeros(4)
for step in range(40):
    x, label = rng.normal(size=4), rng.integers(3)
    p = np.exp((x * v + c) @ W + b)
    p = p / p.sum()
    loss = -np.log(p[label])
    d = p.copy()
    d[label] -= 1
    e = W @ d
    W -= 0.1 * np.outer(x * v + c, d)
    b -= 0.1 * d
    v -= 0.1 * e * x
    c -= 0.1 * e
""",
    "single weights": """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=40)
Y = 3 * X + 1 + rng.normal(size=40) * 0.1
w, b = 0.0, 0.0
for step in range(60):
    e = w * X + b - Y
    w = w - 0.05 * (e * X).mean()
    b = b - 0.05 * e.mean()
""",
    "rare class taken more often by a mask": """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(60, 3))
y = X[:, 0] > 0.8
w, b = rng.normal(size=3), 0.0
for step in range(60):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    d = p.copy()
    d[y] -= 1
    d[y] *= 4.0
    w -= 0.01 * X.T @ d
    b -= 0.01 * d.sum()
""",
    "padded samples chosen by where": """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(60, 3))
y = X @ [1.0, -2.0, 0.5]
known = rng.random(60) < 0.7
W, v = rng.normal(size=(3, 5)), rng.normal(size=5)
for step in range(60):
    h = np.tanh(X @ W)
    d = np.where(known, h @ v - y, 0) / known.sum()
    W -= 0.1 * X.T @ (np.outer(d, v) * (1 - h ** 2))
    v -= 0.1 * h.T @ d
""",
    "errors of single samples, collected and weighted": """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(6, 3))
T = np.eye(2)[(X[:, 0] > 0).astype(int)]
W = rng.normal(size=(3, 2))
for step in range(60):
    errors = []
    for x, t in zip(X, T):
        p = np.exp(x @ W)
        p /= p.sum()
        errors.append(p - t)
    gain = rng.normal(size=(6, 1))
    W -= 0.05 * X.T @ (np.vstack(errors) * gain)
""",
    "two probabilities, one with the target 0": """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(60, 3))
Z = rng.normal(size=(60, 3)) + 1.0
W, v = rng.normal(size=(3, 5)), rng.normal(size=5)
for step in range(60):
    h, g = np.tanh(X @ W), np.tanh(Z @ W)
    real, fake = 1 / (1 + np.exp(-h @ v)), 1 / (1 + np.exp(-g @ v))
    d = real - 1
    W -= 0.01 * (X.T @ (np.outer(d, v) * (1 - h ** 2)) + Z.T @ (np.outer(fake, v) * (1 - g ** 2)))
    v -= 0.01 * (h.T @ d + g.T @ fake)
""",
}
