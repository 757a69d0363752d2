"""Optimisers are read from the recorded steps, with their numbers, whatever the way in which they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstuck.facts import Trace
from unstuck.trace.session import Job, record

PROGRAM = """
import numpy as np
rng = np.random.RandomState(0)
n = 120
t = rng.rand(n) * 6.28
r = np.where(np.arange(n) % 2, 1.0, 2.0) + 0.15 * rng.randn(n)
X, Y = np.c_[r * np.cos(t), r * np.sin(t)] + 0.5, np.eye(2)[np.arange(n) % 2]
params = {"W1": rng.randn(2, 8) * 0.5, "b1": np.zeros(8), "W2": rng.randn(8, 2) * 0.3, "b2": np.zeros(2)}
m, v = ({k: np.zeros_like(w) for k, w in params.items()} for _ in range(2))
step = 0
for epoch in range(8):
    order = rng.permutation(n)
    for s in range(0, n, 20):
        xb, yb = X[order[s:s + 20]], Y[order[s:s + 20]]
        h = np.tanh(xb @ params["W1"] + params["b1"])
        e = np.exp(h @ params["W2"] + params["b2"])
        d2 = (e / e.sum(axis=1, keepdims=True) - yb) / len(xb)
        d1 = d2 @ params["W2"].T * (1 - h ** 2)
        grads = {"W2": h.T @ d2, "b2": d2.sum(0), "W1": xb.T @ d1, "b1": d1.sum(0)}
        step += 1
        for k in params:
            g = grads[k]
"""
ADAM_MEMORIES = ["m[k] = 0.9 * m[k] + 0.1 * g", "v[k] = 0.99 * v[k] + 0.01 * g ** 2"]
KNOWN = {
    "momentum in place of a gradient": (
        ["v[k] = 0.9 * v[k] + g", "params[k] -= 0.05 * v[k]"],
        {"optimiser": "momentum", "momentum": 0.9, "rate": 0.05},
    ),
    "momentum with a penalty on the weights": (
        ["g = g + 0.01 * params[k] * (k[0] == 'W')", "v[k] = 0.8 * v[k] - 0.05 * g", "params[k] += v[k]"],
        {"optimiser": "momentum", "momentum": 0.8, "rate": 0.05, "decay": 0.01, "decoupled": False},
    ),
    "decay of everything": (
        ["params[k] -= 0.1 * (g + 0.01 * params[k])"],
        {"optimiser": "sgd", "rate": 0.1, "decay": 0.01, "decay_biases": True},
    ),
    "Nesterov's momentum by the old and the new velocity": (
        ["old = v[k]", "v[k] = 0.9 * v[k] - 0.05 * g", "params[k] += -0.9 * old + 1.9 * v[k]"],
        {"optimiser": "nesterov", "momentum": 0.9, "rate": 0.05},
    ),
    "Adagrad": (
        ["v[k] += g * g", "params[k] -= 0.1 * g / (np.sqrt(v[k]) + 1e-7)"],
        {"optimiser": "adagrad", "epsilon": 1e-7, "rate": 0.1},
    ),
    "RMSprop": (
        ["v[k] = 0.9 * v[k] + 0.1 * g ** 2", "params[k] -= 0.01 * g / (np.sqrt(v[k]) + 1e-8)"],
        {"optimiser": "rmsprop", "memory": 0.9, "rate": 0.01},
    ),
    "Adam": (
        [
            *ADAM_MEMORIES,
            "mh, vh = m[k] / (1 - 0.9 ** step), v[k] / (1 - 0.99 ** step)",
            "params[k] -= 0.02 * mh / (np.sqrt(vh) + 1e-8)",
        ],
        {"optimiser": "adam", "momentum": 0.9, "memory": 0.99, "rate": 0.02},
    ),
    "AdamW": (
        [
            *ADAM_MEMORIES,
            "mh, vh = m[k] / (1 - 0.9 ** step), v[k] / (1 - 0.99 ** step)",
            "params[k] -= 0.02 * (mh / (np.sqrt(vh) + 1e-8) + 0.1 * (k[0] == 'W') * params[k])",
        ],
        {"optimiser": "adam", "momentum": 0.9, "rate": 0.02, "decay": 0.1, "decoupled": True},
    ),
}


def _recorded(folder: Path, update: list[str], program: str = PROGRAM) -> Trace:
    path = folder / "net.py"
    path.write_text(program + "".join(f"            {line}\n" for line in update))
    return record(Job(str(path)), timeout=60)


@pytest.mark.parametrize(("update", "wanted"), KNOWN.values(), ids=list(KNOWN))
def test_an_optimiser_is_read_with_its_numbers(
    tmp_path: Path, update: list[str], wanted: dict[str, object]
) -> None:
    """The recipe holds the optimiser that the script has written out, so that it can be retrained."""
    trace = _recorded(tmp_path, update)
    assert trace.recipe is not None, trace.recipe_reason
    found = {name: getattr(trace.recipe, name) for name in wanted}
    assert found == {n: pytest.approx(w, rel=1e-3) if isinstance(w, float) else w for n, w in wanted.items()}
    assert trace.recipe.layer_rates == ()


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (["params[k] -= 0.1 / (1 + 0.05 * step) * g"], "learning rate changes"),
        (["params[k] -= 0.1 * np.clip(g, -0.01, 0.01)"], "a clip or another rule"),
        (["params[k] -= 0.1 * np.sign(g)"], "no known loss and backward pass"),
    ],
    ids=["schedule", "clip", "sign"],
)
def test_what_the_engine_cannot_do_is_no_other_optimiser(
    tmp_path: Path, update: list[str], reason: str
) -> None:
    """An update that none of the known rules makes is said to be so, and nothing is retrained."""
    trace = _recorded(tmp_path, update)
    assert trace.recipe is None
    assert reason in trace.recipe_reason


def test_an_unknown_backward_pass_is_not_laid_at_the_door_of_the_optimiser(tmp_path: Path) -> None:
    """RMSprop along a derivative that the engine does not have: the reason speaks of both."""
    program = PROGRAM.replace("(1 - h ** 2)", "h")
    assert program != PROGRAM
    trace = _recorded(tmp_path, KNOWN["RMSprop"][0], program)
    assert trace.status == "wrong"
    assert "no backward pass and optimiser" in trace.recipe_reason
