"""A process that has done every import and then stays at the door: for each order it forks a child that does one job.

Most of the time of a short recording goes into imports.  Here they happen once, before the first order: our own
recorder, and the packages that the user's files name.  The user's own modules are never among them; each child
reads, edits and runs them anew.  Forking later still, at the first training step, would also save the loading of
data; but code that is running cannot be exchanged, so every candidate would have to be compiled into the program
beforehand.  Measured on the programs of our corpus that would at best halve a trial of about 0.1 s; forking
here took it down from 1.3 s.

An order is one byte on our stdin, which is a socket, and with it a socket of the child's own.  There the child
reads the folder of its job, says its process number, says when it is done, and stays until the line is closed:
so nobody else gets that number before everything that the program started has been ended.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from unstuck.facts import Source
from unstuck.trace.running.sources import parsed
from unstuck.trace.worker import work

MODULES = "modules.json"
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")


def imports_of(sources: Iterable[Source]) -> list[str]:
    """The modules that these files name in absolute imports, in order; some may turn out to be functions."""
    found: dict[str, None] = {}
    for source in sources:
        with suppress(SyntaxError):
            for node in ast.walk(parsed(source.text)):
                found |= dict.fromkeys(_imported(node))
    return list(found)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def main(folder: str) -> NoReturn:
    """Import what the file in `folder` lists, then fork a child per order until the line is closed."""
    _warm(json.loads((Path(folder) / MODULES).read_text(encoding="utf-8")))
    orders = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    gc.collect()
    gc.freeze()  # the children share our pages as long as nobody writes to them
    children: set[int] = set()
    while True:
        order, lines, *_ = socket.recv_fds(orders, 1, 1)
        children -= set(_ended())
        if not order:
            for child in children:
                with suppress(OSError):
                    os.killpg(child, signal.SIGKILL)
            os._exit(0)
        child = os.fork()
        if child == 0:
            orders.close()
            _child(socket.socket(fileno=lines[0]))
        children.add(child)
        os.close(lines[0])


def _warm(modules: Iterable[str]) -> None:
    """Import installed modules; one that is missing or fails is the program's own business, later."""
    for name in modules:
        with suppress(BaseException):
            if importlib.util.find_spec(name) is not None:
                importlib.import_module(name)


def _ended() -> Iterator[int]:
    """Children that have ended since this was asked last."""
    with suppress(ChildProcessError):
        while ended := os.waitpid(-1, os.WNOHANG)[0]:
            yield ended


def _child(line: socket.socket) -> NoReturn:
    """Do one job, in a session of one's own, and wait to be dismissed."""
    try:
        os.setsid()
        with line.makefile("rw", encoding="utf-8") as talk:
            folder = talk.readline().removesuffix("\n")
            print(os.getpid(), file=talk, flush=True)
            with suppress(BaseException):  # without a trace the parent knows that it failed
                work(folder)
            print("done", file=talk, flush=True)
            talk.readline()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
        os._exit(0)
