"""Call a function in a forked process, with a limit of time and memory; a crash or a hang is an outcome.

The parent has imported NumPy, SciPy, scikit-learn and unstuck, so that a call costs milliseconds, and whatever
a mutant does to the interpreter is gone with its process.
"""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
MEMORY = 4 << 30
PATIENCE = 6  # seconds of the clock for each of the processor


class Failed(Exception):
    """The function raised, crashed, or took too long; the text says which."""


def forked(function: Callable[[], Result], seconds: float) -> Result:
    """What the function returns in a process of its own; raises Failed when it returns nothing.

    The seconds are the processor's; a process that only waits gets several times as many of the clock's.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _answer(function, writer, seconds)
    os.close(writer)
    try:
        answer = _received(reader, PATIENCE * seconds)
    finally:
        os.close(reader)
        os.killpg(child, signal.SIGKILL) if _leads(child) else os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    kind, value = pickle.loads(answer) if answer else ("error", "the process died, or ran out of time")
    if kind == "error":
        raise Failed(value)
    return value  # type: ignore[no-any-return]


def cpu() -> float:
    """Seconds of the processor that this process and its ended children have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _answer(function: Callable[[], Any], writer: int, seconds: float) -> None:
    """In the child: call, send what comes out, and leave without any clean-up of the parent's."""
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        limit = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        try:
            answer = pickle.dumps(("value", function()))
        except BaseException:
            answer = pickle.dumps(("error", traceback.format_exc()))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)


def _received(reader: int, seconds: float) -> bytes:
    """Everything the child writes until it closes its end."""
    deadline, pieces = time.monotonic() + seconds, []
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise Failed(f"took longer than {seconds:g} s")
        piece = os.read(reader, 1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def _leads(child: int) -> bool:
    """Does the child lead a process group of its own by now?"""
    try:
        return os.getpgid(child) == child
    except ProcessLookupError:
        return False
