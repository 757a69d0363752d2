"""Right programs in habits of public repositories that were accused, or not read, when they were first met."""

from __future__ import annotations

from never_wrong import NO_VERDICT, SILENT, Case

CASES: dict[str, Case] = {}

# ----- Layers that share their lines ---------------------------------------------------------------------

LAYERS = """
import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(60, 8))
T = np.eye(3)[rng.integers(0, 3, size=60)]
class Layer:
    def __init__(self, rows, columns, last=False):
        self.W, self.b, self.last = rng.normal(size=(rows, columns)) * 0.4, np.zeros(columns), last
    def forward(self, x):
        self.x = x
        z = np.dot(x, self.W) + self.b
        self.h = z if self.last else np.tanh(z)
        return self.h
    def backward(self, d):
        if not self.last:
            d = d * (1 - self.h ** 2)
        self.dW, self.db = np.dot(self.x.T, d), d.sum(axis=0)
        return np.dot(d, self.W.T)
layers = [Layer(8, 8), Layer(8, 8), Layer(8, 8), Layer(8, 3, last=True)]
for step in range(60):
    x, t = X[step % 3::3], T[step % 3::3]
    out = x
    for layer in layers:
        out = layer.forward(out)
    e = np.exp(out - out.max(axis=1, keepdims=True))
    d = (e / e.sum(axis=1, keepdims=True) - t) / len(x)
    for layer in reversed(layers):
        d = layer.backward(d)
    for layer in layers:
"""
CASES["layers of one width, decayed"] = Case(
    "a weight that shrinks by its decay keeps its start, though another layer's weight stood in the same line",
    LAYERS + "        layer.W -= 0.1 * (layer.dW + 0.02 * layer.W)\n        layer.b -= 0.1 * layer.db\n",
)
CASES["layers of one width, decayed in the update"] = Case(
    "W (1 - rate lambda) - rate g is the step of g + lambda W",
    LAYERS + "        layer.W = (1 - 0.002) * layer.W - 0.1 * layer.dW\n        layer.b -= 0.1 * layer.db\n",
)

# ----- Order of statements -------------------------------------------------------------------------------

UPDATE_FIRST = """
import numpy as np
rng = np.random.default_rng(4)
X = np.c_[np.ones(80), rng.normal(size=(80, 4))]
y = np.sign(X @ [0.2, 1.0, -2.0, 0.5, 0.0] + 0.3 * rng.normal(size=80))[:, None]
def hinge(theta):
    margin = y * (X @ theta)
    loss = np.maximum(0, 1 - margin).sum() / len(X) + np.dot(theta.T, theta) * 0.05
    slope = np.zeros_like(theta)
    for j in range(len(theta)):
        slope[j, 0] = np.where(margin < 1, -y * X[:, j:j + 1], 0).sum() / len(X) + 0.1 * theta[j, 0]
    return loss.flat[0], slope
def descent(theta, steps):
    loss, slope = hinge(theta)
    yield loss
    for _ in range(steps):
        theta -= 0.1 * slope
        loss, slope = hinge(theta)
        yield loss
for loss in descent(rng.normal(size=(5, 1)), 60):
    pass
"""
CASES["updated first, then the next loss"] = Case(
    "a gradient belongs to the loss of the round before, which the same line computed", UPDATE_FIRST
)

# ----- Convolutions of SciPy -----------------------------------------------------------------------------

CONVOLUTION = """
import numpy as np
from scipy import signal
rng = np.random.default_rng(5)
X = rng.normal(size=(30, 2, 7, 7))
Y = np.tanh(X[:, 0, 2:5, 2:5] - X[:, 1, 1:4, 3:6])
K = rng.normal(size=(3, 2, 3, 3)) * 0.3
c = rng.normal(size=(3, 5, 5)) * 0.1
L = rng.normal(size=(3, 3, 3)) * 0.3
for step in range(60):
    x, y = X[step % 30], Y[step % 30]
    z = np.copy(c)
    for i in range(3):
        for j in range(2):
            z[i] += signal.correlate2d(x[j], K[i, j], "valid")
    h = np.tanh(z)
    out = np.zeros((3, 3))
    for i in range(3):
        out += signal.correlate2d(h[i], L[i], mode="valid")
    d = 2 * (out - y) / y.size
    dL, dh, dK = np.zeros_like(L), np.zeros_like(h), np.zeros_like(K)
    for i in range(3):
        dL[i] = signal.correlate2d(h[i], d, "valid")
        dh[i] = signal.convolve2d(d, L[i], "full")
    dz = dh * (1 - h ** 2)
    for i in range(3):
        for j in range(2):
            dK[i, j] = signal.correlate2d(x[j], dz[i], "valid")
    L -= 0.05 * dL
    K -= 0.05 * dK
    c -= 0.05 * dz
"""
CASES["convolutions of SciPy"] = Case("a correlation goes back as a full convolution", CONVOLUTION)

# ----- Single numbers ------------------------------------------------------------------------------------

NUMBERS = """
w, b = 0.3, -0.2
data = [(0.1, 1.2), (0.5, 2.1), (0.9, 2.8), (1.7, 4.4)]
seen = 0.0
for sweep in range(30):
    for x, y in data:
        error = w * x + b - y
        seen = 0.9 * seen + 0.1 * error ** 2
"""
CASES["a line through points, in plain numbers"] = Case(
    "2 e x and 2 e are the slopes of e²",
    NUMBERS + "        w = w - 0.1 * error * x\n        b -= 0.1 * error\n",
)
CASES["one weight"] = Case(
    "over twenty steps one number is a vector of twenty",
    """
weight, goal, x = 0.5, 0.8, 2
for iteration in range(20):
    prediction = x * weight
    error = (prediction - goal) ** 2
    derivative = x * (prediction - goal)
    weight = weight - 0.1 * derivative
""",
)
CASES["plain numbers, their slope bounded"] = Case(
    "a slope of which only the sign is left is a choice",
    NUMBERS + "        g = max(-0.3, min(0.3, error * x))\n        w -= 0.1 * g\n        b -= 0.1 * error\n",
    SILENT,
)
CASES["plain numbers, divided by their root"] = Case(
    "the root of what was seen scales every slope by a factor of its own",
    "cw = cb = 1e-8\n"
    + NUMBERS
    + "        cw += (error * x) ** 2\n        cb += error ** 2\n"
    + "        w -= 0.1 * error * x / cw ** 0.5\n        b -= 0.1 * error / cb ** 0.5\n",
    SILENT,
)
CASES["plain numbers with momentum"] = Case(
    "what earlier slopes left behind belongs to the optimiser",
    "vw = vb = 0.0\n"
    + NUMBERS
    + "        vw = 0.5 * vw - 0.1 * error * x\n        vb = 0.5 * vb - 0.1 * error\n"
    + "        w += vw\n        b += vb\n",
    SILENT,
)
CASES["a pendulum"] = Case(
    "a simulation moves numbers by what it computes from them, and descends nothing",
    """
import math
angle, speed, energy = 0.8, 0.0, 0.0
for tick in range(200):
    speed -= 0.05 * math.sin(angle) + 0.001 * speed
    angle += 0.05 * speed
    energy = 0.5 * speed ** 2 + (1 - math.cos(angle))
""",
    NO_VERDICT,
)
CASES["a running mean and variance"] = Case(
    "a running mean descends a squared distance, and its variance is none of its parameters",
    """
values = [0.3, 1.7, -0.4, 2.2, 0.9, -1.3, 0.1, 1.1] * 6
mean = spread = 0.0
for value in values:
    away = value - mean
    mean += 0.1 * away
    spread += 0.1 * (away ** 2 - spread)
""",
    SILENT,
)

# ----- Truncation in time --------------------------------------------------------------------------------

FILLED = """
import numpy as np
rng = np.random.default_rng(6)
sentences = [rng.integers(0, 9, size=10) for _ in range(8)]
U = rng.normal(size=(7, 9)) * 0.3
W = rng.normal(size=(7, 7)) * 0.3
V = rng.normal(size=(9, 7)) * 0.3
for step in range(60):
    sentence = sentences[step % 8]
    x, y = sentence[:-1], sentence[1:]
    states = np.zeros((len(x) + 1, 7))
    outputs = np.zeros((len(x), 9))
    for t in range(len(x)):
        states[t] = np.tanh(U[:, x[t]] + W.dot(states[t - 1]))
        outputs[t] = V.dot(states[t])
    e = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(len(x)), y] -= 1
    dU, dV, dW = np.zeros_like(U), np.zeros_like(V), np.zeros_like(W)
    for t in range(len(x))[::-1]:
        dV += np.outer(d[t], states[t])
        back = V.T.dot(d[t]) * (1 - states[t] ** 2)
        for round in range(max(0, t - 3), t + 1)[::-1]:
            dW += np.outer(back, states[round - 1])
            dU[:, x[round]] += back
            back = W.T.dot(back) * (1 - states[round - 1] ** 2)
    U -= 0.05 * dU
    V -= 0.05 * dV
    W -= 0.05 * dW
"""
CASES["truncated, outputs in one array"] = Case(
    "each output goes back four rounds, though the loss sees the outputs of all rounds in one array", FILLED
)

# ----- Cross-entropy in two quotients --------------------------------------------------------------------

ODDS = """
import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(60, 5))
T = np.eye(3)[X[:, :3].argmax(axis=1)]
W1 = rng.normal(size=(5, 8)) * 0.4
W2 = rng.normal(size=(8, 3)) * 0.4
b2 = np.zeros((1, 3))
def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
for step in range(60):
    x, t = X[step % 3::3], T[step % 3::3]
    h = np.tanh(x @ W1)
    s = h @ W2 + b2
    p = np.clip(softmax(s), 1e-15, 1 - 1e-15)
    loss = np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p))
    d = -(t / p) + (1 - t) / (1 - p)
    q = softmax(s)
    d2 = d * (q * (1 - q))
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W2 -= 0.01 * h.T @ d2
    b2 -= 0.01 * d2.sum(axis=0, keepdims=True)
    W1 -= 0.01 * x.T @ d1
"""
CASES["softmax with the slope of binary cross-entropy"] = Case(
    "(p - t) / (p (1 - p)) times p (1 - p) is p - t, the slope of the softmax's cross-entropy", ODDS
)
CASES["sigmoid with the slope of binary cross-entropy"] = Case(
    "the same product is the slope of the loss that is computed",
    ODDS.replace(
        "    e = np.exp(s - s.max(axis=-1, keepdims=True))\n    return e / e.sum(axis=-1, keepdims=True)",
        "    return 1 / (1 + np.exp(-s))",
    ),
)
CASES["the same slope with its sign outside"] = Case(
    "-(a - b) is b - a",
    ODDS.replace("-(t / p) + (1 - t) / (1 - p)", "-(np.divide(t, p) - np.divide(1 - t, 1 - p))"),
)

GENERATOR = """
import numpy as np
rng = np.random.default_rng(9)
X = np.c_[np.ones(50), rng.normal(size=(50, 2))]
y = X @ np.array([[1.0], [2.0], [-3.0]]) + 0.1 * rng.normal(size=(50, 1))
def descent(steps):
    theta = np.zeros((3, 1))
    for step in range(steps):
        away = X @ theta - y
        slope = np.zeros((3, 1))
        for j in range(3):
            slope[j, 0] = np.dot(away.T, X[:, j])[0] / 50
        theta -= 0.1 * slope
        yield theta, float(np.mean(away ** 2))
history = list(descent(100))
"""
CASES["the rounds of a generator that only list goes through"] = Case(
    "no loop of the program is announced, and each update ends a step all the same", GENERATOR
)
