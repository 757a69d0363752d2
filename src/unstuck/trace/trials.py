"""Run one program again and again with small changes, quickly: every trial is a fork of one warm process.

Where a process cannot be forked, and when the warm one has died, a trial is an ordinary recording in a fresh
python.  Either way a trial has a process, a session and a folder of its own, an empty stdin, and is killed with
everything that it started.  What it prints is dropped.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from unstuck.facts import Edit, Probe, Source, Trace
from unstuck.problems import Problem
from unstuck.trace.job import Job, to_json
from unstuck.trace.nursery import CAN_FORK, MODULES, imports_of
from unstuck.trace.session import await_end, command, environment, kill, load, record
from unstuck.trace.worker import JOB


class Trials:
    """Runs variants of the program of `job`; use it as a context manager, from as many threads as you like.

    job      the order that the recording followed; seed, edits, purpose and length are each trial's own
    sources  the files that the recording read: what they import is imported once for all trials
    timeout  seconds after which a trial is asked to come to an end
    """

    def __init__(self, job: Job, sources: Iterable[Source], *, timeout: float) -> None:
        self._job = replace(job, run_seconds=0.0, full_run=False, purpose="verify", seed=0)
        self._modules = imports_of(sources)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._nursery: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="unstuck-", ignore_cleanup_errors=True)
        if CAN_FORK:
            (Path(self._folder.name) / MODULES).write_text(json.dumps(self._modules), encoding="utf-8")
            self._orders, theirs = socket.socketpair()
            with theirs:
                self._nursery = subprocess.Popen(
                    command("nursery", self._folder.name),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment(self._job),
                    start_new_session=True,
                )
        return self

    def __exit__(self, *_: object) -> None:
        if self._nursery is not None:
            self._orders.close()
            kill(self._nursery, own_session=True)
        self._folder.cleanup()

    def run(
        self,
        edits: tuple[Edit, ...],
        *,
        seed: int,
        steps: int,
        brief: bool = False,
        explain: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
        probes: tuple[Probe, ...] = (),
    ) -> Trace | None:
        """The trace of the edited program; None when it failed, was killed or cancelled.

        brief    only the first steps; otherwise some later ones too
        explain  look for the altered rule behind a wrong gradient
        probes   evaluate these on the way, instead of judging the run
        """
        job = replace(self._job, edits=edits, seed=seed, steps=steps, explain=explain, probes=probes)
        job = replace(job, purpose="screen") if brief else job
        line = self._order()
        if line is None:
            with suppress(Problem):
                return record(job, timeout=self._timeout, cancelled=cancelled)
            return None
        with tempfile.TemporaryDirectory(dir=self._folder.name, ignore_cleanup_errors=True) as folder:
            (Path(folder) / JOB).write_text(to_json(job), encoding="utf-8")
            child = Forked(line, folder)
            try:
                await_end(child, self._timeout, cancelled)
            finally:
                kill(child, own_session=True)
            return load(folder)

    def _order(self) -> socket.socket | None:
        """Our end of the line to a new child; None when there is no warm process."""
        if self._nursery is None:
            return None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    socket.send_fds(self._orders, [b"!"], [theirs.fileno()])
            except OSError:  # it has died
                ours.close()
                return None
        return ours


class Forked:
    """A child of the warm process at the other end of `line`, with the manners of subprocess.Popen."""

    def __init__(self, line: socket.socket, folder: str) -> None:
        self._line = line
        self.pid = 0  # not known before it says so
        self._heard = b""
        with suppress(OSError):
            line.sendall(f"{folder}\n".encode())

    def wait(self, timeout: float | None = None) -> int:
        """Until the child says that it is done, or is gone; raises TimeoutExpired as Popen does."""
        deadline = time.monotonic() + (timeout or 0.0)
        while self._heard.count(b"\n") < 2 and self._line.fileno() >= 0:
            left = deadline - time.monotonic()
            if timeout is not None and (left < 0 or not select.select([self._line], [], [], left)[0]):
                raise subprocess.TimeoutExpired("a trial", timeout)
            piece = b""
            with suppress(OSError):
                piece = self._line.recv(64)
            if not piece:
                break
            self._heard += piece
            if not self.pid and b"\n" in self._heard:
                self.pid = int(self._heard.split(b"\n")[0])
        return 0

    def send_signal(self, sig: int) -> None:
        """Send a signal to the child alone."""
        if self.pid:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End the child if it still lives, and hang up."""
        self.send_signal(signal.SIGKILL)
        self._line.close()
