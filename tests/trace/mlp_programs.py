"""Writes small training programs: random networks with a right backward pass, and the same with one mutation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

FORWARD = {
    "relu": "np.maximum(z{i}, 0)",
    "leaky": "np.where(z{i} > 0, z{i}, 0.1 * z{i})",
    "tanh": "np.tanh(z{i})",
    "sigmoid": "1 / (1 + np.exp(-z{i}))",
    "softplus": "np.log1p(np.exp(z{i}))",
}
SLOPE = {
    "relu": "(z{i} > 0)",
    "leaky": "np.where(z{i} > 0, 1.0, 0.1)",
    "tanh": "(1 - a{i} ** 2)",
    "sigmoid": "a{i} * (1 - a{i})",
    "softplus": "(1 / (1 + np.exp(-z{i})))",
}
WRONG_SLOPE = {
    "relu": "(a{i} >= 0)",
    "leaky": "np.where(z{i} > 0, 1.0, 0.01)",
    "tanh": "(1 - a{i})",
    "sigmoid": "z{i} * (1 - z{i})",
    "softplus": "(1 / (1 + np.exp(-a{i})))",
}
OUTPUTS = ("softmax", "sigmoid", "linear", "squared-sigmoid")
MUTATIONS = (
    "none",
    "slope",
    "slope-missing",
    "slope-twice",
    "input",
    "sign",
    "sign-of-bias",
    "bias-of-all",
    "updated",
    "weights-back",
    "mask-missing",
    "stuck-bias",
)


@dataclass(frozen=True)
class Program:
    """One network and how its training is written down.

    layers   units of the hidden layers;  batch  rows per step (0: all of them)
    style    how updates are written: in-place | rebind | loop | momentum
    where    the hidden layer that a mutation spoils, from 1
    """

    layers: tuple[int, ...]
    activation: str
    output: str
    bias: bool
    batch: int
    style: str
    mean: bool
    dropout: bool
    decay: bool
    seed: int
    mutation: str = "none"
    where: int = 1

    def mutated(self, mutation: str, where: int) -> Program:
        """The same network with one fault."""
        return replace(self, mutation=mutation, where=where)

    def differs(self) -> bool:
        """Does the mutation change what is computed?"""
        inner = self.where < len(self.layers)
        return {
            "sign-of-bias": self.bias,
            "bias-of-all": self.bias,
            "stuck-bias": self.bias,
            "mask-missing": self.dropout,
            "weights-back": inner and self.layers[self.where - 1] == self.layers[self.where],
            "updated": self.style != "momentum",
            "slope-twice": self.activation != "relu",
        }.get(self.mutation, True)

    def text(self) -> str:
        """The source of the program."""
        lines = [*_setup(self), *_loop(self), *_forward(self), *_backward(self), *_update(self)]
        return "\n".join([*lines, "print('done')", ""])


ROWS, INPUTS, CLASSES = 64, 5, 3


def _setup(p: Program) -> list[str]:
    sizes = (INPUTS, *p.layers, CLASSES)
    lines = [
        "import numpy as np",
        f"rng = np.random.default_rng({p.seed})",
        f"X = rng.normal(size=({ROWS}, {INPUTS}))",
        f"labels = rng.integers(0, {CLASSES}, {ROWS})",
        f"T = np.eye({CLASSES})[labels]",
        f"rate = {0.02 if p.mean else 0.001}",
    ]
    for i, (rows, columns) in enumerate(pairwise(sizes), 1):
        lines.append(f"W{i} = rng.normal(size=({rows}, {columns})) * {rows**-0.5:.3f}")
        if p.bias:
            lines.append(f"b{i} = rng.normal(size=(1, {columns})) * 0.1")
    if p.style == "momentum":
        lines += [f"v{name} = np.zeros_like({name})" for name in _names(p)]
    return lines


def _names(p: Program) -> list[str]:
    last = len(p.layers) + 1
    return [f"W{i}" for i in range(last, 0, -1)] + [f"b{i}" for i in range(last, 0, -1) if p.bias]


def _loop(p: Program) -> list[str]:
    if not p.batch:
        return ["for epoch in range(40):", "    x, t = X, T"]
    return [
        "for epoch in range(8):",
        f"  for start in range(0, {ROWS}, {p.batch}):",
        f"    x, t = X[start:start + {p.batch}], T[start:start + {p.batch}]",
    ]


def _forward(p: Program) -> list[str]:
    lines, last = [], len(p.layers) + 1
    for i in range(1, last + 1):
        lines.append(f"z{i} = {_input(p, i)} @ W{i}" + (f" + b{i}" if p.bias else ""))
        if i < last:
            lines.append(f"a{i} = {FORWARD[p.activation].format(i=i)}")
            if p.dropout:
                lines += [f"m{i} = (rng.random(a{i}.shape) < 0.8) / 0.8", f"d{i} = a{i} * m{i}"]
    if p.output == "softmax":
        lines += [
            f"e = np.exp(z{last} - z{last}.max(axis=1, keepdims=True))",
            "p = e / e.sum(axis=1, keepdims=True)",
        ]
    else:
        lines.append(f"p = z{last}" if p.output == "linear" else f"p = 1 / (1 + np.exp(-z{last}))")
    return [f"    {line}" for line in lines]


def _input(p: Program, i: int) -> str:
    """What enters layer i."""
    return "x" if i == 1 else f"{'d' if p.dropout else 'a'}{i - 1}"


def _backward(p: Program) -> list[str]:
    last = len(p.layers) + 1
    lines = [f"g{last} = (p - t)" + (" * p * (1 - p)" if p.output == "squared-sigmoid" else "")]
    if p.mean:
        lines[-1] = lines[-1].replace("(p - t)", "(p - t) / len(x)")
    for i in range(last, 0, -1):
        spoiled = i == p.where
        entering = f"z{i - 1}" if p.mutation == "input" and i == p.where + 1 else _input(p, i)
        lines.append(f"gW{i} = {entering}.T @ g{i}" + (f" + 0.01 * W{i}" if p.decay else ""))
        if p.bias:
            total = "" if spoiled and p.mutation == "bias-of-all" else "axis=0, keepdims=True"
            lines.append(f"gb{i} = g{i}.sum({total})")
        if p.mutation == "updated" and i == p.where + 1:
            lines.append(f"W{i} -= rate * gW{i}")
        if i > 1:
            lines += _through(p, i)
    return [f"    {line}" for line in lines]


def _through(p: Program, i: int) -> list[str]:
    """The error goes from layer i to layer i - 1."""
    spoiled = i - 1 == p.where
    back = f"W{i}" if spoiled and p.mutation == "weights-back" else f"W{i}.T"
    masked = f" * m{i - 1}" if p.dropout and not (spoiled and p.mutation == "mask-missing") else ""
    slopes = WRONG_SLOPE if spoiled and p.mutation == "slope" else SLOPE
    slope = f" * {slopes[p.activation]}".format(i=i - 1)
    if spoiled and p.mutation in ("slope-missing", "slope-twice"):
        slope *= 2 * (p.mutation == "slope-twice")
    return [f"g{i - 1} = g{i} @ {back}{masked}{slope}"]


def _update(p: Program) -> list[str]:
    names = _names(p)
    if p.mutation == "updated":
        names.remove(f"W{p.where + 1}")
    if p.mutation == "stuck-bias":
        names.remove(f"b{p.where}")
    flipped = {"sign": f"W{p.where}", "sign-of-bias": f"b{p.where}"}.get(p.mutation)
    if p.style == "loop":
        pairs = ", ".join(f"({name}, {'-' if name == flipped else ''}g{name})" for name in names)
        return [f"    for value, slope in [{pairs}]:", "        value -= rate * slope"]
    lines = []
    for name in names:
        sign = "+" if name == flipped else "-"
        if p.style == "momentum":
            lines += [f"    v{name} = 0.9 * v{name} {sign} rate * g{name}", f"    {name} = {name} + v{name}"]
        elif p.style == "rebind":
            lines.append(f"    {name} = {name} {sign} rate * g{name}")
        else:
            lines.append(f"    {name} {sign}= rate * g{name}")
    return lines


def two_layers(back: str, drawn: str = "None") -> str:
    """A right network of two layers but for its hidden error, which is computed as given, with B drawn before."""
    return f"""
import numpy as np
rng = np.random.RandomState(45)
X = rng.randn(200, 8)
T = X @ rng.randn(8, 3) + 0.5 * np.tanh(X @ rng.randn(8, 3))
W1 = rng.randn(8, 20) * 0.2
W2 = rng.randn(20, 3) * 0.2
B = {drawn}
for epoch in range(150):
    h = np.tanh(X @ W1)
    delta = (h @ W2 - T) / len(X)
    back = {back}
    W2 -= 0.05 * h.T @ delta
    W1 -= 0.05 * X.T @ back
"""
