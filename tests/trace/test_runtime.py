"""The tape tells the truth: replayed it gives the recorded values, differentiated the program's slope."""

from __future__ import annotations

import ast
import functools
import math
import pickle
import random
import statistics
import textwrap
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recorded import Clock, Recording, plain, recorded

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, backward
from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.runtime import Runtime
from unstuck.trace.tape.warned import users_warnings

SHAPE = (3, 4)
GIVEN = {
    **{"np": np, "math": math, "functools": functools, "statistics": statistics, "random": random},
    **{"SHAPE": SHAPE, "M": np.linspace(-0.5, 0.6, 16).reshape(4, 4)},
}
STATEMENTS = """
a = b + c
a = b * c - a
a = a / (1 + b * b)
a = -c ** 2
a = b
c = a.copy()
a += b
b *= 0.5
c -= a * b
a /= 1 + c * c
a[0] = b[1]
a[1] += b[2] * c[0]
a[:, 1] = b[:, 2] * c[:, 0]
a[::2, ::-1] *= 1.5
a[1:][0] -= c[0]
a[[0, 2]] = b[[1, 1]]
a[[0, 0], [1, 1]] += b[0, :2]
a[[0, 1]] = a[[1, 0]]
a[b > 0] = c[b > 0]
a[b > 0.2] *= 0.5
a[0], a[1] = a[1].copy(), a[0].copy()
a[2], b[0, 0] = b[0] * 0.5, a[1, 1]
np.add.at(a, [0, 0, 2], b)
np.subtract.at(a, ([0, 0], [1, 1]), c[0, :2])
np.multiply(a, b, out=c)
np.tanh(a, out=a)
np.clip(a, -1, 1, out=b)
a.clip(-0.9, 0.8, out=a)
np.add(a, b, a)
np.dot(b, M, a.copy())
np.copyto(a, c)
a[...] = c * 0.9
a.fill(b[0, 1])
for row in a: row *= 0.9
for i, row in enumerate(b): a[i] = row + c[i]
for p, q in zip(a, b): p += q * 0.5
for column in a.T: column -= column.mean()
for i in range(3): a[i] -= 0.1 * b[i - 1]
a = b.T.copy().T
a = np.asfortranarray(b)
a = (b.T * 1.1).T
t = a.T; t[0] += b[:, 0]; t *= 0.7
r = a.reshape(-1); r[3:7] = b.ravel()[1:5]
r = a[1]; r -= b[0]; r[2] = 0.3
r = np.ascontiguousarray(a).reshape(2, 6)[1]; r *= 2; a = a + r[0]
a = b.reshape(4, 3).T
a = b.ravel(order="F").reshape(3, 4)
a.shape = (4, 3); a = a.T * 1.0
a.shape = (12,); a[5] = b[0, 0]; a.shape = (3, 4)
a = np.ravel(a).reshape(SHAPE)
a.flat[5] = b[0, 0]; a.flat[[1, 2]] = c.flat[3:5]
a = np.concatenate([b[:1], c[1:]])
a = np.vstack([b[0], c[1], a[2]])
a = np.stack([b[0], *c[1:]])
a = np.hstack([b[:, :2], c[:, 2:]])
a = np.where(b > 0, a, c)
a = np.maximum(a, b)
a = b @ M
a = np.dot(b, M.T)
a = np.outer(b[:, 0], c[0])
a = np.einsum("ij,jk->ik", b, M)
a = np.matmul(M[:3, :3], b)
a = a - a.mean(axis=0)
a = a * b.sum(axis=1, keepdims=True)
a = np.add.reduce([b, c])
a = a * np.add.reduce(b) * 0.1
a = np.tile(b[0], (3, 1)) + np.repeat(c[:, :1], 4, axis=1)
a = np.cumsum(b, axis=1) * 0.3
a = np.roll(b, 1, axis=0)[::-1]
a = np.sort(b, axis=1)
a = np.array([[p * q for p, q in zip(u, v)] for u, v in zip(b, c)])
a = np.array([b[0], c[1] * 2, a[0]])
a = np.array([[math.tanh(p) for p in row] for row in b])
a = np.array(list(map(lambda z: z * 2, b)))
a = np.array([float(p) * 0.5 for p in np.ravel(b)]).reshape(3, 4)
a = np.fromiter((p * p for p in b.ravel()), float).reshape(3, 4)
a[0] = [math.exp(p) for p in b[0]]
a[0] = list(map(math.sin, b[0]))
a[0, 0] = float(b[1, 1]) * 2
a[1, 2] = b[0, 0].item() - c.item(3)
a[2, 0] = round(2.4) * b[2, 0]
a[0] = sum(b[0])
a[1] = sum([b[0], c[1], a[2]])
a[1, 1] = sum((p * q for p, q in zip(b[0], c[0])), 0.5)
a[2] = max(b[0, 0], b[1, 1]) * min(c[0])
x, y = b[0, :2]; a[0, 0] = x * y
x, *y = b[1]; a[0, 1] = x * y[1]
l = b.tolist(); a[0, 1] = l[1][2] * l[0][0]
n = [1.0, b[0, 0], c[0, 0] * 2]; n[0] -= n[1] * 0.1; n[2] += n[0]; a[0, 3] = n[0] * n[2]
a = functools.reduce(np.add, [a, b, c])
a = functools.partial(np.multiply, 0.8)(b)
a = (lambda p, q=c: p * q)(b)
a = np.vectorize(math.tanh)(b) + np.vectorize(lambda p, q: p * q if p > 0 else q)(c, b[0])
z = np.zeros(SHAPE); z[1:] = a[:2]; a = z
z = np.empty_like(a); np.multiply(b, c, out=z); a = z
z = np.zeros(SHAPE); z += b; z[0] += c[0]; a = z
z = np.zeros((4, 3)).T; z[1] = b[0]; z[:, 2] += c[:, 1]; a = z + b
z = (b * 2).T; v = z[1]; v += c[:, 1]; a = z.T
z = b[:, [0, 2, 1, 3]]; z[0] *= 2; y = z[1]; y += 1; a = z
a = np.lib.stride_tricks.sliding_window_view(np.pad(b, ((0, 0), (0, 2))), 3, axis=1).sum(axis=2)
d = np.diagonal(b); a[0, :3] += d
p, q = np.split(b, 2, axis=1); a[:, :2] = p * q
a = np.asarray(np.matrix(b) * np.matrix(M)); a = a * 0.5
m = np.matrix(c); m += 1; a = np.asarray(m) * b
a = np.linalg.norm(b) * c * 0.3
a = 1 / (1 + np.exp(-b))
a = np.exp(b - b.max(axis=1, keepdims=True)); a /= a.sum(axis=1, keepdims=True)
a = (b > 0) * c
a = np.log1p(b ** 2) + abs(c) + np.sqrt(b * b + 1)
""".strip().splitlines()


def program(chosen: list[str]) -> str:
    """A program that goes from the array w to the number loss."""
    body = "\n".join(chosen)
    return (
        "a = w * 1.0; b = np.tanh(w); c = w\n"
        f"{body}\n"
        "loss = float(np.sum(np.tanh(a) * np.arange(12.0).reshape(3, 4) + 0.1 * b * b + np.sin(c)))\n"
    )


def start() -> NDArray[Any]:
    """Numbers without structure, so that nothing cancels by chance."""
    return np.random.default_rng(7).uniform(-1, 1, SHAPE)


def tape_of(source: str) -> tuple[Recording, Node]:
    """The recording of a program, and the node of w as it was before."""
    w = start()
    leaves: list[Node] = []
    recording = recorded(
        source, {**GIVEN, "w": w}, before=lambda runtime: leaves.append(runtime.memory.array(w))
    )
    assert recording.error is None, recording.error
    return recording, leaves[0]


def slope(source: str, direction: NDArray[Any]) -> float:
    """The derivative of loss along a direction of w, by a central difference of plain runs."""
    losses = []
    for sign in (1, -1):
        ending = plain(source, {**GIVEN, "w": start() + sign * 1e-6 * direction})
        losses.append(ending.names["loss"])
    return float(losses[0] - losses[1]) / 2e-6


def assert_faithful(source: str) -> None:
    """Replay gives the recorded values, and the reverse pass the slope of the program."""
    recording, leaf = tape_of(source)
    loss = recording.node("loss")
    replayed = replay(recording.runtime.memory.nodes)
    for node in recording.runtime.memory.nodes:
        np.testing.assert_allclose(
            replayed[node], node.value, rtol=1e-12, atol=1e-12, err_msg=f"{node} {node.span}"
        )
    unknown = adjoints([(loss, np.ones(()))], [leaf]).missing
    assert not unknown, unknown
    (gradient,) = backward([(loss, np.ones(()))], [leaf])
    direction = np.random.default_rng(3).normal(size=SHAPE)
    assert gradient is not None
    assert float(np.sum(gradient * direction)) == pytest.approx(slope(source, direction), rel=1e-5, abs=1e-6)


def replay(nodes: list[Node]) -> dict[Node, Any]:
    """Every value computed anew from those of the leaves, by nothing but the operations' names."""
    values: dict[Node, Any] = {}

    def resolved(item: Any) -> Any:
        if isinstance(item, Node):
            return values[item]
        return [resolved(part) for part in item] if isinstance(item, list) else item

    for node in nodes:
        args = [resolved(item) for item in node.args]
        kwargs = {key: resolved(item) for key, item in node.kwargs.items() if key not in ("index", "dtype")}
        if node.op == "leaf":
            values[node] = np.array(node.value)
        elif node.op == "vectorize":
            assert node.fn is not None
            values[node] = node.fn(*args)
        elif node.op in STRUCTURAL:
            values[node] = STRUCTURAL[node.op](*args)
        else:
            function: Any = np.linalg.norm if node.op == "norm" else getattr(np, node.op)
            values[node] = function(*args, **kwargs)
    return values


def changed(base: Any, change: Any) -> Any:
    """A copy in C order after a change in place."""
    result = np.array(base, order="C")
    change(result)
    return result


STRUCTURAL: dict[str, Any] = {
    "copy": lambda x, *_: x,
    "array": lambda items: np.array(items),
    "item": lambda x, *index: np.asarray(x).item(*index),
    "getitem": lambda x, index: np.asarray(x)[index],
    "gather": lambda x, flat: np.asarray(x).ravel()[flat],
    "setitem": lambda x, index, value: changed(x, lambda y: y.__setitem__(index, value)),
    "scatter": lambda x, flat, value: changed(x, lambda y: y.reshape(-1).__setitem__(flat, value)),
    "add.at": lambda x, index, value: changed(x, lambda y: np.add.at(y, index, value)),
    "subtract.at": lambda x, index, value: changed(x, lambda y: np.subtract.at(y, index, value)),
    "reshape": lambda x, *shape, **kwargs: np.asarray(x).reshape(*shape, **kwargs),
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_statement_is_recorded_truly(statement: str) -> None:
    """One statement between an array and a number: values replay, and the gradient is that of the program."""
    assert_faithful(program([statement]))


@given(st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=7))
@settings(max_examples=60, deadline=None)
def test_any_sequence_is_recorded_truly(chosen: list[str]) -> None:
    """So it is for any sequence of such statements, whatever views and aliases they leave behind."""
    source = program(chosen)
    assume(plain(source, {**GIVEN, "w": start()}).error is None)
    assert_faithful(source)


# ----- What nobody can differentiate ----------------------------------------------------------------------

UNKNOWN = """
a = abs(np.fft.fft(b, axis=1))
u, s, v = np.linalg.svd(b); a = a * s[0]
a = np.apply_along_axis(np.cumsum, 1, b)
a = np.median(b, axis=0) * c
a[0, 0] = statistics.fmean(b[0])
a[0] = [math.gamma(p + 3) for p in b[0]]
a = np.random.normal(b, 0.1)
b.sort(axis=0)
np.put(a, [0, 1], b[0, :2])
np.fill_diagonal(a[:, :3], b[0, 0])
np.copyto(a, b, where=c > 0)
random.shuffle(a)
a = np.add(b, c, where=c > 0, out=np.zeros(SHAPE))
a.real = b
np.nan_to_num(a, copy=False)
z = a.view(np.int64); z[0] ^= 1
a[:, :3] = np.asarray(np.matrix(b[:, :3]) ** 2)
k = np.ma.array(b) * 2; a = np.asarray(k)
a = np.multiply.outer(b[:, 0], c[0])
a = np.vectorize(lambda p: p * random.random())(b)
a = np.frompyfunc(lambda p: p * 2, 1, 1)(b).astype(float)
o = np.array([b[0], c], dtype=object); o = o * 2; a = a * o[0]
o = np.array([b[0], c], dtype=object); o -= 0.5; a = a * o[1]
o = np.array([b, b[0], 1.0], dtype=object); o[1] = c[0] + 1; o[:2] *= 2; a = o[0] * o[1] * o[2]
""".strip().splitlines()


@pytest.mark.parametrize("statement", UNKNOWN)
def test_an_unknown_function_makes_the_gradient_unknown(statement: str) -> None:
    """What cannot be differentiated still depends on its operands: the gradient is unknown, not some number."""
    recording, leaf = tape_of(program([statement]))
    assert backward([(recording.node("loss"), np.ones(()))], [leaf]) == [None]


# ----- Networks of numbers and lists ----------------------------------------------------------------------

NUMBERS = """
def forward(x, w):
    hidden = []
    for row in w[:2]:
        z = row[-1]
        for v, p in zip(x, row):
            z += v * p
        hidden.append(1 / (1 + math.exp(-z)))
    return sum(h * p for h, p in zip(hidden, w[2])) + w[2][-1]
ws = [[float(p) for p in row] for row in w]
loss = 0.0
for x, t in [([0.5, -1.0, 2.0], 1.0), ([1.5, 0.3, -0.4], 0.0)]:
    loss += (forward(x, ws) - t) ** 2 / 2
    ws[0][1] -= 0.1 * loss
"""


def test_a_network_of_python_numbers_is_recorded_truly() -> None:
    """Floats in nested lists are followed as arrays are."""
    assert_faithful(NUMBERS)


OPERATORS = """
class Value:
    def __init__(self, data): self.data = data
    def __mul__(self, other): return self.data * other.data
    def __matmul__(self, other): return self.data
    def __neg__(self): return np.tanh(self.data)
    def __getitem__(self, index): return self.data[index] * 2
v = Value(w)
a = (v * v) * -v + (v @ 3) * v[::-1]
loss = float(np.sum(a))
"""


def test_operators_of_the_users_own_are_followed_inside() -> None:
    """`a * b` of a class with __mul__ is what its method computed, not a product."""
    assert_faithful(OPERATORS)


# ----- Odds and ends --------------------------------------------------------------------------------------


def test_values_keep_the_names_that_the_script_gives_them() -> None:
    """Assignment, unpacking, attributes, items and in-place updates name a node."""
    recording = recorded(
        textwrap.dedent(
            """
            import numpy as np
            class Net: pass
            net, params = Net(), {}
            x = h = np.ones(3) * 2
            net.w, params["b"] = np.ones(2) + 1, x[:2]
            first, *others = x
            x -= 1
            (walrus := x + 1)
            """
        )
    )
    assert recording.error is None
    named = {name: node.op for node in recording.runtime.memory.nodes for name in node.names}
    assert named == {
        **{"x": "subtract", "h": "multiply", "net.w": "add", "walrus": "add"},
        **{"first": "getitem", "params['b']": "gather"},
    }


def test_draws_are_leaves_that_know_their_line() -> None:
    """A random array has no history, but a place."""
    recording = recorded(
        "import numpy as np\nw = np.random.randn(3)\nv = np.random.default_rng(0).random(2)\n"
    )
    assert [(node.op, node.span.line) for node in recording.runtime.memory.nodes if node.span] == [
        ("leaf", 2),
        ("leaf", 3),
    ]


def test_numbers_read_from_text_do_not_fill_the_tape() -> None:
    """Converting a table of text to an array makes one node, not one for each number."""
    source = "import numpy as np\nx = np.array([[float(v) for v in row.split(',')] for row in text])\n"
    recording = recorded(source, {"text": ["0.5,1.5,2.5"] * 2000})
    assert [node.op for node in recording.runtime.memory.nodes] == ["leaf"]


def test_warnings_name_the_users_line() -> None:
    """A warning from within a hook is shown for the line of the script, and once per line."""
    source = "import numpy as np\nfor i in range(3):\n    x = np.log(np.zeros(1))\ny = 1 / np.zeros(1)\n"
    instrumenter, clock = Instrumenter(), Clock()
    clock.runtime = Runtime(instrumenter.sites, clock, instrumenter.files)
    clock.runtime.on = True
    tree = instrumenter.transform(ast.parse(source), "f", source)
    shown: list[tuple[str, int]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, category, filename, line, *_: shown.append((filename, line))
        with users_warnings():
            exec(compile(tree, "f", "exec"), {"__u__": clock.runtime})
    assert shown == [("f", 3), ("f", 4)]


def test_a_function_can_be_sent_to_another_process() -> None:
    """What a function takes along when it is pickled with its globals are hooks that sleep."""
    clock = Clock()
    runtime = clock.runtime = Runtime([], clock, {})
    runtime.on = True
    sent = pickle.loads(pickle.dumps(runtime))
    assert not sent.on
    assert sent.bin(0, "add", 1.0, 2.0) == 3.0
    assert not sent.memory.nodes
