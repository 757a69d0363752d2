"""Right programs that people and programs like to accuse: each must be met with silence, or an honest "cannot tell".

A `Case` is a program, the sentence of algebra that acquits it, and what the recorder may say about it.  Programs
are put together from a head (the data), a forward pass, a backward pass and updates, so that each shows one habit.
"""

from __future__ import annotations

from dataclasses import dataclass

from unusual_programs import BACKWARD, DESCENT, FORWARD, HEAD

RIGHT = frozenset({"exact"})
SCALED = frozenset({"exact", "scaled"})
NO_VERDICT = frozenset({"cannot-tell", "not-applicable"})
SILENT = RIGHT | NO_VERDICT


@dataclass(frozen=True)
class Case:
    """A right program; `says` are the states that are true of it, `reason` is why nothing is wrong."""

    reason: str
    text: str
    says: frozenset[str] = RIGHT


LINEAR = """
import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(60, 4))
y = (X @ [1.0, -2.0, 0.5, 0.0] + 0.3 > 0).astype(float)
w = np.zeros(4)
b = np.zeros(1)
rate = 0.1
def sigmoid(s):
    return 1 / (1 + np.exp(-s))
for step in range(60):
    x, t = X[step % 3::3], y[step % 3::3]
"""
RELU = (
    HEAD
    + """
    z = x @ W1 + b1
    h = np.maximum(z, 0)
    p = softmax(h @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * (z > 0)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)
"""
)
NETWORK = HEAD + FORWARD + BACKWARD


def _with(before: str, network: str = NETWORK, after: str = "", descent: str = DESCENT) -> str:
    """The usual network with further variables in front of the loop, and statements after the updates."""
    return network.replace("rate = 0.05\n", f"rate = 0.05\n{before}", 1) + descent + after


CASES: dict[str, Case] = {}


# ----- Another loss is shown than is descended ----------------------------------------------------------

for title, shown, reason in (
    ("sum shown, mean descended", "-np.sum(t * np.log(p))", "they differ by the factor len(x)"),
    ("likelihood shown, its negative descended", "np.sum(t * np.log(p))", "they differ by the factor -1"),
    ("squared error shown beside p - y", "np.mean((p - t) ** 2)", "p - y is the slope of the cross-entropy"),
    (
        "element-wise BCE shown beside p - y",
        "-np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))",
        "the slope of BCE times the diagonal of softmax is p - y",
    ),
    ("accuracy shown", "np.mean(p.argmax(1) == t.argmax(1))", "it has no slope and is not descended"),
    (
        "decay shown but not descended",
        "-np.mean(np.sum(t * np.log(p), 1)) + np.sum(W1 ** 2) + np.sum(W2 ** 2)",
        "the data's part of the loss is descended",
    ),
):
    CASES[title] = Case(reason, f"{NETWORK}    loss = {shown}\n    print(loss)\n{DESCENT}")

for guard in ("np.log(p + 1e-7)", "np.log(np.clip(p, 1e-7, 1 - 1e-7))", "np.log(np.maximum(p, 1e-4))"):
    CASES[f"saturated, shown as {guard}"] = Case(
        "p - y is the slope of log-softmax; the guard changes the slope of the shown value only where p is near 0",
        NETWORK.replace("* 0.5", "* 8").replace("p = soft", "q = p = soft")
        + f"    loss = -np.mean(np.sum(t * {guard}, axis=1))\n{DESCENT}",
    )
CASES["sigmoid and squared error shown beside p - y"] = Case(
    "p - y is the slope of binary cross-entropy before the sigmoid",
    LINEAR
    + """
    p = sigmoid(x @ w + b)
    loss = np.mean((p - t) ** 2)
    w -= rate * x.T @ (p - t) / len(x)
    b -= rate * np.mean(p - t)
""",
)
CASES["label smoothing"] = Case(
    "the smoothed labels are the target",
    NETWORK.replace("T = np.eye(2)[y]", "T = 0.9 * np.eye(2)[y] + 0.05") + DESCENT,
)
CASES["labels smoothed in the step"] = Case(
    "t * 0.9 + 0.05 is the target", NETWORK.replace("(p - t)", "(p - (0.9 * t + 0.1 / 2))") + DESCENT
)
CASES["class weights"] = Case(
    "each row's loss is weighted by its class",
    NETWORK.replace("d2 = (p - t)", "k = np.array([1.0, 3.0])[t.argmax(1)][:, None]\n    d2 = k * (p - t)")
    + DESCENT,
)

# ----- Kinks and ties -----------------------------------------------------------------------------------

CASES["dead units"] = Case(
    "units that are off pass nothing, and their weights stay",
    RELU.replace("b1 = np.zeros(6)", "b1 = np.array([-50.0, 0, 0, -50, 0, 0])") + DESCENT,
)
for test in (">= 0", "> 0"):
    CASES[f"ReLU at exactly 0, slope by {test}"] = Case(
        "any number from 0 to 1 is a subgradient at 0; the blank rows meet no bias",
        RELU.replace("z = x @ W1 + b1", "z = x @ W1")
        .replace("(z > 0)", f"(z {test})")
        .replace("W2 = rng", "X[::2] = 0\nW2 = rng")
        .replace("x.T @ d1, d1.sum(0)", "x.T @ d1, np.zeros(6)")
        + DESCENT,
    )
for mask, reason in (
    ("(v == v.max(1, keepdims=True))", "every winner"),
    ("np.eye(v.shape[1])[v.argmax(1)].transpose(0, 2, 1)", "the first winner"),
):
    CASES[f"max-pool ties to {mask}"] = Case(
        f"equal patches of a binary image tie, and {reason} may pass the error on",
        f"""
import numpy as np
rng = np.random.default_rng(1)
X = rng.integers(0, 2, size=(40, 9)).astype(float)
T = np.eye(2)[(X[:, 2:5].sum(1) > 1).astype(int)]
W1 = rng.normal(size=(3, 4))
W2 = rng.normal(size=(4, 2))
for step in range(60):
    x, t = X[step % 4::4], T[step % 4::4]
    patches = np.stack([x[:, i : i + 3] for i in range(7)], axis=1)
    v = patches @ W1
    m = v.max(axis=1)
    s = m @ W2
    e = np.exp(s - s.max(1, keepdims=True))
    d2 = (e / e.sum(1, keepdims=True) - t) / len(x)
    dv = (d2 @ W2.T)[:, None, :] * {mask}
    W2 -= 0.1 * m.T @ d2
    W1 -= 0.1 * np.einsum("nip,nik->pk", patches, dv)
""",
    )
CASES["L1 loss at residuals of exactly 0"] = Case(
    "the slope of |r| at 0 is any number from -1 to 1",
    """
import numpy as np
rng = np.random.default_rng(1)
X = rng.integers(0, 3, size=(40, 3)).astype(float)
X[::2] = 0
Y = X @ np.array([[1.0], [2.0], [-1.0]])
W = np.zeros((3, 1))
for step in range(60):
    r = X @ W - Y
    loss = np.abs(r).mean()
    W -= 0.01 * X.T @ np.sign(r) / len(X)
""",
)
CASES["L1 penalty at weights of exactly 0"] = Case(
    "the slope of |w| at 0 is any number from -1 to 1",
    NETWORK.replace("W1 = rng.normal(size=(4, 6)) * 0.5", "W1 = rng.normal(size=(4, 6)) * 0.5\nW2 = 0")
    + "    loss = -np.mean(np.sum(t * np.log(p), 1)) + 0.01 * np.abs(W1).sum()\n    g1 += 0.01 * np.sign(W1)\n"
    + DESCENT,
)
CASES["hinge at the margin"] = Case(
    "at w = 0 every margin is exactly where the perceptron's loss bends",
    LINEAR.replace("+ 0.3 >", "+ rng.normal(size=60) >")
    + """
    sign = 2 * t - 1
    margin = sign * (x @ w + b)
    loss = np.maximum(0, -margin).mean()
    active = sign * (margin <= 0)
    w += rate * active @ x / len(x)
    b += rate * active.mean()
""",
)
CASES["Huber"] = Case(
    "clipping the residual is the slope of Huber's loss",
    LINEAR
    + """
    r = x @ w + b - 5 * t
    loss = np.where(np.abs(r) < 1, 0.5 * r ** 2, np.abs(r) - 0.5).sum()
    d = np.clip(r, -1, 1)
    w -= 0.01 * x.T @ d
    b -= 0.01 * d.sum()
""",
)
CASES["vanished by saturation"] = Case(
    "both gradients are rounding noise",
    NETWORK.replace("* 0.5", "* 200").replace("tanh(x", "tanh(100 * x") + DESCENT,
    SILENT,
)
CASES["float32"] = Case(
    "rounding of float32",
    NETWORK.replace("X = rng.normal(size=(60, 4))", "X = rng.normal(size=(60, 4)).astype('f4')")
    .replace("T = np.eye(2)[y]", "T = np.eye(2, dtype='f4')[y]")
    .replace("W1 = rng", "W2 = b2 = 0; W1 = rng")
    .replace("rate = 0.05", "rate = 0.05\nW1, b1, W2, b2 = (v.astype('f4') for v in (W1, b1, W2, b2))")
    + DESCENT,
)
CASES["float16"] = Case(
    "rounding of float16",
    NETWORK.replace(
        "rate = 0.05", "rate = 0.05\nX, T, W1, b1, W2, b2 = (v.astype('f2') for v in (X, T, W1, b1, W2, b2))"
    )
    + DESCENT,
    SILENT,
)
CASES["one-element parameters"] = Case(
    "gain and shift are single numbers",
    HEAD.replace("rate = 0.05", "rate = 0.05\ngain, shift = np.ones(1), np.zeros(1)")
    + """
    h = np.tanh(x @ W1 + b1)
    p = softmax(gain * (h @ W2) + shift + b2)
    d2 = (p - t) / len(x)
    ga, sh = np.sum(d2 * (h @ W2)), np.sum(d2)
    d1 = (gain * d2 @ W2.T) * (1 - h ** 2)
    W1 -= rate * x.T @ d1
    b1 -= rate * d1.sum(0)
    W2 -= rate * gain * h.T @ d2
    b2 -= rate * d2.sum(0)
    gain -= rate * ga
    shift -= rate * sh
""",
    SCALED,
)
CASES["stochastic masks"] = Case(
    "forward and backward share one mask",
    HEAD
    + """
    mask = (rng.random((len(x), 6)) < 0.7) / 0.7
    h = np.tanh(x @ W1 + b1)
    hm = h * mask
    p = softmax(hm @ W2 + b2)
    d2 = (p - t) / len(x)
    d1 = (d2 @ W2.T) * mask * (1 - h ** 2)
    g1, c1, g2, c2 = x.T @ d1, d1.sum(0), hm.T @ d2, d2.sum(0)
"""
    + DESCENT,
)

# ----- Arrays that change and are no parameters ---------------------------------------------------------

for title, before, after in (
    ("counters and confusion matrix", "seen, confusion = 0, np.zeros((2, 2))\n", """
    seen += len(x)
    np.add.at(confusion, (t.argmax(1), p.argmax(1)), 1)
    print(confusion.trace() / confusion.sum(), np.dot(confusion.sum(0), [1.0, 0.5]))
"""),
    ("moving average of the weights, evaluated", "E = [W1.copy(), b1.copy(), W2.copy(), b2.copy()]\n", """
    for e, w in zip(E, (W1, b1, W2, b2)):
        e *= 0.9
        e += 0.1 * w
    if step % 5 == 0:
        print((softmax(np.tanh(X @ E[0] + E[1]) @ E[2] + E[3]).argmax(1) == y).mean())
"""),
    ("Polyak average, evaluated", "A1, A2, n = 0 * W1, 0 * W2, 0\n", """
    n += 1
    A1 += (W1 - A1) / n
    A2 += (W2 - A2) / n
    print((softmax(np.tanh(X @ A1 + b1) @ A2 + b2).argmax(1) == y).mean())
"""),
    ("running mean and variance", "mean, var = np.zeros(4), np.ones(4)\n", """
    mean = 0.9 * mean + 0.1 * x.mean(0)
    var = 0.9 * var + 0.1 * x.var(0)
    print(softmax(np.tanh((X - mean) / np.sqrt(var) @ W1 + b1) @ W2 + b2).max())
"""),
    ("replay buffer", "memory = np.zeros((20, 4))\n", """
    memory[step % 20] = x[0]
    print(softmax(np.tanh(memory @ W1 + b1) @ W2 + b2).max())
"""),
    ("early stopping with restored weights", "best, kept = np.inf, None\n", """
    loss = -np.mean(np.log(p[t > 0]))
    if loss < best:
        best, kept = loss, [v.copy() for v in (W1, b1, W2, b2)]
    elif step % 7 == 6:
        W1, b1, W2, b2 = [v.copy() for v in kept]
"""),
    ("moments and norms that are printed", "history = []\n", """
    history.append([np.linalg.norm(g) for g in (g1, g2)])
    print(np.mean(history, axis=0) @ [1.0, 1.0])
"""),
):  # fmt: skip
    CASES[title] = Case("the arrays that change beside the weights are results", _with(before, after=after))
