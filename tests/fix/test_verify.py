"""Repair finds the edit that makes the gradients right, judged here by finite differences."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from places import span_of

from unstuck.facts import Edit, Explanation, Gradient, Source, Span, Status, Trace
from unstuck.fix.apply import apply_edits
from unstuck.fix.bench import Rerun
from unstuck.fix.candidates import proposals
from unstuck.fix.repair import repair
from unstuck.fix.verify import settled

RIGHT = """\
import numpy as np

def relu(x):
    return (x >= 0) * x

def relu2deriv(output):
    return output > 0

def forward(weights, x):
    layer_1 = relu(x @ weights["W1"])
    return layer_1, layer_1 @ weights["W2"]

def backward(weights, x, y):
    layer_1, layer_2 = forward(weights, x)
    delta_2 = layer_2 - y
    delta_1 = delta_2.dot(weights["W2"].T) * relu2deriv(layer_1)
    return {"W1": x.T.dot(delta_1), "W2": layer_1.T.dot(delta_2)}
"""


def differences(space: dict[str, Any], weights: dict[str, Any], x: Any, y: Any, name: str) -> Any:
    """The central finite difference of half the squared error by one weight matrix."""
    slope = np.zeros_like(weights[name])
    for place in np.ndindex(slope.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = {key: value.copy() for key, value in weights.items()}
            moved[name][place] += step
            ends.append(0.5 * np.sum((space["forward"](moved, x)[1] - y) ** 2))
        slope[place] = (ends[0] - ends[1]) / 2e-6
    return slope


def check(text: str, edits: tuple[Edit, ...], seed: int, steps: int = 12) -> Trace:
    """Run the edited program for some steps and compare its gradients with finite differences."""
    space: dict[str, Any] = {}
    exec(edited := apply_edits(text, edits), space)
    return judge(edited, space, np.random.default_rng(seed), steps)


def judge(text: str, space: dict[str, Any], rng: np.random.Generator, steps: int) -> Trace:
    """The trace of `steps` steps of training on random data."""
    weights = {"W1": rng.normal(size=(3, 3)), "W2": rng.normal(size=(3, 3))}
    worst = {"W1": 0.0, "W2": 0.0}
    outputs: tuple[float, ...] = ()
    for _ in range(steps):
        x, y = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
        outputs = outputs or tuple(space["forward"](weights, x)[1].ravel().tolist())
        written = space["backward"](weights, x, y)
        for name in weights:
            exact = differences(space, weights, x, y, name)
            gap = np.abs(written[name] - exact).max() / max(1e-9, np.abs(exact).max())
            worst[name] = max(worst[name], float(gap))
    span = Span("net.py", 1, 1, 1, 2)
    gradients = tuple(
        Gradient(name, span, "exact" if gap < 1e-4 else "wrong", 1.0, 1.0, gap, steps, np.ones(1), np.ones(1))
        for name, gap in worst.items()
    )
    status: Status = "exact" if all(gap < 1e-4 for gap in worst.values()) else "wrong"
    return Trace(
        (Source("net.py", text),), (), "numpy", status, "", steps=steps, gradients=gradients, forward=outputs
    )


def diagnosed(text: str, blamed: str, kind: str, exact: bool = True) -> Trace:
    """The trace of the program as written, with an explanation for its wrong gradients."""
    trace = check(text, (), seed=0)
    reason = Explanation(kind, "", span_of(text, blamed), exact=exact)
    gradients = tuple(
        replace(gradient, explanation=reason) if gradient.status == "wrong" else gradient
        for gradient in trace.gradients
    )
    assert trace.status == "wrong"
    return replace(trace, gradients=gradients)


def rerun_of(text: str, most: int = 12) -> Rerun:
    """The callable that repair needs; it never takes more than so many steps."""

    def rerun(edits: tuple[Edit, ...], *, seed: int, steps: int, explain: bool, **_: Any) -> Trace | None:
        try:
            return check(text, edits, seed, min(steps, most))
        except Exception:
            return None

    return rerun


@pytest.mark.parametrize(
    ("right", "wrong", "kind", "safety"),
    [
        ("output > 0", "output >= 0", "activation-derivative-one", "safe"),
        (" * relu2deriv(layer_1)", "", "activation-derivative-omitted", "safe"),
        ("layer_2 - y", "y - layer_2", "sign", "safe"),
        ('delta_2.dot(weights["W2"].T)', 'delta_2.dot(weights["W2"])', "transpose-missing", "safe"),
        ("layer_1.T.dot(delta_2)", "layer_1.T.dot(delta_1)", "", "review"),
        ("x.T.dot(delta_1)", "layer_1.T.dot(delta_1)", "other-operand", "safe"),
    ],
)
def test_repair_finds_the_slip(right: str, wrong: str, kind: str, safety: str) -> None:
    """For each slip the fix makes the gradients right on seeds of its own, and says how sure it is."""
    assert RIGHT.count(right) == 1
    text = RIGHT.replace(right, wrong)
    blamed = wrong or 'delta_2.dot(weights["W2"].T)'
    fix = repair(diagnosed(text, blamed, kind), rerun_of(text), budget_seconds=60, jobs=2)
    assert fix is not None
    assert check(text, fix.edits, seed=7).status == "exact"
    assert fix.safety == safety
    assert fix.proof is not None
    assert (fix.proof.seeds, fix.proof.steps) == (2, 12)
    assert fix.proof.residual_after < 1e-4 < fix.proof.residual_before
    assert fix.diff.startswith("--- a/net.py\n+++ b/net.py\n")


def told_of(text: str, *faults: tuple[str, str]) -> Trace:
    """The trace of a program whose wrong gradients have explanations of their own: what is blamed, in which words."""
    trace = check(text, (), seed=0)
    reasons = iter([Explanation("", words, span_of(text, blamed)) for blamed, words in faults])
    gradients = tuple(
        replace(gradient, explanation=next(reasons)) if gradient.status == "wrong" else gradient
        for gradient in trace.gradients
    )
    return replace(trace, gradients=gradients)


def counted(rerun: Rerun) -> tuple[Rerun, list[tuple[tuple[Edit, ...], bool]]]:
    """A callable that notes the edits of every run, and whether the run was a short one."""
    runs: list[tuple[tuple[Edit, ...], bool]] = []

    def noting(edits: tuple[Edit, ...], *, brief: bool, **options: Any) -> Trace | None:
        runs.append((edits, brief))
        return rerun(edits, brief=brief, **options)

    return noting, runs


def test_what_the_words_spell_out_needs_no_search() -> None:
    """The edit that an exact explanation names is verified at once: two runs of it, two of the program as written."""
    text = RIGHT.replace("layer_1.T.dot(delta_2)", "layer_1.T.dot(delta_1)")
    trace = told_of(text, ('"W2": layer_1.T.dot(delta_1)', "delta_1 stands where delta_2 belongs"))
    rerun, runs = counted(rerun_of(text))
    fix = repair(trace, rerun, budget_seconds=60, jobs=1)
    assert fix is not None
    assert (apply_edits(text, fix.edits), fix.safety) == (RIGHT, "safe")
    assert sorted((len(edits), brief) for edits, brief in runs) == [
        (0, True),
        (0, True),
        (1, False),
        (1, False),
    ]


def test_words_that_are_wrong_are_not_believed() -> None:
    """An edit that an explanation spells out is refused where it is not right, and the search goes on."""
    text = RIGHT.replace("layer_1.T.dot(delta_2)", "layer_1.T.dot(delta_1)")
    trace = told_of(text, ('"W2": layer_1.T.dot(delta_1)', "delta_1 stands where layer_2 belongs"))
    fix = repair(trace, rerun_of(text), budget_seconds=60)
    assert fix is not None
    assert check(text, fix.edits, seed=7).status == "exact"
    assert fix.safety == "review"


def test_two_steps_forward_are_one_fix() -> None:
    """Where two edits repair one half each, both together are verified, without a second search."""
    text = RIGHT.replace("layer_1.T.dot(delta_2)", "-layer_1.T.dot(delta_2)")
    text = text.replace("* relu2deriv(layer_1)", "* relu2deriv(layer_2)")
    trace = told_of(
        text,
        ("* relu2deriv(layer_2)", "layer_2 stands where layer_1 belongs"),
        ('"W2": -layer_1.T.dot(delta_2)', "the sign is wrong"),
    )
    rerun, runs = counted(rerun_of(text))
    fix = repair(trace, rerun, budget_seconds=60, jobs=1)
    assert fix is not None
    assert (apply_edits(text, fix.edits), fix.safety) == (RIGHT, "safe")
    assert sum(not brief for _, brief in runs) == 2


def test_the_smallest_explained_edit_wins() -> None:
    """`>=` becomes `>`, although multiplying by `(layer_1 > 0)` verifies as well."""
    text = RIGHT.replace("output > 0", "output >= 0")
    fix = repair(
        diagnosed(text, "output >= 0", "activation-derivative-one"), rerun_of(text), budget_seconds=60
    )
    assert fix is not None
    assert apply_edits(text, fix.edits) == RIGHT


def test_an_inexact_explanation_is_never_safe() -> None:
    """What only resembles the explanation is left to the user's review."""
    text = RIGHT.replace("output > 0", "output >= 0")
    trace = diagnosed(text, "output >= 0", "activation-derivative-one", exact=False)
    fix = repair(trace, rerun_of(text), budget_seconds=60)
    assert fix is not None
    assert fix.safety == "review"


def test_too_few_steps_prove_nothing() -> None:
    """With nine steps no edit is accepted, not even the right one."""
    text = RIGHT.replace("output > 0", "output >= 0")
    trace = diagnosed(text, "output >= 0", "activation-derivative-one")
    assert repair(trace, rerun_of(text, most=9), budget_seconds=60) is None


def test_changing_the_forward_pass_is_no_fix() -> None:
    """Gradients that are right because the network became another one are refused."""
    original, edited = (
        check(RIGHT, (), 1),
        check(RIGHT.replace('@ weights["W2"]', '@ weights["W2"] + 1'), (), 1),
    )
    assert settled(original, check(RIGHT, (), 1))
    assert edited.status == "exact"
    assert not settled(original, edited)
    assert not settled(replace(original, forward=()), replace(original, forward=()))


def test_a_gradient_that_can_no_longer_be_judged_is_no_fix() -> None:
    """A parameter that drops out of the check, or becomes "cannot tell", is refused."""
    original = check(RIGHT, (), 1)
    first, second = original.gradients
    assert not settled(original, replace(original, gradients=(first,)))
    assert not settled(original, replace(original, gradients=(first, replace(second, status="cannot-tell"))))
    assert settled(original, replace(original, gradients=(first, replace(second, status="scaled"))))


def test_time_is_kept() -> None:
    """Without budget nothing is accepted, and running trials are told to stop."""
    text = RIGHT.replace("output > 0", "output >= 0")
    trace = diagnosed(text, "output >= 0", "activation-derivative-one")
    told = threading.Event()

    def slow(edits: tuple[Edit, ...], *, seed: int, cancelled: Callable[[], bool], **_: Any) -> Trace:
        while edits and not cancelled():
            told.wait(0.01)
        if edits:
            told.set()
        return check(text, (), seed)

    assert repair(trace, slow, budget_seconds=0.3, jobs=3) is None
    assert told.is_set()
    assert repair(trace, rerun_of(text), budget_seconds=0) is None


def test_a_trace_without_wrong_gradients_needs_no_fix() -> None:
    """Nothing is proposed and nothing is run for a program that is right."""
    trace = check(RIGHT, (), 0)
    assert list(proposals(trace)) == [[], []]
    assert repair(trace, lambda *_, **__: pytest.fail("ran"), budget_seconds=60) is None


def test_an_error_in_the_recorder_is_not_swallowed() -> None:
    """A failure of our own in a trial comes out instead of looking like a candidate that failed."""
    text = RIGHT.replace("output > 0", "output >= 0")
    trace = diagnosed(text, "output >= 0", "activation-derivative-one")

    def broken(edits: tuple[Edit, ...], **_: Any) -> Trace:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        repair(trace, broken, budget_seconds=60)


def test_a_seed_under_which_the_training_ends_at_once_is_replaced() -> None:
    """Where too few steps say anything under a verifying seed, another is taken; without one, none is verified."""
    text = RIGHT.replace("output > 0", "output >= 0")
    trace = diagnosed(text, "output >= 0", "activation-derivative-one")

    def ending(*short: int) -> Rerun:
        def rerun(edits: tuple[Edit, ...], *, seed: int, **_: Any) -> Trace | None:
            try:
                return check(text, edits, seed, 6 if seed in short else 12)
            except Exception:
                return None

        return rerun

    fix = repair(trace, ending(101), budget_seconds=60)
    assert fix is not None
    assert fix.proof is not None
    assert fix.proof.steps == 12
    assert repair(trace, ending(101, 1101, 2101), budget_seconds=20) is None
