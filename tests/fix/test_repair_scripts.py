"""Whole programs with a fault of each kind are repaired, by the very text that they were made from."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unstuck.facts import Fix, Trace
from unstuck.fix.apply import apply_edits
from unstuck.fix.repair import repair
from unstuck.trace.job import Job
from unstuck.trace.running.sources import read_source
from unstuck.trace.trials import Trials

SCRIPTS = Path(__file__).parents[1] / "scripts"
ORIGINS = {fault["script"]: fault["origin"] for fault in json.loads((SCRIPTS / "faults.json").read_text())}
EARLY = 60  # candidates, which is a matter of seconds


@contextmanager
def recording(name: str) -> Iterator[tuple[Trials, Trace]]:
    """A script of the current folder: its trials, and its trace with explanations."""
    with Trials(Job(name), [read_source(name)], timeout=120) as trials:
        trace = trials.run((), seed=7, steps=20, explain=True)
        assert trace is not None
        assert trace.status == "wrong", trace.reason
        yield trials, trace


def meaning(text: str) -> str:
    """What makes two texts the same program."""
    return ast.dump(ast.parse(text))


def original(name: str) -> str:
    """The right program that a wrong one was made from."""
    return (SCRIPTS / "right" / f"{ORIGINS[name]}.py").read_text()


@pytest.mark.parametrize(
    "name",
    [
        "bias_never_moves.py",
        "duplicate_rows.py",
        "never_cleared.py",
        "outside_the_loop.py",
        "overwritten.py",
        "relu_ge_output.py",
        "wrong_time_input.py",
    ],
)
def test_a_fault_is_undone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verified fix gives back the right program; the search had only the wrong one."""
    monkeypatch.chdir(SCRIPTS / "wrong")
    with recording(name) as (trials, trace):
        fix = repair(trace, trials.run, budget_seconds=120)
    assert fix is not None
    assert meaning(fixed(name, fix)) == meaning(original(name))
    assert fix.proof is not None
    assert (fix.proof.seeds, fix.proof.residual_after < 1e-6) == (2, True)


def fixed(name: str, fix: Fix) -> str:
    """The text after the fix."""
    return apply_edits(Path(name).read_text(), fix.edits)


def test_two_faults_are_undone_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no single edit is enough, an edit that repairs a part is kept and the search goes on from there."""
    monkeypatch.chdir(tmp_path)
    right = (SCRIPTS / "right" / "deep.py").read_text()
    wrong = right
    for old, new in (("np.dot(a2.T, d3)", "np.dot(a1.T, d3)"), ("np.dot(d2, w2.T)", "np.dot(d2, w2)")):
        assert wrong.count(old) == 1
        wrong = wrong.replace(old, new)
    Path("net.py").write_text(wrong)
    with recording("net.py") as (trials, trace):
        fix = repair(trace, trials.run, budget_seconds=240)
    assert fix is not None
    assert meaning(fixed("net.py", fix)) == meaning(right)
    assert fix.diff.count("\n+") >= 3  # both lines, and the head
