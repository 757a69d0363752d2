"""Record a script in a child process and bring its Trace home.

The script runs in a process of its own, so that a crash, an endless loop or a changed folder cannot hurt us.
When time is up the child is asked to save what it has; only then it is killed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import unstuck
from unstuck.cells import translated
from unstuck.facts import Outcome, Source, Trace
from unstuck.problems import Problem
from unstuck.trace import store
from unstuck.trace.job import READING, Job, to_json
from unstuck.trace.running.output import Output
from unstuck.trace.running.printed import parse
from unstuck.trace.running.sources import apply_edits, check_syntax, read_source

__all__ = ["Job", "record"]

GRACE = 30.0  # seconds that the child gets to finish its analysis once it was asked to come to an end
TAIL = 40  # lines of output that a Trace keeps
# The current folder must not be searched before the script's own: a random.py there would break numpy.
_LAUNCH = """
import sys
if not sys.flags.safe_path:
    del sys.path[0]
_, root, folder = sys.argv
known = root in sys.path
if not known:
    sys.path.append(root)
from unstuck.trace.worker import main
if not known:
    sys.path.remove(root)
main(folder)
"""
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "cv2": "opencv-python", "PIL": "pillow", "yaml": "pyyaml",
                  "skimage": "scikit-image", "bs4": "beautifulsoup4", "Image": "pillow"}  # fmt: skip


def record(
    job: Job,
    *,
    timeout: float,
    on_output: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Trace:
    """Run the job in a child process and return what its recorder learnt.

    timeout    seconds after which the child is asked to come to an end (and killed if it does not)
    on_output  gets the script's output piece by piece, from a reader's thread
    cancelled  asked ten times a second; once true the child is killed and the Trace says so

    Raises Problem when the script cannot be read or compiled, and when it fails before anything was learnt;
    its traceback then stands on stderr and the exit code is the script's.
    """
    sources = _sources(job)
    with tempfile.TemporaryDirectory(prefix="unstuck-") as folder:
        (Path(folder) / "job.json").write_text(to_json(job), encoding="utf-8")
        started = time.perf_counter()
        process = _start(job, folder)
        assert process.stdout is not None
        assert process.stderr is not None
        output = Output(process.stdout, process.stderr, on_output)
        try:
            ended = await_end(process, timeout, cancelled or (lambda: False))
        finally:
            kill(process, _own_session(job))
            output.finish()
        trace = load(folder)
        if trace is None and (Path(folder) / READING).exists():
            ended = {"asked": "reading", "by itself": "broken off"}.get(ended, ended)
    lines = tuple(output.lines)
    code = trace.outcome.exit_code if trace and trace.outcome else process.returncode
    if trace is None and (ended != "by itself" or code == 0):
        outcome = Outcome(code, ended != "by itself", time.perf_counter() - started)
        trace = Trace(sources, job.argv, "", "cannot-tell", _REASONS[ended], outcome=outcome)
    elif trace is None or (trace.steps == 0 and code != 0):
        raise _failure(job, sources[0], code, output)
    outcome = replace(trace.outcome or Outcome(code, False, 0.0), tail=lines[-TAIL:])
    return replace(trace, outcome=outcome, printed=trace.printed or parse(lines).last)


_REASONS = {
    "by itself": "the script ended its process before the recording could be saved (os._exit?)",
    "asked": "the script did not come to an end when its time was up and it was asked to",
    "reading": "the script was recorded, but the analysis of its training steps did not come to an end in time; "
    "a longer --timeout helps, or fewer samples in a step",
    "broken off": "the script was recorded, but the analysis of its training steps was ended from outside, "
    "perhaps because memory ran out; fewer samples in a step need less",
    "cancelled": "cancelled",
}


# ----- Before the start ---------------------------------------------------------------------------------


def _sources(job: Job) -> tuple[Source, ...]:
    """The main program as read; raises Problem for what python could not run."""
    path = _module_file(job.path) if job.module else job.path
    if path is None:
        return (
            Source(job.path, ""),
        )  # installed elsewhere; python's own search finds it, or says that it cannot
    source = read_source(path)
    check_syntax(source)
    for changed in dict.fromkeys(edit.span.path for edit in job.edits):
        text = read_source(changed).text
        edits = [edit for edit in job.edits if edit.span.path == changed]
        check_syntax(Source(changed, apply_edits(text, edits)))
    return (source,)


def _module_file(name: str) -> str | None:
    """The file of `python -m name` if it lies below the current folder."""
    base = os.path.join(*name.split("."))
    return next(
        (path for path in (base + ".py", os.path.join(base, "__main__.py")) if os.path.isfile(path)), None
    )


def _start(job: Job, folder: str) -> subprocess.Popen[bytes]:
    """The child process, with the user's own environment and, for the first recording, the user's stdin."""
    return subprocess.Popen(
        command("worker", folder),
        stdin=None if job.purpose == "diagnose" else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(job),
        start_new_session=_own_session(job),
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows: lets a signal reach it
    )


def command(module: str, folder: str) -> list[str]:
    """How to start `main(folder)` of a module of this floor in a fresh python."""
    root = str(Path(unstuck.__file__).resolve().parents[1])
    return [sys.executable, "-c", _LAUNCH.replace("trace.worker", f"trace.{module}"), root, folder]


def environment(job: Job) -> dict[str, str]:
    """The user's environment, with what makes the run repeatable and harmless."""
    variables = {"MPLBACKEND": "agg"} | dict(os.environ)  # no window may wait for somebody to close it
    if job.seed is not None:
        variables.setdefault("PYTHONHASHSEED", str(job.seed % 2**32))
    if job.purpose != "diagnose":  # many of these run side by side
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            variables.setdefault(name, "1")
    return variables


def _own_session(job: Job) -> bool:
    """A session of its own lets us end the script's children too, but it could not read from a terminal."""
    if job.purpose != "diagnose":
        return True
    try:
        return not os.isatty(0)
    except OSError:
        return True


# ----- While it runs ------------------------------------------------------------------------------------


class Process(Protocol):
    """What is needed of a running child: all of it is in subprocess.Popen."""

    pid: int

    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


def await_end(process: Process, timeout: float, cancelled: Callable[[], bool]) -> str:
    """Wait for the end and say how it came: "by itself", "asked" or "cancelled"."""
    deadline = time.monotonic() + timeout
    asked = -1.0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            return "asked" if asked > 0 else "by itself"
        now = time.monotonic()
        if cancelled():
            return "cancelled"
        if now > deadline + GRACE:
            return "asked"
        if now > deadline and now > asked + 1:  # again and again: a bare except may swallow it
            asked = now
            _ask(process)


def _ask(process: Process) -> None:
    """Ask the worker to stop the script and to save what it has."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.send_signal(signal.SIGUSR1)


def kill(process: Process, own_session: bool) -> None:
    """End the child, and with it what it started where that can be told from our own processes."""
    if own_session and process.pid and sys.platform != "win32":
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(OSError):
        process.kill()
    process.wait()


# ----- After the end ------------------------------------------------------------------------------------


def load(folder: str) -> Trace | None:
    """The trace that the child left, if it got that far."""
    with suppress(FileNotFoundError):
        return store.load(folder)
    return None


def _failure(job: Job, source: Source, code: int, output: Output) -> Problem:
    """The Problem of a script that failed; its own words are passed on to stderr first."""
    said = list(output.errors) or list(output.lines)[-TAIL:]
    if job.purpose == "diagnose" and said:
        print("\n".join(translated(line, source) for line in said), file=sys.stderr)
    last = said[-1] if said else ""
    absent = re.match(r"ModuleNotFoundError: No module named '(\w+)", last)
    if absent and not _own_module(job, absent[1]):
        return _missing(job, absent[1], code)
    if code < 0:
        return Problem(f"{job.path} was killed by signal {signal.Signals(-code).name}", exit_code=128 - code)
    hint = "it has to run under plain python first" if last else "it printed nothing on stderr"
    return Problem(
        f"{job.path} failed with exit code {code} before a training step was seen", hint, exit_code=code
    )


def _own_module(job: Job, name: str) -> bool:
    """Does the user's own folder hold something of this name?"""
    folder = Path.cwd() if job.module else Path(job.path).parent
    return (folder / name).exists() or (folder / f"{name}.py").exists()


def _missing(job: Job, name: str, code: int) -> Problem:
    """A package that the user has elsewhere: say how to run unstuck there."""
    package = _DISTRIBUTIONS.get(name, name)
    command = " ".join(["unstuck", *(["-m"] if job.module else []), job.path, *job.argv])
    hint = (
        "install unstuck where the script runs (pip install unstuck), "
        f"or run: uv run --with unstuck --with {package} {command}"
    )
    return Problem(f"{job.path} imports {name}, which this environment lacks", hint, exit_code=code)
