"""Records and judges one script inside this process, and leaves the process as it was."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unstuck.facts import Gradient, Outcome, Trace
from unstuck.trace.job import Job
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner


def judged(path: Path) -> Trace:
    """What the recorder says about a script; the recipe and the learning curve are left out."""
    recorder = Recorder(Job(path.name, purpose="verify"))
    with _as_it_was(path.parent):
        with contextlib.suppress(runner.Stop, SystemExit):
            transform, namespace = recorder.transform, recorder.namespace
            runner.run(path.name, [], module=False, transform=transform, namespace=namespace)
        return recorder.finish(Outcome(0, True, 0.0))


def changed(path: Path, text: str, *changes: tuple[str, str]) -> Path:
    """The path, where the text is written with one part after the other replaced; each must be there."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


@contextlib.contextmanager
def _as_it_was(folder: Path) -> Iterator[None]:
    modules, main, path, argv, cwd = (
        set(sys.modules),
        sys.modules["__main__"],
        [*sys.path],
        sys.argv,
        Path.cwd(),
    )
    state = np.random.get_state()
    os.chdir(folder)
    try:
        silence = io.StringIO()
        with (
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
            np.errstate(all="ignore"),
        ):
            yield
    finally:
        os.chdir(cwd)
        np.random.set_state(state)
        sys.path[:], sys.argv, sys.modules["__main__"] = path, argv, main
        for name in set(sys.modules) - modules:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).is_relative_to(folder):
                del sys.modules[name]


def wrong(trace: Trace) -> list[Gradient]:
    """The gradients that are called wrong."""
    return [gradient for gradient in trace.gradients if gradient.status == "wrong"]
