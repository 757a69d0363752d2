"""Programs that read, slice and compute with the tables of pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from judged import judged, wrong
from recorded import assert_same, plain, recorded

from unstuck.trace.tape.frames import as_numpy

COLUMNS = """
import io
import numpy as np
import pandas as pd
rng = np.random.default_rng(3)
kinds = rng.integers(0, 3, 120)
lengths = kinds * 1.2 + rng.normal(0, 0.5, 120)
widths = (kinds == 1) * 1.5 + rng.normal(0, 0.5, 120)
rows = "\\n".join(f"{a:.3f},{b:.3f},{'xyz'[k]}" for a, b, k in zip(lengths, widths, kinds))
table = pd.read_csv(io.StringIO("length,width,kind\\n" + rows)).sample(frac=1, random_state=1)
features = table[["length", "width"]]
X = ((features - features.mean()) / features.std()).values
Y = pd.get_dummies(table["kind"]).to_numpy().astype(float)
W1, b1 = rng.normal(0, 0.5, (2, 8)), np.zeros(8)
W2, b2 = rng.normal(0, 0.5, (8, 3)), np.zeros(3)
for epoch in range(20):
    for start in range(0, len(X), 40):
        x, y = X[start:start + 40], Y[start:start + 40]
        h = np.tanh(x @ W1 + b1)
        e = np.exp(h @ W2 + b2)
        dz = (e / e.sum(axis=1, keepdims=True) - y) / len(x)
        dh = dz @ W2.T * (1 - h ** 2)
        W2 -= 0.5 * h.T @ dz
        b2 -= 0.5 * dz.sum(axis=0)
        W1 -= 0.5 * x.T @ dh
        b1 -= 0.5 * dh.sum(axis=0)
"""
ARITHMETIC = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(4)
table = pd.DataFrame(rng.normal(size=(90, 4)), columns=list("abcd"))
table["y"] = (table["a"] * table["b"] + table["c"] > 0).astype(int)
train = table.sample(frac=0.8, random_state=0)
X, y = train.drop(columns="y"), train["y"]
W1, b1 = rng.normal(0, 0.7, (4, 6)), pd.Series(np.zeros(6))
w2, b2 = rng.normal(0, 0.7, 6), 0.0
for i in range(60):
    hidden = np.tanh(X.dot(W1) + b1)
    out = 1 / (1 + np.exp(-(hidden.dot(w2) + b2)))
    loss = -(y * np.log(out) + (1 - y) * np.log(1 - out)).mean()
    error = (out - y) / len(y)
    d_hidden = np.outer(error, w2) * (1 - hidden ** 2)
    w2 = w2 - 0.5 * hidden.T.dot(error)
    b2 = b2 - 0.5 * error.sum()
    W1 = W1 - 0.5 * X.T.dot(d_hidden)
    b1 -= 0.5 * d_hidden.sum(axis=0)
    print(loss)
"""
BY_ROWS = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(5)
df = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
df["t"] = (df.a * df.b > 0) * 1.0
W, b, v, c = rng.normal(size=(2, 5)), np.zeros(5), rng.normal(size=5), 0.0
for i, row in df.iterrows():
    x = row[["a", "b"]].to_numpy()
    h = np.tanh(x @ W + b)
    o = 1 / (1 + np.exp(-(h @ v + c)))
    d = o - df["t"].iloc[i]
    dh = d * v * (1 - h * h)
    v -= 0.1 * d * h
    c -= 0.1 * d
    W -= 0.1 * np.outer(x, dh)
    b -= 0.1 * dh
"""
PROGRAMS = {"columns": COLUMNS, "arithmetic": ARITHMETIC, "by rows": BY_ROWS}
FAULTS = {
    "columns": ("(1 - h ** 2)", "(1 - h)"),
    "arithmetic": ("(1 - hidden ** 2)", "(1 - hidden)"),
    "by rows": ("(1 - h * h)", "(1 + h * h)"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_right_program_is_exact(name: str, tmp_path: Path) -> None:
    """Columns, whole tables and single rows are followed like arrays."""
    path = tmp_path / "train.py"
    path.write_text(PROGRAMS[name])
    trace = judged(path)
    assert (trace.status, trace.reason) == ("exact", "")
    assert len(trace.gradients) == 4


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wrong_line_is_named(name: str, tmp_path: Path) -> None:
    """A wrong derivative is found on its line, whatever the arrays are wrapped in."""
    right, faulty = FAULTS[name]
    text = PROGRAMS[name].replace(right, faulty)
    path = tmp_path / "train.py"
    path.write_text(text)
    trace = judged(path)
    lines = {g.explanation.span.line for g in wrong(trace) if g.explanation and g.explanation.span}
    assert lines == {text[: text.index(faulty)].count("\n") + 1}


@pytest.mark.parametrize("name", PROGRAMS)
def test_recording_changes_nothing(name: str) -> None:
    """What the program prints and computes is the same with and without recording."""
    assert_same(plain(PROGRAMS[name]), recorded(PROGRAMS[name]))


DATA = pd.DataFrame(np.arange(12.0).reshape(4, 3) ** 2, columns=list("abc"))
SAME = [
    ("add", (DATA, DATA), {}),
    ("subtract", (DATA, DATA.mean()), {}),
    ("dot", (DATA, np.ones((3, 2))), {}),
    ("sum", (DATA,), {}),
    ("mean", (DATA,), {"axis": 1}),
    ("exp", (DATA["a"],), {}),
]
OTHER = [
    ("std", (DATA,), {}),  # pandas divides by n - 1
    ("add", (DATA["a"], DATA["a"][::-1]), {}),  # rows meet by their labels
    ("apply", (DATA, np.ptp), {}),
    ("where", (DATA, DATA > 3), {}),
]


def _by_pandas(op: str, operands: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if op in ("add", "subtract", "exp"):
        return getattr(np, op)(*operands)
    return getattr(operands[0], op)(*operands[1:], **kwargs)


@pytest.mark.parametrize(("op", "operands", "kwargs"), SAME)
def test_an_operation_that_numpy_shares_keeps_its_name(op: str, operands: Any, kwargs: Any) -> None:
    """Where NumPy computes the same numbers from the arrays, its function stands for that of pandas."""
    result = _by_pandas(op, operands, kwargs)
    name, function, named = as_numpy(op, operands, kwargs, result)
    assert name == op
    assert function is not None
    arrays = [np.asarray(item) for item in operands]
    np.testing.assert_allclose(function(*arrays, **named), result.to_numpy())


@pytest.mark.parametrize(("op", "operands", "kwargs"), OTHER)
def test_an_operation_of_pandas_alone_is_opaque(op: str, operands: Any, kwargs: Any) -> None:
    """Where labels, n - 1 or a function of pandas make other numbers, nothing is pretended."""
    assert as_numpy(op, operands, kwargs, _by_pandas(op, operands, kwargs))[0] == "opaque"
