"""More right programs that are easily accused: unusual training, recurrence, and learning without a gradient."""

from __future__ import annotations

from never_wrong import LINEAR, NETWORK, RIGHT, SCALED, SILENT, Case
from unusual_programs import DESCENT, FORWARD, HEAD

CASES: dict[str, Case] = {}
LOOP = "    for value, slope in ((W1, g1), (b1, c1), (W2, g2), (b2, c2)):\n        "


def _before(text: str, program: str) -> str:
    """The program with further variables in front of its loop."""
    return program.replace("rate = 0.05\n", f"rate = 0.05\n{text}\n", 1)


# ----- Optimisers ---------------------------------------------------------------------------------------

STATE = "M = [np.zeros_like(v) for v in (W1, b1, W2, b2)]\nV = [np.zeros_like(v) for v in (W1, b1, W2, b2)]"
PAIRS = "    for i, (value, slope) in enumerate(((W1, g1), (b1, c1), (W2, g2), (b2, c2))):\n"
OPTIMISERS = {
    "momentum": "M[i] = 0.9 * M[i] - rate * slope\n        value += M[i]",
    "dampened momentum": "M[i] = 0.9 * M[i] + 0.1 * slope\n        value -= rate * M[i]",
    "Nesterov": "old = M[i]\n        M[i] = 0.9 * M[i] - rate * slope\n        value += -0.9 * old + 1.9 * M[i]",
    "Adagrad": "V[i] += slope ** 2\n        value -= rate * slope / (np.sqrt(V[i]) + 1e-8)",
    "RMSprop": "V[i] = 0.9 * V[i] + 0.1 * slope * slope\n        value -= 0.01 * slope / np.sqrt(V[i] + 1e-8)",
    "Adam": "M[i] = 0.9 * M[i] + 0.1 * slope\n        V[i] = 0.999 * V[i] + 0.001 * slope ** 2\n"
    "        value -= 0.01 * (M[i] / (1 - 0.9 ** (step + 1))) / (np.sqrt(V[i] / (1 - 0.999 ** (step + 1))) + 1e-8)",
    "Adam, rate corrected": "M[i] = 0.9 * M[i] + 0.1 * slope\n        V[i] = 0.999 * V[i] + 0.001 * slope ** 2\n"
    "        a = 0.01 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))\n"
    "        value -= a * M[i] / (np.sqrt(V[i]) + 1e-8)",
    "Adam, means moved by differences": "M[i] += (1 - 0.9) * (slope - M[i])\n"
    "        V[i] += (1 - 0.999) * (slope ** 2 - V[i])\n"
    "        a = 0.01 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))\n"
    "        value -= a * M[i] / (np.sqrt(V[i]) + 1e-7)",
    "AdamW": "M[i] = 0.9 * M[i] + 0.1 * slope\n        V[i] = 0.999 * V[i] + 0.001 * slope ** 2\n"
    "        m, v = M[i] / (1 - 0.9 ** (step + 1)), V[i] / (1 - 0.999 ** (step + 1))\n"
    "        value -= 0.01 * (m / (np.sqrt(v) + 1e-8) + 0.01 * value)",
    "AMSGrad": "M[i] = 0.9 * M[i] + 0.1 * slope\n        V[i] = np.maximum(V[i], 0.999 * V[i] + 0.001 * slope ** 2)\n"
    "        value -= 0.01 * M[i] / (np.sqrt(V[i]) + 1e-8)",
    "Adadelta": "V[i] = 0.9 * V[i] + 0.1 * slope ** 2\n"
    "        change = np.sqrt(M[i] + 1e-6) / np.sqrt(V[i] + 1e-6) * slope\n"
    "        M[i] = 0.9 * M[i] + 0.1 * change ** 2\n        value -= change",
    "Adam without bias correction": "M[i] = 0.9 * M[i] + 0.1 * slope\n        V[i] = 0.9 * V[i] + 0.1 * slope ** 2\n"
    "        value -= 0.01 * M[i] / (np.sqrt(V[i]) + 1e-8)",
    "sign of the gradient": "value -= 0.01 * np.sign(slope)",
    "trust ratio": "value -= 0.01 * slope * (np.linalg.norm(value) + 1e-3) / (np.linalg.norm(slope) + 1e-8)",
    "one rate per parameter": "value -= (0.1, 0.2, 0.05, 0.01)[i] * slope",
    "rate doubled for biases": "value -= rate * (2 if value.ndim == 1 else 1) * slope",
    "warm-up": "value -= rate * min(1.0, (step + 1) / 20) * slope",
    "cosine schedule": "value -= rate * 0.5 * (1 + np.cos(np.pi * step / 60)) * slope",
    "noise on the gradient": "value -= rate * (slope + rng.normal(size=slope.shape) * 0.01)",
    "Langevin noise": "value -= rate * slope - np.sqrt(2 * rate) * 0.01 * rng.normal(size=slope.shape)",
    "decoupled decay": "value *= 1 - rate * 0.01\n        value -= rate * slope",
    "decay after the step": "value -= rate * slope\n        value *= 0.999",
    "clipped weights": "value -= rate * slope\n        np.clip(value, -0.3, 0.3, out=value)",
    "longest column": "value -= rate * slope\n        value *= min(1.0, 2.0 / np.linalg.norm(value))",
}
STATUS = {
    "one rate per parameter": SCALED,
    "rate doubled for biases": SCALED,
    "sign of the gradient": SILENT,
    "noise on the gradient": SILENT,
    "Langevin noise": SILENT,
    "clipped weights": SILENT,
    "Adadelta": SILENT,
}
for title, rule in OPTIMISERS.items():
    CASES[title] = Case(
        "what the optimiser makes of a right gradient is its own rule",
        _before(STATE, NETWORK) + PAIRS + "        " + rule + "\n",
        STATUS.get(title, RIGHT),
    )
CASES["Adam on rows that are drawn, for a thousand steps"] = Case(
    "found where a round begins, its steps are counted from there",
    """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 5))
T = np.eye(2)[(X[:, 0] * X[:, 1] > 0).astype(int)]
P = {"W1": rng.normal(size=(5, 20)) * 0.3, "b1": np.zeros(20), "W2": rng.normal(size=(20, 2)) * 0.3, "b2": np.zeros(2)}
m = {k: np.zeros_like(v) for k, v in P.items()}
v = {k: np.zeros_like(w) for k, w in P.items()}
for i in range(1, 1000):
    rows = rng.choice(400, 50)
    x, t = X[rows], T[rows]
    z = x @ P["W1"] + P["b1"]
    h = np.maximum(z, 0)
    e = np.exp(h @ P["W2"] + P["b2"])
    p = e / e.sum(axis=1, keepdims=True)
    d = (p - t) / 50
    dh = d @ P["W2"].T * (z > 0)
    g = {"W1": x.T @ dh, "b1": dh.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}
    for k in P:
        m[k] = 0.9 * m[k] + 0.1 * g[k]
        v[k] = 0.999 * v[k] + 0.001 * g[k] ** 2
        P[k] -= 0.001 * (m[k] / (1 - 0.9 ** i)) / (np.sqrt(v[k] / (1 - 0.999 ** i)) + 1e-7)
""",
)
CASES["Newton's method"] = Case(
    "the step is the gradient through the inverse of the Hessian, by intent",
    LINEAR
    + """
    p = sigmoid(x @ w + b)
    g = x.T @ (p - t) + 0.1 * w
    H = (x * (p * (1 - p))[:, None]).T @ x + 0.1 * np.eye(4)
    w -= np.linalg.solve(H, g)
    b -= rate * np.mean(p - t)
""",
    SILENT,
)
CASES["natural gradient of one layer"] = Case(
    "the step of W1 is preconditioned by its inputs' covariance, the others' are plain",
    NETWORK + "    g1 = np.linalg.inv(x.T @ x / len(x) + 0.1 * np.eye(4)) @ g1\n" + DESCENT,
    SILENT,
)
CASES["Gauss-Newton"] = Case(
    "the step solves a least-squares problem",
    """
import numpy as np
rng = np.random.default_rng(0)
X = np.linspace(0, 2, 30)
Y = 2.0 * np.exp(-1.3 * X) + rng.normal(size=30) * 0.01
a = np.array([1.0, -0.5])
for step in range(40):
    f = a[0] * np.exp(a[1] * X)
    J = np.stack([np.exp(a[1] * X), a[0] * X * np.exp(a[1] * X)], axis=1)
    r = f - Y
    a = a - 0.3 * np.linalg.solve(J.T @ J, J.T @ r)
""",
    SILENT,
)
CASES["Gauss-Newton by least squares"] = Case(
    "the step solves a least-squares problem",
    CASES["Gauss-Newton"].text.replace(
        "np.linalg.solve(J.T @ J, J.T @ r)", "np.linalg.lstsq(J, r, rcond=None)[0]"
    ),
    SILENT,
)

# ----- What is trained, and when ------------------------------------------------------------------------

CASES["gradients computed and one layer frozen by a flag"] = Case(
    "W1 and b1 are left alone on purpose: their update stands behind a condition",
    _before("frozen = True", NETWORK)
    + "    if not frozen:\n        W1 -= rate * g1\n        b1 -= rate * c1\n    W2 -= rate * g2\n"
    "    b2 -= rate * c2\n",
)
CASES["one layer left out by its name"] = Case(
    "the loop over the parameters skips a layer on purpose",
    _before("P = {'W1': W1, 'b1': b1, 'W2': W2, 'b2': b2}\nfrozen = {'W1', 'b1'}", NETWORK)
    + "    for k, g in (('W1', g1), ('b1', c1), ('W2', g2), ('b2', c2)):\n        if k in frozen:\n"
    "            continue\n"
    "        P[k] -= rate * g\n",
)
CASES["first layer frozen at first"] = Case(
    "W1 moves from step 20 on",
    NETWORK + "    if step >= 20:\n        W1 -= rate * g1\n        b1 -= rate * c1\n    W2 -= rate * g2\n"
    "    b2 -= rate * c2\n",
)
CASES["random features"] = Case(
    "the first layer is random and fixed",
    HEAD + FORWARD + "    d2 = p - t\n    W2 -= rate * h.T @ d2\n    b2 -= rate * d2.sum(0)\n",
)
CASES["tied weights"] = Case(
    "the gradient of W sums what the encoder and the decoder contribute",
    HEAD
    + """
    h = np.tanh(x @ W1 + b1)
    o = h @ W1.T
    d2 = (o - x) / len(x)
    d1 = (d2 @ W1) * (1 - h ** 2)
    W1 -= rate * (x.T @ d1 + d2.T @ h)
    b1 -= rate * d1.sum(0)
""",
)
CASES["output layer moves first"] = Case(
    "the old W2 was kept for the way back",
    HEAD
    + FORWARD
    + """
    d2 = (p - t) / len(x)
    back = d2 @ W2.T
    W2 -= rate * h.T @ d2
    b2 -= rate * d2.sum(0)
    d1 = back * (1 - h ** 2)
    W1 -= rate * x.T @ d1
    b1 -= rate * d1.sum(0)
""",
)
CASES["output layer moves first, at a tiny rate"] = Case(
    "the error goes back through weights that moved by a millionth: wrong at first order in the rate, and told so",
    HEAD.replace("rate = 0.05", "rate = 1e-5")
    + FORWARD
    + """
    d2 = (p - t) / len(x)
    W2 -= rate * h.T @ d2
    b2 -= rate * d2.sum(0)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W1 -= rate * x.T @ d1
    b1 -= rate * d1.sum(0)
""",
)
CASES["one gradient check per step"] = Case(
    "weights that are shifted and put back are no updates",
    NETWORK
    + """
    kept = W1[0, 0]
    W1[0, 0] = kept + 1e-5
    up = -np.mean(np.sum(t * np.log(softmax(np.tanh(x @ W1 + b1) @ W2 + b2)), axis=1))
    W1[0, 0] = kept - 1e-5
    down = -np.mean(np.sum(t * np.log(softmax(np.tanh(x @ W1 + b1) @ W2 + b2)), axis=1))
    W1[0, 0] = kept
    assert abs((up - down) / 2e-5 - g1[0, 0]) < 1e-6
"""
    + DESCENT,
)
for kind, scheme in (("central", "(f(q) - f(m)) / 2e-5"), ("forward", "(f(q) - f(v)) / 1e-5")):
    CASES[f"numeric gradient, {kind} differences"] = Case(
        "differences approach the gradient up to the width of the step",
        HEAD.replace(
            "for step in range(60)",
            """v = np.concatenate([W1[:, :2].ravel(), W2[:2].ravel()])
for step in range(12)""",
        )
        + f"""
    def f(v):
        p = softmax(np.tanh(x @ v[:8].reshape(4, 2)) @ v[8:].reshape(2, 2))
        return -np.mean(np.sum(t * np.log(p), axis=1))
    g = np.zeros(12)
    for i in range(12):
        q, m = v.copy(), v.copy()
        q[i] += 1e-5
        m[i] -= 1e-5
        g[i] = {scheme}
    v = v - 0.5 * g
""",
        SILENT,
    )
for epsilon in ("1e-5", "1e-3"):
    CASES[f"layer norm with {epsilon} outside of the root"] = Case(
        "the backward pass is that of sqrt(var + eps), the forward divides by std + eps: they differ by eps",
        HEAD
        + f"""
    z = x @ W1 + b1
    mean, spread = z.mean(1, keepdims=True), z.std(1, keepdims=True) + {epsilon}
    n = (z - mean) / spread
    h = np.tanh(n)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    dn = (d2 @ W2.T) * (1 - h ** 2)
    d1 = (dn - dn.mean(1, keepdims=True) - n * (dn * n).mean(1, keepdims=True)) / spread
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
        + DESCENT,
        SILENT,
    )
CASES["noise on the inputs"] = Case(
    "the noisy batch is the input, forward and backward",
    NETWORK.replace("h = np", "x = x + 0.1 * rng.normal(size=x.shape)\n    h = np") + DESCENT,
)
CASES["slopes of the outputs"] = Case(
    "s * (1 - s) and 1 - h ** 2 are right for outputs",
    HEAD
    + """
    h = 1 / (1 + np.exp(-(x @ W1 + b1)))
    o = np.tanh(h @ W2 + b2)
    d2 = (o - t) * (1 - o ** 2)
    d1 = (d2 @ W2.T) * h * (1 - h)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
    + DESCENT,
)
CASES["weights pruned"] = Case(
    "the masked weights stay at 0 because the mask is applied after every step",
    _before("keep = rng.random((4, 6)) < 0.7", NETWORK) + DESCENT + "    W1 *= keep\n",
    SILENT,
)
CASES["gradient pruned with the weights"] = Case(
    "the masked weights are no parameters",
    _before("keep = rng.random((4, 6)) < 0.7\nW1 = W1 * keep", NETWORK)
    + DESCENT.replace("W1 -= rate * g1", "W1 -= rate * g1 * keep"),
    SILENT,
)
for title, forward, slope in (
    ("sign", "np.sign(z)", "(np.abs(z) < 1)"),
    ("steps", "np.round(z)", "1.0"),
    ("stop-gradient", "z + (np.round(z) - z)", "1.0"),
):
    CASES[f"straight-through {title}"] = Case(
        "the quantiser has no useful slope, and another is put in its place on purpose",
        HEAD
        + f"""
    z = x @ W1 + b1
    h = {forward}
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * {slope}
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
        + DESCENT,
        SILENT,
    )

# ----- Recurrence ---------------------------------------------------------------------------------------

RNN = """
import numpy as np
rng = np.random.default_rng(2)
S = rng.normal(size=(400, 3))
G = np.cumsum(S, axis=0)[:, :2] * 0.1
U = rng.normal(size=(5, 3)) * 0.4
W = rng.normal(size=(5, 5)) * 0.4
V = rng.normal(size=(2, 5)) * 0.4
state = np.zeros(5)
for step in range(30):
    x, y = S[step * 6 : step * 6 + 6], G[step * 6 : step * 6 + 6]
    h = {-1: START}
    o = {}
    for k in range(6):
        h[k] = np.tanh(U @ x[k] + W @ h[k - 1])
        o[k] = V @ h[k]
    dU, dW, dV = np.zeros_like(U), np.zeros_like(W), np.zeros_like(V)
"""
FULL = """
    dn = np.zeros(5)
    for k in reversed(range(6)):
        e = o[k] - y[k]
        dV += np.outer(e, h[k])
        d = (V.T @ e + dn) * (1 - h[k] ** 2)
        dU += np.outer(d, x[k])
        dW += np.outer(d, h[k - 1])
        dn = W.T @ d
"""
MOVE = """
    U -= 0.02 * dU
    W -= 0.02 * dW
    V -= 0.02 * dV
"""
CASES["carried state"] = Case(
    "the state of the chunk before is data",
    RNN.replace("START", "state") + FULL + MOVE + "    state = h[5]\n",
)
CASES["truncated back-propagation within the chunk"] = Case(
    "the error goes back three steps only, by intent",
    RNN.replace("START", "np.zeros(5)")
    + """
    for k in range(6):
        e = o[k] - y[k]
        dV += np.outer(e, h[k])
        d = (V.T @ e) * (1 - h[k] ** 2)
        for j in range(k, max(-1, k - 3), -1):
            dU += np.outer(d, x[j])
            dW += np.outer(d, h[j - 1])
            d = (W.T @ d) * (1 - h[j - 1] ** 2)
"""
    + MOVE,
)
# ----- Reinforcement and adversaries --------------------------------------------------------------------

for target, name in (("X2 @ w", "its own next value"), ("X2 @ frozen", "a target network")):
    CASES[f"temporal difference to {name}"] = Case(
        "the target is held constant by definition: a semi-gradient",
        f"""
import numpy as np
rng = np.random.default_rng(4)
S = rng.normal(size=(200, 5))
R = S[:, 0] + 0.1 * rng.normal(size=200)
w = np.zeros(5)
frozen = w.copy()
for step in range(80):
    i = rng.integers(0, 199, size=10)
    X1, X2 = S[i], S[i + 1]
    delta = R[i] + 0.9 * ({target}) - X1 @ w
    w += 0.02 * X1.T @ delta
    if step % 10 == 9:
        frozen = w.copy()
""",
        SILENT,
    )
CASES["Q-learning with two layers"] = Case(
    "the best next value is held constant: a semi-gradient",
    HEAD
    + """
    i = rng.integers(0, 59, size=10)
    a = rng.integers(0, 2, size=10)
    x, x2, r = X[i], X[i + 1], T[i, a]
    h = np.tanh(x @ W1 + b1)
    q = h @ W2 + b2
    best = (np.tanh(x2 @ W1 + b1) @ W2 + b2).max(axis=1)
    d2 = np.zeros_like(q)
    d2[np.arange(10), a] = q[np.arange(10), a] - (r + 0.9 * best)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
    + DESCENT,
    SILENT,
)
CASES["REINFORCE with gradient buffers over episodes"] = Case(
    "the discounted reward scales the slope of log-likelihood, summed over an episode and three episodes",
    """
import numpy as np
rng = np.random.default_rng(0)
M = {"W1": rng.normal(size=(6, 4)) * 0.5, "W2": rng.normal(size=6) * 0.5}
buffer = {k: np.zeros_like(v) for k, v in M.items()}
cache = {k: np.zeros_like(v) for k, v in M.items()}
for episode in range(60):
    xs, hs, ds, rs = [], [], [], []
    for move in range(6):
        x = rng.normal(size=4)
        h = M["W1"] @ x
        h[h < 0] = 0
        p = 1 / (1 + np.exp(-M["W2"] @ h))
        a = 1 if rng.uniform() < p else 0
        xs.append(x)
        hs.append(h)
        ds.append(a - p)
        rs.append(1.0 if (x[0] > 0) == a else -1.0)
    X, H, D, R = np.vstack(xs), np.vstack(hs), np.vstack(ds), np.vstack(rs)
    R = np.cumsum(R[::-1], axis=0)[::-1]
    D = D * ((R - R.mean()) / (R.std() + 1e-8))
    dW2 = (H.T @ D).ravel()
    dH = np.outer(D, M["W2"])
    dH[H <= 0] = 0
    grad = {"W1": dH.T @ X, "W2": dW2}
    for k in M:
        buffer[k] += grad[k]
    if episode % 3 == 2:
        for k in M:
            g = buffer[k]
            cache[k] = 0.9 * cache[k] + 0.1 * g ** 2
            M[k] += 0.01 * g / (np.sqrt(cache[k]) + 1e-5)
            buffer[k] = np.zeros_like(g)
""",
    SILENT,
)

# ----- No gradient --------------------------------------------------------------------------------------

NO_GRADIENT = {
    "perceptron rule": LINEAR + "    for a, c in zip(x, t):\n        o = float(a @ w + b[0] > 0)\n"
    "        w += rate * (c - o) * a\n        b += rate * (c - o)\n",
    "delta rule": LINEAR
    + "    for a, c in zip(x, t):\n        e = c - (a @ w + b)\n        w += 0.05 * e * a\n        b += 0.05 * e\n",
    "Hebb's rule": LINEAR + "    w += 0.01 * (x * t[:, None]).sum(0)\n    print(np.sign(x @ w).mean())\n",
    "Oja's rule": LINEAR
    + "    w = w + 0.01 if step == 0 else w\n    for a in x:\n        o = a @ w\n        w += 0.05 * o * (a - o * w)\n",
    "random search": LINEAR + "    trial = w + rng.normal(size=4) * 0.1\n"
    "    if np.mean((sigmoid(x @ trial) - t) ** 2) < np.mean((sigmoid(x @ w) - t) ** 2):\n        w = trial\n",
    "evolution strategy": LINEAR + "    N = rng.normal(size=(6, 4))\n"
    "    A = np.array([-np.mean((sigmoid(x @ (w + 0.1 * n)) - t) ** 2) for n in N])\n"
    "    A = (A - A.mean()) / (A.std() + 1e-9)\n    w += 0.1 / (6 * 0.1) * N.T @ A\n",
    "k-means": LINEAR + "    C = X[:3].copy() if step == 0 else C\n"
    "    near = ((x[:, None] - C) ** 2).sum(-1).argmin(1)\n    for k in range(3):\n"
    "        if (near == k).any():\n            C[k] += 0.5 * (x[near == k].mean(0) - C[k])\n",
    "self-organising map": LINEAR + "    C = X[:5].copy() if step == 0 else C\n    for a in x:\n"
    "        k = ((a - C) ** 2).sum(1).argmin()\n        pull = np.exp(-0.5 * (np.arange(5) - k) ** 2)\n"
    "        C += 0.1 * pull[:, None] * (a - C)\n",
    "recursive least squares": LINEAR
    + "    P = np.eye(4) * 10 if step == 0 else P\n    for a, c in zip(x, t):\n"
    "        k = P @ a / (1 + a @ P @ a)\n        w += k * (c - a @ w)\n        P -= np.outer(k, a @ P)\n",
    "Kalman filter": LINEAR + "    P = np.eye(4) if step == 0 else P\n    P = P + 0.01 * np.eye(4)\n"
    "    K = P @ x.T @ np.linalg.inv(x @ P @ x.T + np.eye(len(x)))\n    w = w + K @ (t - x @ w)\n"
    "    P = P - K @ x @ P\n",
    "contrastive divergence": HEAD
    + "    h = (1 / (1 + np.exp(-(x @ W1 + b1))))\n    s = (h > rng.random(h.shape)) * 1.0\n"
    "    v = s @ W1.T\n    k = 1 / (1 + np.exp(-(v @ W1 + b1)))\n    W1 += rate * (x.T @ h - v.T @ k) / len(x)\n"
    "    b1 += rate * (h - k).mean(0)\n",
    "power iteration": LINEAR
    + "    w = w + 1.0 if step == 0 else w\n    w = w + 0.5 * (X.T @ (X @ w)) / 60\n    w /= np.linalg.norm(w)\n",
    "alternating least squares": HEAD
    + "    M = X @ W1 if step == 0 else M\n    F = X[:, :2].copy() if step == 0 else F\n"
    "    H = np.linalg.lstsq(F, M, rcond=None)[0]\n"
    "    F = F + 0.5 * (np.linalg.lstsq(H.T, M.T, rcond=None)[0].T - F)\n",
    "non-negative factorisation": HEAD + "    M = np.abs(X) if step == 0 else M\n"
    "    F, H = (np.abs(X[:, :2]), np.abs(W1[:2, :4])) if step == 0 else (F, H)\n"
    "    H = H * (F.T @ M) / (F.T @ F @ H + 1e-9)\n    F = F * (M @ H.T) / (F @ H @ H.T + 1e-9)\n",
}
for title, text in NO_GRADIENT.items():
    CASES[title] = Case("it learns by a rule of its own, which no gradient has to confirm", text, SILENT)
CASES["matrix factorisation by gradient"] = Case(
    "each observed rating moves one row of either factor along the gradient",
    """
import numpy as np
rng = np.random.default_rng(0)
R = rng.integers(1, 6, size=(12, 9)).astype(float)
P = rng.normal(size=(12, 3)) * 0.3
Q = rng.normal(size=(9, 3)) * 0.3
for step in range(300):
    i, j = rng.integers(12), rng.integers(9)
    e = R[i, j] - P[i] @ Q[j]
    old = P[i].copy()
    P[i] += 0.02 * (e * Q[j] - 0.01 * P[i])
    Q[j] += 0.02 * (e * old - 0.01 * Q[j])
""",
)
