"""The command line on a real (pseudo) terminal: the progress bar comes and goes and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")

PROGRAM = """
import sys, time, types
sys.path.insert(0, {tests!r})
from report.stuck_report import stuck_report

def diagnose(target, rest=(), *, progress, **options):
    for done in range(4):
        progress("retraining [red]", done / 4)
        time.sleep(0.06)
    if target == "stop.py":
        raise KeyboardInterrupt
    return stuck_report()

module = types.ModuleType("unstuck.conductor")
module.diagnose = diagnose
sys.modules["unstuck.conductor"] = module
from unstuck.cli import main
sys.exit(main(sys.argv[1:]))
"""


def on_terminal(arguments: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """The exit code and everything that appeared on the terminal."""
    tests = str(Path(__file__).parent.parent)
    inherited: Mapping[str, str] = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    settings = {"TERM": "xterm", "UNSTUCK_CACHE": str(folder / "cache"), **environment}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(tests=tests), *arguments],
        cwd=folder,
        env={**inherited, **settings},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux reports the end of a terminal as an error
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return process.wait(), seen.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two scripts."""
    (tmp_path / "train.py").write_text("")
    (tmp_path / "stop.py").write_text("")
    return tmp_path


def test_bar_comes_and_goes(folder: Path) -> None:
    """On a terminal a bar is drawn, then erased before the coloured report, and the cursor is back."""
    code, seen = on_terminal(["train.py"], folder)
    assert code == 0
    assert "retraining [red]" in seen
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") > 0
    bar, report = seen[: seen.rindex("\x1b[?25h")], seen[seen.rindex("\x1b[?25h") :]
    assert "error[" not in bar
    assert "\x1b[2K" in report  # the line of the bar is cleared
    assert "\x1b[1;31merror[G101]" in report


def test_interrupted_bar_gives_the_cursor_back(folder: Path) -> None:
    """After an interrupt the cursor is visible again and the exit code is 130."""
    code, seen = on_terminal(["stop.py"], folder)
    assert code == 130
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert "Traceback" not in seen


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})]
)
def test_no_colour(folder: Path, arguments: list[str], environment: dict[str, str]) -> None:
    """--no-color, NO_COLOR and a dumb terminal all mean: no colours in the report."""
    code, seen = on_terminal([*arguments, "-q", "train.py"], folder, **environment)
    assert code == 0
    assert "\x1b" not in seen
