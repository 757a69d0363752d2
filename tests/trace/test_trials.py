"""A trial is a fork of a warm process, as well fenced off as a recording of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unstuck.facts import Edit, Source, Span, Trace
from unstuck.trace import session
from unstuck.trace import trials as module
from unstuck.trace.job import Job
from unstuck.trace.nursery import imports_of
from unstuck.trace.session import record
from unstuck.trace.trials import Forked, Trials

NET = """\
import colorsys, os, subprocess, sys, time
import numpy as np

np.random.seed(0)
w, v = np.random.normal(size=(3, 4)), np.random.normal(size=(4, 2))
for i in range(400):
    x, y = np.random.normal(size=(5, 3)), np.random.normal(size=(5, 2))
    h = np.tanh(x @ w)
    d = h @ v - y
    e = d @ v.T * (1 - h ** 2)
    v -= 0.01 * h.T @ d
    w -= 0.01 * x.T @ e
    print(i, sys.argv, sys.stdin.read())
"""


def edit(old: str, new: str) -> Edit:
    """The edit of a piece of one line, which stands once in the text."""
    assert NET.count(old) == 1
    line = NET[: NET.index(old)].count("\n") + 1
    column = NET.split("\n")[line - 1].index(old) + 1
    return Edit(Span("net.py", line, column, line, column + len(old)), new)


CUBE = edit("h ** 2", "h ** 3")
PRINT = "print(i, sys.argv, sys.stdin.read())"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The small network in an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return Source("net.py", NET)


@pytest.fixture
def trials(script: Source) -> Iterator[Trials]:
    """The warm process for it."""
    with Trials(Job("net.py", ("-v",)), [script], timeout=60) as ready:
        yield ready


def short(trials: Trials, *edits: Edit, seed: int = 1, **options: object) -> Trace | None:
    """A short trial."""
    return trials.run(edits, seed=seed, steps=12, brief=True, **options)  # type: ignore[arg-type]


def test_a_trial_sees_what_a_recording_sees(script: Source, trials: Trials) -> None:
    """Parameters, verdicts and the numbers of the forward pass are those of a run in a fresh python."""
    forked = short(trials)
    fresh = record(Job("net.py", seed=1, steps=12, explain=False, purpose="screen"), timeout=60)
    assert forked is not None
    assert (forked.status, forked.steps, forked.forward) == (fresh.status, fresh.steps, fresh.forward)
    assert forked.status == "exact"
    assert forked.outcome is not None
    assert forked.outcome.stopped_early


def test_trials_do_not_see_each_other(trials: Trials) -> None:
    """An edit and a seed are one trial's own; the file keeps its text."""
    first, edited, again, other = (
        short(trials), short(trials, CUBE), short(trials), short(trials, seed=2),
    )  # fmt: skip
    assert first is not None
    assert edited is not None
    assert again is not None
    assert other is not None
    assert [trace.status for trace in (first, edited, again, other)] == ["exact", "wrong", "exact", "exact"]
    assert first.forward == edited.forward == again.forward != other.forward
    assert Path("net.py").read_text() == NET


@pytest.mark.parametrize(
    ("line", "seen"),
    [("os._exit(3)", False), ("1 / 0", True), ("sys.exit(4)", True), ("os.kill(os.getpid(), 9)", False)],
)
def test_a_trial_that_fails_harms_nobody(trials: Trials, line: str, seen: bool) -> None:
    """Whatever ends a trial, what was seen before comes back if the process lived, and the next trial works."""
    failed = short(trials, edit(PRINT, line))
    assert (failed is not None) == seen
    after = short(trials)
    assert after is not None
    assert after.status == "exact"


def test_a_cancelled_trial_leaves_nothing(tmp_path: Path, trials: Trials) -> None:
    """Once `cancelled` answers true the child is killed, with what it started."""
    child = "import os, time; open(str(os.getpid()), 'w'); time.sleep(600)"
    line = f"subprocess.run([sys.executable, '-c', {child!r}])"

    def started() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if path.name.isdigit()]

    assert short(trials, edit(PRINT, line), cancelled=lambda: bool(started())) is None
    (number,) = started()
    deadline = time.monotonic() + 10
    while alive(int(number)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(int(number))


def alive(number: int) -> bool:
    """Does a process of this number run (and not only wait to be buried)?"""
    try:
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return Path("/proc").exists() is False and os.kill(number, 0) is None


def test_a_trial_that_does_not_end_is_stopped(
    script: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its time is up a trial is asked to end, and what it has seen is kept."""

    def await_end(child: Forked, timeout: float, cancelled: Callable[[], bool]) -> str:
        """However busy the machine is, time begins to run when the trial has fallen asleep."""
        while not (tmp_path / "asleep").exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.1)
        return session.await_end(child, timeout, cancelled)

    monkeypatch.setattr(module, "await_end", await_end)
    with Trials(Job("net.py"), [script], timeout=0) as trials:
        trace = short(trials, edit(PRINT, "i == 12 and (open('asleep', 'w').close(), time.sleep(600))"))
    assert trace is not None
    assert trace.steps == 12


@pytest.mark.parametrize("reason", ["cannot fork", "has died"])
def test_without_a_warm_process_a_trial_is_a_recording(
    script: Source, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """Where nothing can be forked, or the warm process was killed, trials give the same answers."""
    monkeypatch.setattr(module, "CAN_FORK", reason != "cannot fork")
    with Trials(Job("net.py"), [script], timeout=60) as trials:
        if reason == "has died":
            assert trials._nursery is not None
            trials._nursery.kill()
            trials._nursery.wait()
        right, wrong = short(trials), short(trials, CUBE)
    assert right is not None
    assert wrong is not None
    assert (right.status, wrong.status) == ("exact", "wrong")


def test_nothing_is_left_behind(script: Source, tmp_path: Path) -> None:
    """After the last trial the warm process is gone, and so is its folder."""
    with Trials(Job("net.py"), [script], timeout=60) as trials:
        assert short(trials) is not None
    assert trials._nursery is not None
    assert trials._nursery.returncode is not None
    assert not Path(trials._folder.name).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["net.py"]


def test_what_the_files_import_is_known() -> None:
    """Absolute imports are found wherever they stand, relative ones and broken files are left out."""
    text = "import a.b as c, d\nfrom e import f\ndef g():\n    from h.i import j\nfrom . import k\n"
    assert imports_of([Source("x.py", text), Source("y.py", "import (")]) == [
        "a.b", "d", "e", "e.f", "h.i", "h.i.j",
    ]  # fmt: skip
