"""Expressions are evaluated where a statement stands, and those that compute a derivative are tried first."""

from __future__ import annotations

import contextlib
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from places import span_of

from unstuck.facts import Outcome, Probe, Trace
from unstuck.fix.apply import apply_edits
from unstuck.fix.candidates import proposals
from unstuck.fix.probing import ordered
from unstuck.trace.job import Job, from_json, to_json
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner

NET = """\
import numpy as np
rng = np.random.RandomState(4)
np.random.seed(8)
X = rng.randn(40, 3)
Y = np.sin(X @ rng.randn(3, 2))
W1, b1 = rng.randn(3, 5) * 0.7, rng.randn(5) * 0.1
W2, b2 = rng.randn(5, 2) * 0.7, rng.randn(2) * 0.1

def slope(h):
    result = 1.0
    for _ in range(1):
        result = result - h ** 2
    return result

for step in range(30):
    rows = np.random.permutation(40)[:10]
    x, y = X[rows], Y[rows]
    h = np.tanh(x @ W1 + b1)
    out = h @ W2 + b2
    d2 = (out - y) / len(x)
    dW2, db2 = h.T @ d2, d2.sum(axis=0)
    d1 = (d2 @ W2.T) * slope(h)
    dW1 = x.T @ d1
    db1 = d1.sum(axis=0)
    W2 -= 0.1 * dW2
    b2 -= 0.1 * db2
    W1 -= 0.1 * dW1
    b1 -= 0.1 * db1
"""


def recorded(
    text: str, probes: tuple[Probe, ...] = (), explain: bool = False
) -> tuple[Trace, dict[str, object]]:
    """The trace of the program in net.py, and the names that it left behind."""
    Path("net.py").write_text(text)
    recorder = Recorder(Job("net.py", steps=12, explain=explain, purpose="screen", probes=probes))
    left: dict[str, object] = {}

    with contextlib.suppress(runner.Stop, SystemExit):
        runner.run("net.py", [], module=False, transform=recorder.transform, namespace=recorder.namespace)
    for live in recorder.namespaces:
        left |= {name: np.array(live[name]) for name in ("W1", "W2", "b1", "b2") if name in live}
    return recorder.finish(Outcome(0, True, 0.0)), left


def test_values_are_told_from_derivatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right expression computes a derivative; a multiple of the program's, another shape and an error do not."""
    monkeypatch.chdir(tmp_path)
    wrong = NET.replace("d1 = (d2 @ W2.T) * slope(h)", "d1 = (d2 @ W2.T) * h")
    texts = ("(d2 @ W2.T) * h", "(d2 @ W2.T) * slope(h)", "(d2 @ W2.T) * (1 - h ** 2)", "(d2 @ W2.T) * h * 3",
             "1 * (d2 @ W2.T) * h", "d2", "nothing @ W2.T", "(d2 @ W2.T) * h ** 2")  # fmt: skip
    probe = Probe(span_of(wrong, "d1 = (d2 @ W2.T) * h"), texts)
    trace, _ = recorded(wrong, (probe,))
    assert trace.probes[0].found == (
        "same", "derivative", "derivative", "other", "same", "misfit", "fails", "other",
    )  # fmt: skip


def test_an_update_is_probed_in_the_shape_of_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added to a parameter must fit it: the gradients of other parameters fail."""
    monkeypatch.chdir(tmp_path)
    wrong = NET.replace("b1 -= 0.1 * db1", "b1 -= 0.1")
    probe = Probe(span_of(wrong, "b1 -= 0.1"), ("0.1", "0.1 * db1", "0.1 * dW2", "0.1 * db2"), "b1")
    trace, _ = recorded(wrong, (probe,))
    assert trace.probes[0].found == ("same", "derivative", "fails", "fails")


def test_a_probe_leaves_the_program_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters after the recorded steps are the same, though the expressions call the program's functions."""
    monkeypatch.chdir(tmp_path)
    span = span_of(NET, "d1 = (d2 @ W2.T) * slope(h)")
    _, bare = recorded(NET)
    _, probed = recorded(
        NET, (Probe(span, ("slope(h)", "slope(slope(x))", "slope(None)", "np.random.rand(3)")),)
    )
    assert bare.keys() == probed.keys() == {"W1", "W2", "b1", "b2"}
    assert all(np.array_equal(bare[name], probed[name]) for name in bare)  # type: ignore[arg-type]


def test_a_probe_travels_in_a_job() -> None:
    """A job with probes reads as it was written."""
    job = Job("net.py", probes=(Probe(span_of(NET, "db1 = d1.sum(axis=0)"), ("d1", "d1 * 2"), "b1"),))
    assert from_json(to_json(job)) == job


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("b1 -= 0.1 * db1", "b1 -= 0.1"),
        ("W1 -= 0.1 * dW1", "W1 -= 0.1"),
        ("d1 = (d2 @ W2.T) * slope(h)", "d1 = slope(h)"),
        ("d1 = (d2 @ W2.T) * slope(h)", "d1 = d2 @ W2.T"),
        ("dW1 = x.T @ d1", "dW1 = W1 * 2"),
    ],
)
def test_what_was_left_out_is_put_back_early(
    right: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among the first candidates after the evaluation is one that computes what the right program does."""
    monkeypatch.chdir(tmp_path)
    text = NET.replace(right, wrong)
    trace, _ = recorded(text, explain=True)
    assert trace.status == "wrong"
    found = ordered(
        trace, list(chain.from_iterable(proposals(trace))), lambda probes: recorded(text, probes)[0]
    )
    goal = left_by(NET)
    early = [next(found) for _ in range(6)]
    assert any(_leaves(apply_edits(text, item.edits), goal) for item in early), [item.title for item in early]


def left_by(text: str) -> dict[str, object]:
    """The parameters that a whole run of the program leaves behind."""
    names: dict[str, object] = {}
    exec(text, names)
    return {name: names[name] for name in ("W1", "W2", "b1", "b2")}


def _leaves(text: str, goal: dict[str, object]) -> bool:
    """Does the program leave these parameters?"""
    try:
        left = left_by(text)
    except Exception:  # a wrong candidate
        return False
    return left.keys() == goal.keys() and all(np.allclose(left[name], goal[name]) for name in goal)  # type: ignore[arg-type]
