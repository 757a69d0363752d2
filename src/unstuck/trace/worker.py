"""The child process of a recording: read the job, run the script under the recorder, save the trace.

Everything of our own goes through files in the folder of the job; stdin, stdout and stderr are the script's.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from unstuck.autodiff import effort
from unstuck.facts import Edit, Outcome, Source, Trace
from unstuck.trace import store
from unstuck.trace.job import READING, Job, from_json
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner
from unstuck.trace.running.modules import Territory
from unstuck.trace.running.seeding import seed_everything
from unstuck.trace.running.sources import apply_edits, read_source
from unstuck.trace.tape.warned import users_warnings

JOB = "job.json"
if sys.platform == "win32":  # the signal that means: come to an end
    ASK = signal.SIGBREAK
else:
    ASK = signal.SIGUSR1


def main(folder: str) -> NoReturn:
    """Do the job in `folder`, leave the trace there, and end as the script ended."""
    sys.exit(work(folder))


def work(folder: str) -> int:
    """Do the job in `folder` and leave the trace there; the exit code of the script."""
    job = from_json((Path(folder) / JOB).read_text(encoding="utf-8"))
    _prepare_streams()
    if job.seed is not None:
        seed_everything(job.seed, Territory(runner.home(job.path, job.module)).owns)
    edited = edited_texts(job.edits)
    recorder = Recorder(job)
    started = time.perf_counter()
    signal.signal(ASK, _stop)
    try:
        code, stopped = _run(job, recorder, edited), False
    except runner.Stop:
        code, stopped = 0, True
    (Path(folder) / READING).touch()
    signal.signal(ASK, _hurry)
    outcome = Outcome(code, stopped, time.perf_counter() - started)
    try:
        trace = recorder.finish(outcome)
    except Exception as error:  # an analysis that fails is a result
        trace = _failed(job, outcome, error)
    store.save(trace, folder)
    return code


def edited_texts(edits: tuple[Edit, ...]) -> dict[str, str]:
    """The text of every file that `edits` change, as changed, by path."""
    paths = dict.fromkeys(edit.span.path for edit in edits)
    return {
        path: apply_edits(read_source(path).text, [edit for edit in edits if edit.span.path == path])
        for path in paths
    }


def _run(job: Job, recorder: Recorder, edited: dict[str, str]) -> int:
    """Run the script; every recorded call takes one frame more, which must not cost it its depth of recursion."""
    sys.setrecursionlimit(3 * sys.getrecursionlimit())
    with users_warnings():
        return runner.run(
            job.path,
            job.argv,
            module=job.module,
            transform=recorder.transform,
            namespace=recorder.namespace,
            edited=edited,
        )


def _stop(number: int, frame: FrameType | None) -> None:
    raise runner.Stop


def _hurry(number: int, frame: FrameType | None) -> None:
    effort.stop()


def _prepare_streams() -> None:
    """Let lines leave as they are printed, and every character pass where the pipe's code page is small."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if "PYTHONIOENCODING" in os.environ else "utf-8"
            stream.reconfigure(encoding=encoding, errors=stream.errors, line_buffering=True)


def _failed(job: Job, outcome: Outcome, error: Exception) -> Trace:
    """The trace that says that the analysis itself broke down."""
    source = Source(job.path, "") if job.module else read_source(job.path)
    reason = f"the analysis of the recording failed: {type(error).__name__}: {error}"
    notes = ("".join(traceback.format_exception(error)),)
    return Trace((source,), job.argv, "", "cannot-tell", reason, outcome=outcome, notes=notes)
