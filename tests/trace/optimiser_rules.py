"""Rules of optimisers, each in one program: those that people use, and slips in them.

A rule is what follows `for i, (value, slope) in ...` in the loop over four parameters, with the lists of zeros `M`,
`V` and `U` as its memory and `n` as the number of the step, counted from 1.  `RIGHT` says of what is right whether it
is known to the project (then the program is exact) or merely unusual (then it may be left at "cannot tell").  In
`WRONG` the line that is wrong ends with a mark.
"""

from __future__ import annotations

from dataclasses import dataclass

from unusual_programs import BACKWARD, FORWARD, HEAD
from update_pairs import MARK

MEMORY = "".join(f"{name} = [np.zeros_like(v) for v in (W1, b1, W2, b2)]\n" for name in "MVU")
LOOP = "    n = step + 1\n    for i, (value, slope) in enumerate(((W1, g1), (b1, c1), (W2, g2), (b2, c2))):\n"
KNOWN, UNUSUAL = (
    frozenset({"exact", "scaled"}),
    frozenset({"exact", "scaled", "cannot-tell", "not-applicable"}),
)


def program(rule: str, rate: str = "0.01", forward: str = FORWARD) -> str:
    """The usual network, trained by a rule."""
    head = HEAD.replace("rate = 0.05\n", f"rate = {rate}\n{MEMORY}")
    body = "".join(f"        {line}\n" for line in rule.splitlines())
    return head + forward + BACKWARD + LOOP + body


MEAN, SQUARES = "M[i] = 0.9 * M[i] + 0.1 * slope\n", "V[i] = 0.99 * V[i] + 0.01 * slope ** 2\n"
HATS = "m, v = M[i] / (1 - 0.9 ** n), V[i] / (1 - 0.99 ** n)\n"
ADAM = "value -= rate * m / (np.sqrt(v) + 1e-8)"
BARE = "value -= rate * M[i] / (np.sqrt(V[i]) + 1e-8)"

RIGHT: dict[str, tuple[str, frozenset[str]]] = {
    "heavy ball, rate inside": ("M[i] = 0.8 * M[i] - rate * slope\nvalue += M[i]", KNOWN),
    "heavy ball, a rate that falls inside": ("M[i] = 0.8 * M[i] - rate / n * slope\nvalue += M[i]", KNOWN),
    "heavy ball, in place": ("M[i] *= 0.8\nM[i] += slope\nvalue -= rate * M[i]", KNOWN),
    "Nesterov, rewritten": ("M[i] = 0.8 * M[i] + slope\nvalue -= rate * (slope + 0.8 * M[i])", KNOWN),
    "Nesterov, by the velocity before": (
        "old = M[i]\nM[i] = 0.8 * old - rate * slope\nvalue += -0.8 * old + (1 + 0.8) * M[i]",
        KNOWN,
    ),
    "quasi-hyperbolic momentum": (f"{MEAN}value -= rate * (0.3 * slope + 0.7 * M[i])", KNOWN),
    "a penalty larger than the gradient, and in the loss": (
        "loss = -np.mean(np.sum(t * np.log(p), axis=1)) + 2.5 * np.sum(value ** 2)\n"
        "value -= rate * (slope + 5.0 * value)",
        KNOWN,
    ),
    "mean by its difference": ("M[i] += 0.1 * (slope - M[i])\nvalue -= rate * M[i]", KNOWN),
    "Adagrad with a start": (
        "V[i] = V[i] + slope * slope\nvalue -= rate * slope / np.sqrt(V[i] + 1e-10)",
        KNOWN,
    ),
    "RMSprop with momentum": (
        f"{SQUARES}M[i] = 0.8 * M[i] + rate * slope / np.sqrt(V[i] + 1e-8)\nvalue -= M[i]",
        KNOWN,
    ),
    "centred RMSprop": (
        "M[i] = 0.9 * M[i] + 0.1 * slope\nV[i] = 0.9 * V[i] + 0.1 * slope ** 2\n"
        "value -= rate * slope / np.sqrt(V[i] - M[i] ** 2 + 1e-6)",
        KNOWN,
    ),
    "Adam": (MEAN + SQUARES + HATS + ADAM, KNOWN),
    "Adam, epsilon inside": (MEAN + SQUARES + HATS + "value -= rate * m / np.sqrt(v + 1e-8)", KNOWN),
    "Adam with penalty in the gradient": (
        "slope = slope + 0.001 * value\n" + MEAN + SQUARES + HATS + ADAM,
        KNOWN,
    ),
    "Adam with warm-up": (
        MEAN + SQUARES + HATS + "value -= rate * min(1.0, n / 10) * m / (np.sqrt(v) + 1e-8)",
        KNOWN,
    ),
    "Adam behind a clip": ("slope = np.clip(slope, -0.02, 0.02)\n" + MEAN + SQUARES + HATS + ADAM, KNOWN),
    "Adam behind a norm": (
        "slope = slope * min(1.0, 0.01 / np.linalg.norm(slope))\n" + MEAN + SQUARES + HATS + ADAM,
        KNOWN,
    ),
    "LAMB": (
        MEAN + SQUARES + HATS + "d = m / (np.sqrt(v) + 1e-8)\n"
        "value -= rate * (np.linalg.norm(value) + 1e-3) / (np.linalg.norm(d) + 1e-8) * d",
        UNUSUAL,
    ),
    "AMSGrad, corrected": (
        MEAN + SQUARES + HATS + "U[i] = np.maximum(U[i], v)\nvalue -= rate * m / (np.sqrt(U[i]) + 1e-8)",
        KNOWN,
    ),
    "AdaMax": (
        MEAN + "V[i] = np.maximum(0.99 * V[i], np.abs(slope))\n"
        "value -= rate / (1 - 0.9 ** n) * M[i] / (V[i] + 1e-8)",
        UNUSUAL,
    ),
    "AdaBelief": (MEAN + "V[i] = 0.99 * V[i] + 0.01 * (slope - M[i]) ** 2\n" + BARE, KNOWN),
    "Nadam": (
        MEAN + SQUARES + "m = 0.9 * M[i] / (1 - 0.9 ** (n + 1)) + 0.1 * slope / (1 - 0.9 ** n)\n"
        "value -= rate * m / (np.sqrt(V[i] / (1 - 0.99 ** n)) + 1e-8)",
        KNOWN,
    ),
    "gradient noise before Adam": (
        "slope = slope + rng.normal(size=slope.shape) * 0.001\n" + MEAN + SQUARES + HATS + ADAM,
        UNUSUAL,
    ),
    "squares of the step before": (f"value -= rate * slope / np.sqrt(V[i] + 1e-3)\n{SQUARES}", UNUSUAL),
    "Lion": (
        "value -= rate * np.sign(0.9 * M[i] + 0.1 * slope)\nM[i] = 0.99 * M[i] + 0.01 * slope",
        UNUSUAL,
    ),
    "Rprop": (
        "U[i] = np.where(M[i] * slope > 0, np.minimum(U[i] * 1.2, 0.1), np.maximum(U[i] * 0.5, 1e-4))\n"
        "value -= U[i] * np.sign(slope)\nM[i] = slope",
        UNUSUAL,
    ),
    "Adadelta": (
        "V[i] = 0.9 * V[i] + 0.1 * slope ** 2\nchange = np.sqrt(M[i] + 1e-6) / np.sqrt(V[i] + 1e-6) * slope\n"
        "M[i] = 0.9 * M[i] + 0.1 * change ** 2\nvalue -= change",
        UNUSUAL,
    ),
    "Yogi": (
        MEAN + "s = slope ** 2\nV[i] = V[i] - 0.01 * np.sign(V[i] - s) * s\n" + BARE,
        UNUSUAL,
    ),
    "a fourth root": (MEAN + SQUARES + "value -= rate * M[i] / (V[i] ** 0.25 + 1e-8)", UNUSUAL),
    "Adan": (
        "d = slope - U[i]\nU[i] = slope\nM[i] = 0.9 * M[i] + 0.1 * (slope + 0.9 * d)\n"
        "V[i] = 0.99 * V[i] + 0.01 * (slope + 0.9 * d) ** 2\n" + BARE,
        UNUSUAL,
    ),
    "momentum that grows by a schedule": (
        "M[i] = min(0.9, 1 - 3 / (n + 5)) * M[i] - rate * slope\nvalue += M[i]",
        UNUSUAL,
    ),
    "a mean of the weights beside": ("value -= rate * slope\nU[i] = 0.9 * U[i] + 0.1 * value", KNOWN),
}

SLIPS = {
    "square missing, absolute": (SQUARES, "V[i] = 0.99 * V[i] + 0.01 * np.abs(slope)"),
    "square of the mean": (SQUARES, "V[i] = 0.99 * V[i] + 0.01 * M[i] ** 2"),
    "divided by the square": (SQUARES, "V[i] = 0.99 * V[i] + 0.01 / slope ** 2"),
    "memory left out of the squares": (SQUARES, "V[i] = 0.99 + 0.01 * slope ** 2"),
    "gradient left out of the squares": (SQUARES, "V[i] = 0.99 * V[i] + 0.01"),
    "squares taken away": (SQUARES, "V[i] = 0.99 * V[i] - 0.01 * slope ** 2"),
    "correction from 2": (HATS, "m, v = M[i] / (2 - 0.9 ** n), V[i] / (1 - 0.99 ** n)"),
    "correction added": (HATS, "m, v = M[i] / (1 + 0.9 ** n), V[i] / (1 - 0.99 ** n)"),
    "correction by the other share": (HATS, "m, v = M[i] / (1 - 0.9 ** n), V[i] / (1 - 0.9 ** n)"),
    "correction that multiplies": (HATS, "m, v = M[i] * (1 - 0.9 ** n), V[i] / (1 - 0.99 ** n)"),
}


@dataclass(frozen=True)
class Wrong:
    """A program with a slip in its optimiser; `told` if it must be called wrong, and not merely unknown."""

    text: str
    told: bool = True


def _slip(rule: str, old: str, new: str) -> Wrong:
    assert old.strip() in rule, old
    return Wrong(program(rule.replace(old, f"{new}{MARK}\n", 1)))


WRONG = {name: _slip(MEAN + SQUARES + HATS + ADAM, *change) for name, change in SLIPS.items()}
WRONG["square of the mean"] = Wrong(WRONG["square of the mean"].text, told=False)
WRONG["squares used before they are taken"] = Wrong(
    program(f"{MEAN}v = V[i] / (1 - 0.99 ** n){MARK}\n{SQUARES}m = M[i] / (1 - 0.9 ** n)\n{ADAM}")
)
FULL = MEAN + SQUARES + HATS + ADAM
WRONG["mean that is not kept"] = Wrong(
    program(FULL.replace(MEAN, f"kept = 0.9 * M[i] + 0.1 * slope{MARK}\n").replace("M[i] / (1", "kept / (1"))
)
WRONG["velocity that is not kept"] = Wrong(program(f"kept = 0.8 * M[i] - rate * slope{MARK}\nvalue += kept"))
WRONG["gradient in place of its mean"] = _slip(FULL, ADAM, "value -= rate * slope / (np.sqrt(v) + 1e-8)")
WRONG["decoupled decay that grows"] = _slip(
    FULL, ADAM, "value -= rate * (m / (np.sqrt(v) + 1e-8) - 0.01 * value)"
)
NESTEROV = "old = M[i]\nM[i] = 0.8 * old - rate * slope\nvalue += -0.8 * old + 1.8 * M[i]"
WRONG["velocity before with its sign turned"] = _slip(
    NESTEROV, "value += -0.8 * old + 1.8 * M[i]", "value += 0.8 * old + 1.8 * M[i]"
)
WRONG["a mean that is subtracted"] = _slip(
    f"{MEAN}value -= rate * M[i]", MEAN, "M[i] = 0.9 * M[i] - 0.1 * slope"
)
AHEAD = """
    A1, A2 = W1 + 0.8 * M[0], W2 + 0.8 * M[2]
    h = np.tanh(x @ A1 + b1)
    p = softmax(h @ A2 + b2)
"""
LOOKING = "M[i] = 0.8 * M[i] - rate * slope\nvalue += M[i]"
LOOK_AHEAD = program(LOOKING, forward=AHEAD).replace("d2 @ W2.T", "d2 @ A2.T")
WRONG["look ahead by the whole velocity"] = Wrong(
    LOOK_AHEAD.replace("W1 + 0.8 * M[0], W2 + 0.8 * M[2]", f"W1 + M[0], W2 + 0.8 * M[2]{MARK}")
)
WRONG["look back"] = Wrong(
    LOOK_AHEAD.replace("W1 + 0.8 * M[0], W2 + 0.8 * M[2]", f"W1 - 0.8 * M[0], W2 + 0.8 * M[2]{MARK}")
)
PHASES = (
    program("value -= rate * slope")
    .replace(
        "for step in range(60):",
        "for phase in range(2):\n  for epoch in range(25):\n   for step in range(4):",
    )
    .replace("step + 1", "epoch + 1")
    .replace(
        "        value -= rate * slope\n",
        "        if phase == 0:\n            value -= rate * slope\n"
        "        else:\n            value -= 0.5 * rate * slope\n",
    )
)
WRONG["another phase that climbs"] = Wrong(
    PHASES.replace("value -= 0.5 * rate * slope", f"value += 0.5 * rate * slope{MARK}")
)

# Right or wrong cannot be told: what is done may be meant, although it hardly follows the gradient.
UNTOLD = {
    "penalty larger than the gradient": program("value -= rate * (slope + 5.0 * value)"),
    "gradient cut to its sign": program("slope = np.clip(slope, -1e-6, 1e-6)\nvalue -= rate * slope"),
    "one memory for the squares of two": program(
        "V[0] = 0.99 * V[0].mean() + 0.01 * slope ** 2\nvalue -= rate * slope / (np.sqrt(V[0]) + 1e-8)"
    ),
    "only a penalty is descended": program("value -= rate * slope").replace(
        BACKWARD, "\n    loss = -np.mean(np.sum(t * np.log(p), axis=1)) + 0.1 * np.sum(W1 ** 2)\n"
        "    d2 = (p - t)[::-1] ** 3\n    d1 = (d2 @ W2.T) ** 2\n"
        "    g1, c1, g2, c2 = 0.2 * W1, d1.sum(0), h.T @ d2, d2.sum(0)\n",
    ),
    "last layer forgotten": program("value -= rate * slope")
    .replace(", h.T @ d2, d2.sum(0)", "").replace("g1, c1, g2, c2 =", "g1, c1 =")
    .replace("((W1, g1), (b1, c1), (W2, g2), (b2, c2))", "((W1, g1), (b1, c1))"),
}  # fmt: skip
