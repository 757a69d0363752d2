"""Right programs with uncommon losses: the error of the output is no derivative that everybody knows, but it is one.

Beside it the squared error is computed and printed, which is not what the steps descend.
"""

from __future__ import annotations

from never_wrong import NO_VERDICT, SCALED, Case

HEAD = """
import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(60, 4))
Y = np.tanh(X @ [1.0, -1.0, 0.5, 0.2]) + 0.3 * rng.normal(size=60)
{targets}
W, b = rng.normal(size=(4, 5)) * 0.5, np.zeros(5)
v, c = rng.normal(size=5) * 0.5, np.zeros(1)
for step in range(8):
    x, t = X[step % 3::3], Y[step % 3::3]
    h = np.tanh(x @ W + b)
    z = h @ v + c
    o = {output}
    print(np.mean((o - t) ** 2))
    d = ({error}) / len(x)
    e = np.outer(d, v) * (1 - h ** 2)
    W -= 0.05 * x.T @ e
    b -= 0.05 * e.sum(0)
    v -= 0.05 * h.T @ d
    c -= 0.05 * d.sum()
"""
METRIC = "    print(np.mean((o - t) ** 2))\n"
SIGMOID, CLASSES = "1 / (1 + np.exp(-z))", "Y = (Y > 0).astype(float)"
SIGNS, POSITIVE = "Y = np.sign(Y)", "Y = np.exp(Y)"
LOSSES = {  # targets, output, error
    "log-cosh": ("", "z", "np.tanh(o - t)"),
    "pseudo-Huber": ("", "z", "(o - t) / np.sqrt(1 + (o - t) ** 2)"),
    "quantile": ("", "z", "np.where(o > t, 0.2, -0.8)"),
    "fourth power": ("", "z", "(o - t) ** 3"),
    "Poisson": (POSITIVE, "np.exp(z)", "o - t"),
    "gamma deviance": (POSITIVE, "np.exp(z)", "(o - t) * (1 / o)"),
    "gamma deviance of a softplus": (POSITIVE, "np.log1p(np.exp(z))", "(o - t) * o ** -2 * (1 - np.exp(-o))"),
    "squared hinge": (SIGNS, "z", "-2 * t * np.maximum(0, 1 - t * o)"),
    "exponential": (SIGNS, "z", "-t * np.exp(-t * o)"),
    "logistic of signs": (SIGNS, "z", "-t / (1 + np.exp(t * o))"),
    "unlikelihood": (CLASSES, SIGMOID, "o"),
    "covariance with the target": ("", "z", "-(t - t.mean())"),
    "pairs that should be alike": ("", "z", "np.where(t > 0, o - o[::-1], o + o[::-1])"),
}
CASES = {
    name: Case(
        "the error of the output is the derivative of a loss that few people know",
        HEAD.format(targets=targets, output=output, error=error),
        NO_VERDICT | SCALED,
    )
    for name, (targets, output, error) in LOSSES.items()
}
UNPRINTED = CASES["gamma deviance"].text.replace(METRIC, "    pass\n")
CASES["gamma deviance, and nothing printed"] = Case("no loss is computed at all", UNPRINTED, NO_VERDICT)
OPPOSITE = HEAD.format(targets="Y = -Y", output="z", error="o + t").replace(METRIC, "    pass\n")
CASES["target stored with the other sign"] = Case("the sum is a difference", OPPOSITE, NO_VERDICT)
