"""Is a program that unstuck records still the same program?  Every bit of output and parameters is compared."""

from __future__ import annotations

import ast
import builtins
import contextlib
import hashlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from faults.forks import forked
from faults.programs import Program, on_disk, quietly
from faults.rails import HOOK, Loop, insert_hook, read
from unstuck.trace.job import Job
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner

CPU_SECONDS = 60


@dataclass(frozen=True)
class Ending:
    """What a run printed, and a digest of the parameters at the beginning of all its training steps."""

    printed: str
    steps: int
    parameters: str


def identical(program: Program, loop: Loop) -> dict[str, bool | int]:
    """Compare a bare run to the end with a recorded one."""
    with on_disk(program.texts):
        bare = forked(lambda: _run(program, loop, None), CPU_SECONDS)
        recorder = Recorder(Job(program.main, full_run=True))
        recorded = forked(lambda: _run(program, loop, recorder), CPU_SECONDS)
    return {
        "steps": bare.steps,
        "same_output": bare.printed == recorded.printed,
        "same_parameters": (bare.steps, bare.parameters) == (recorded.steps, recorded.parameters),
    }


def _run(program: Program, loop: Loop, recorder: Recorder | None) -> Ending:
    """One run to its end, with or without a recorder."""
    digest, steps = hashlib.sha256(), 0

    def hook(number: int) -> None:
        nonlocal steps
        steps += 1
        for value in read(program.parameters, _users_frame(program)).values():
            digest.update(value.tobytes())

    def transform(tree: ast.Module, filename: str) -> ast.Module:
        insert_hook(tree, Path(filename).name, loop.__eq__, [])
        ast.fix_missing_locations(tree)
        return recorder.transform(tree, filename) if recorder else tree

    setattr(builtins, HOOK, hook)
    printed = io.StringIO()
    names = recorder.namespace if recorder else {}
    with quietly(), contextlib.redirect_stdout(printed):
        runner.run(program.main, [], module=False, transform=transform, namespace=names)
    return Ending(printed.getvalue(), steps, digest.hexdigest())


def _users_frame(program: Program) -> FrameType:
    """Where the program called the hook; a recorded call goes through the recorder."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and Path(frame.f_code.co_filename).name not in program.texts:
        frame = frame.f_back
    assert frame is not None
    return frame
