"""The fault-injection benchmark breaks programs as it says, and knows without unstuck what it has broken."""

from __future__ import annotations

import ast
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from faults import expressions, operands, statements  # noqa: F401  (they fill the table of operators)
from faults.changes import OPERATORS, Scope
from faults.fields import is_gradient
from faults.forks import Failed, forked
from faults.mutants import Mutant, mutants
from faults.programs import PROBES, Program, program
from faults.source import File, applied
from faults.styles import STYLE, STYLES
from faults.table import markdown, share
from faults.trials import Options, tried
from faults.truth import Reference, compare, reference, truth
from resumable import append, read

BACKWARD = """\
def dsigmoid(a):
    return a * (1 - a)
def dtanh(a):
    return 1 - a ** 2
for x, t in rows:
    h = sigmoid(x @ W1)
    mask = np.random.rand(3) < 0.5
    err = out - t
    d1 = err @ W2.T * dsigmoid(h) * mask
    gW += h.T @ err
    gb = d1.sum(axis=0)
    np.add.at(E, idx, d1)
    keep = params[1].copy()
    W1 -= lr * gW
W2 = W2 - lr * (h > 0)
"""
BROKEN = [
    ("comparison", "W2 = W2 - lr * (h >= 0)"),
    ("plus for minus", "W2 = W2 + lr * (h > 0)"),
    ("times for divide", "d1 = err @ W2.T / dsigmoid(h) * mask"),
    ("minus added", "err = -(out - t)"),
    ("factor dropped", "d1 = err @ W2.T * dsigmoid(h)"),
    ("factor dropped", "d1 = (err @ W2.T) * mask"),
    ("term dropped", "err = out"),
    ("call dropped", "d1 = err @ W2.T * h * mask"),
    ("call dropped", "gb = d1"),
    ("power dropped", "return 1 - a"),
    ("copy dropped", "keep = params[1]"),
    ("transpose", "gW += h @ err"),
    ("transpose", "gW += h.T @ err.T"),
    ("operands swapped", "gW += err @ h.T"),
    ("operands swapped", "err = t - out"),
    ("axis", "gb = d1.sum(axis=1)"),
    ("axis", "gb = d1.sum()"),
    ("other variable", "gW += x.T @ err"),
    ("other function", "d1 = err @ W2.T * dtanh(h) * mask"),
    ("mask redrawn", "d1 = err @ W2.T * dsigmoid(h) * (np.random.rand(3) < 0.5)"),
    ("index", "keep = params[2].copy()"),
    ("constant", "return 1 - a ** 1"),
    ("statement deleted", None),
    ("= for +=", "gW = h.T @ err"),
    ("+= for =", "gb += d1.sum(axis=0)"),
    ("sign of update", "W1 += lr * gW"),
    ("out of the loop", "W1 -= lr * gW"),
    ("into the loop", "W2 = W2 - lr * (h > 0)"),
    ("repeated indices", "E[idx] += d1"),
]


@pytest.mark.parametrize(("name", "line"), BROKEN)
def test_an_operator_writes_the_line_that_its_name_promises(name: str, line: str | None) -> None:
    """Every operator yields the promised line, and every text that it yields differs from the original."""
    file = File("train.py", BACKWARD)
    shapes = {"h": (4, 3), "x": (4, 3), "err": (4, 2)}
    scope = Scope(file, shapes, {1: ("dsigmoid", "dtanh")}, frozenset({"W1", "W2"}))
    texts = [
        applied(file.text, change.edits)
        for node in ast.walk(file.tree)
        for change in OPERATORS[name](scope, node)
    ]
    assert file.text not in texts
    original = sum(each.strip() == line for each in file.text.split("\n"))
    if line is None:
        assert any(len(text.split("\n")) < len(file.text.split("\n")) for text in texts)
    elif original:
        moved = [text for text in texts if [each for each in text.split("\n") if each.strip() == line]]
        assert any(_indent(text, line) != _indent(file.text, line) for text in moved)
    else:
        assert any(line in (each.strip() for each in text.split("\n")) for text in texts)


def _indent(text: str, line: str) -> int:
    return next(len(each) - len(each.lstrip()) for each in text.split("\n") if each.strip() == line)


# ----- The truth ----------------------------------------------------------------------------------------

START = np.array([3.0, -1.0])
STEPS = [np.array([0.1, 0.2]), np.array([-0.3, 0.1]), np.array([0.2, -0.2])]
RAILS = [{"W": START + sum(STEPS[:k], np.zeros(2))} for k in range(4)]
MOVES = {
    "equivalent": STEPS,
    "scale": [3 * step for step in STEPS],
    "effective": [-step for step in STEPS],
    "penalty": [step - 0.01 * rail["W"] for step, rail in zip(STEPS, RAILS, strict=False)],
    "nan": [np.full(2, np.nan)] * 3,
}


@pytest.mark.parametrize("verdict", MOVES)
def test_moves_are_told_apart(verdict: str) -> None:
    """Equal, multiplied, reversed, decayed and undefined steps each get their own verdict."""
    assert compare(list(pairwise(RAILS)), [{"W": move} for move in MOVES[verdict]]).verdict == verdict


def test_a_factor_that_changes_is_a_fault() -> None:
    """Steps along the right direction, but with another factor each, are not a scale."""
    moved = [{"W": factor * step} for factor, step in zip((1, 2, 3), STEPS, strict=True)]
    assert compare(list(pairwise(RAILS)), moved).verdict == "effective"


def test_a_parameter_that_never_moves_is_wrong() -> None:
    """No move at all is no scale of the right one."""
    assert compare(list(pairwise(RAILS)), [{"W": np.zeros(2)}] * 3).wrong == ["W"]


def test_a_parameter_that_stands_still_in_both_is_right() -> None:
    """A network that is trained elsewhere says nothing about the mutant."""
    still = [{**rail, "V": START} for rail in RAILS]
    assert (
        compare(list(pairwise(still)), [{"W": step, "V": np.zeros(2)} for step in STEPS]).verdict
        == "equivalent"
    )
    assert compare(list(pairwise(still)), [{"W": step, "V": step} for step in STEPS]).wrong == ["V"]


def test_a_constant_factor_ahead_of_an_optimiser_is_a_scale() -> None:
    """Half of the gradient is no fault where a normalising optimiser makes another path of it, minus is one."""
    optimisers = program("optimisers")
    known = forked(lambda: reference(optimisers), 60)
    assert known is not None
    (name, text), *_ = ((n, t) for n, t in optimisers.texts.items() if "dout = 2 * (" in t)
    verdicts = [
        forked(
            lambda factor=factor: truth(
                optimisers,
                known,
                {**optimisers.texts, name: text.replace("dout = 2 * (", f"dout = {factor} * (")},
            ),
            60,
        ).verdict
        for factor in (1, -2)
    ]
    assert verdicts == ["scale", "effective"]


BENT = {
    "xs.T @ back + lam * W": "penalty",
    "xs.T @ back - lam * np.sign(W)": "penalty",
    "2 * xs.T @ back + 2 * lam * np.sign(W)": "scale",
    "-xs.T @ back + lam * np.sign(W)": "effective",
}


@pytest.mark.parametrize(("gradient", "verdict"), BENT.items())
def test_another_penalty_ahead_of_an_optimiser_is_a_choice(gradient: str, verdict: str) -> None:
    """Another weight decay is no fault, although Adagrad makes another path of it; a sign of the error is one."""
    adagrad = program("adagrad_l1")
    known = forked(lambda: reference(adagrad), 60)
    assert known is not None
    text = adagrad.texts[adagrad.main].replace("xs.T @ back + lam * np.sign(W)", gradient)
    assert forked(lambda: truth(adagrad, known, {adagrad.main: text}), 60).verdict == verdict


LABELS = {
    "W2 = W2 - lr * (h > 0)": ("plus for minus", "sign"),
    "d1 = err @ W2.T * dsigmoid(h) * mask": ("factor dropped", "dropout-mask-missing"),
    "return a * (1 - a)": ("factor dropped", "activation-derivative-of-output"),
    "gW += h.T @ err": ("other variable", "wrong-operand"),
}


@pytest.mark.parametrize("line", LABELS)
def test_a_mutant_says_which_explanations_are_right(line: str) -> None:
    """The name of what is really wrong is among the right explanations, and "something is wrong" never is."""
    name, kind = LABELS[line]
    file = File("train.py", BACKWARD)
    scope = Scope(file, {"h": (4, 3), "x": (4, 3)}, {}, frozenset({"W1", "W2"}))
    place = 1 + next(i for i, each in enumerate(BACKWARD.split("\n")) if each.strip() == line)
    changes = [
        change
        for node in ast.walk(file.tree)
        if getattr(node, "lineno", 0) == place
        for change in OPERATORS[name](scope, node)
    ]
    assert any(kind in change.explained_by for change in changes)
    assert all("error-wrong" not in change.explained_by for change in changes)


@pytest.fixture(scope="module")
def right() -> tuple[Program, Reference]:
    """A small right program and what is known about it."""
    regression = program("regression_tanh")
    known = forked(lambda: reference(regression), 60)
    assert known is not None
    return regression, known


@pytest.fixture(scope="module")
def broken(right: tuple[Program, Reference]) -> dict[str, Mutant]:
    """Its mutants, by the lines that they change it to."""
    return {" ".join(mutant.after.split()): mutant for mutant in mutants(*right, seed=0)}


TRUTHS = {
    "db2 = g.sum(keepdims=True)": "equivalent",  # the layer has one output
    "dz = dh": "effective",
    "dW2 = -(h.T.dot(g))": "effective",
    "g = 1 * diff / len(x)": "scale",
    "g = 2.0 * diff * len(x)": "scale",
    "diff = y_hat + y": "forward",
    "dW1 = dz.dot(x.T)": "crash",
}


@pytest.mark.parametrize(("line", "verdict"), TRUTHS.items())
def test_the_truth_about_a_mutant(
    line: str, verdict: str, right: tuple[Program, Reference], broken: dict[str, Mutant]
) -> None:
    """A missing derivative is a fault; a factor, an equal sum, another loss and a crash are none."""
    regression, known = right
    mutant = broken[line]
    assert forked(lambda: truth(regression, known, mutant.texts(regression)), 60).verdict == verdict


FIELDS = {
    "g = 2.0 * y_hat / len(x)": True,  # half the squared output, which wants no target
    "dW2 = -(h.T.dot(g))": False,  # up in one layer, down in the other
    "dz = dh": False,
}


@pytest.mark.parametrize(("line", "field"), FIELDS.items())
def test_a_step_is_a_gradient_or_is_none(line: str, field: bool, right: tuple[Program, Reference]) -> None:
    """Another error has another loss; a slip on the way back is the derivative of nothing."""
    regression, known = right
    old = next(
        each
        for each in regression.texts[regression.main].splitlines()
        if each.split(" =")[0].strip() == line.split()[0]
    )
    texts = {regression.main: regression.texts[regression.main].replace(old, "    " + line)}
    assert known.descends
    assert forked(lambda: is_gradient(regression, texts, known.probed), 60) is field


def test_the_truth_about_an_unchanged_program(right: tuple[Program, Reference]) -> None:
    """The right program is equivalent to itself."""
    regression, known = right
    assert forked(lambda: truth(regression, known, regression.texts), 60).verdict == "equivalent"


def test_every_mutant_is_drawn_from_a_training_step(
    right: tuple[Program, Reference], broken: dict[str, Mutant]
) -> None:
    """No mutant touches a line before the training loop, and each differs in meaning from all others."""
    _, known = right
    first = min(line for _, line in known.lines)
    assert all(max(mutant.lines) >= first for mutant in broken.values())
    assert len({ast.dump(ast.parse(mutant.text)) for mutant in broken.values()}) == len(broken)


def test_a_few_mutants_from_end_to_end() -> None:
    """Each effective mutant gets a verdict, and the row says what is needed to repeat it."""
    rows = list(tried(program("softmax_regression"), Options(enough=2, fix=0.0), {}))
    assert rows[0]["truth"] == "right"
    assert rows[0]["same_output"]
    assert rows[0]["same_parameters"]
    effective = [row for row in rows if row["truth"] == "effective"]
    assert len(effective) == 2
    assert all(row["status"] in ("exact", "scaled", "wrong", "cannot-tell") for row in effective)
    assert all(ast.parse(row["text"]) and row["wrong"] for row in effective)
    done = {row["key"]: row for row in rows}
    assert list(tried(program("softmax_regression"), Options(enough=2, fix=0.0), done)) == []


# ----- The means ----------------------------------------------------------------------------------------


def test_a_hang_a_crash_and_an_exception_are_outcomes() -> None:
    """Whatever happens in a forked process, its parent lives on and hears of it."""
    assert forked(lambda: 42, 5) == 42
    with pytest.raises(Failed, match="longer"):
        forked(lambda: time.sleep(60), 0.05)
    with pytest.raises(Failed, match="died"):
        forked(lambda: os._exit(3), 5)
    with pytest.raises(Failed, match="ZeroDivisionError"):
        forked(lambda: 1 / 0, 5)


def test_an_interval_is_that_of_clopper_and_pearson() -> None:
    """The interval of a share comes from the beta distribution."""
    part, low, high = share(7, 20)
    assert (part, low, high) == pytest.approx((0.35, beta.ppf(0.025, 7, 14), beta.ppf(0.975, 8, 13)))


def test_the_table_counts_effective_mutants_only() -> None:
    """Scales and equivalent mutants stand beside the table, not in it."""
    row = {
        "program": "deep",
        "kind": "sign",
        "operator": "minus added",
        "status": "wrong",
        "rank": 1,
        "exact": True,
    }
    rows = [{**row, "truth": "effective"}, {**row, "truth": "scale"}, {**row, "truth": "equivalent"}]
    text = markdown(rows)
    assert "1 effective mutants" in text
    assert "1 equivalent" in text
    assert "| sign | 1 | 100% |" in text


def test_fixes_are_counted_among_those_that_were_sought() -> None:
    """A mutant outside the sample is not one that could not be fixed."""
    row = {"program": "deep", "kind": "sign", "operator": "x", "status": "wrong", "rank": 1, "exact": True}
    rows = [{**row, "truth": "effective", **more} for more in ({}, {"fixed": True}, {"fixed": False})]
    assert "| sign | 3 | 100% | 100% | 100% | 100% | 50% |" in markdown(rows)


def test_every_program_has_one_style() -> None:
    """The table by style counts every program of the corpus once."""
    listed = [name for names in STYLES.values() for name in names.split()]
    assert sorted(listed) == sorted(PROBES)
    assert len(STYLE) == len(listed)


def test_a_run_goes_on_from_its_file(tmp_path: Path) -> None:
    """Rows come back as they were written; without a file there are none, and nothing is written."""
    rows = [{"key": "a", "rank": 1}, {"key": "b", "rank": 0}]
    for row in rows:
        append(tmp_path / "rows.jsonl", row)
        append(None, row)
    assert read(tmp_path / "rows.jsonl") == rows
    assert read(tmp_path / "none.jsonl") == read(None) == []
