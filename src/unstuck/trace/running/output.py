"""Catch what a running script prints: drain its pipes, keep the last lines, pass text on if asked."""

from __future__ import annotations

import codecs
import os
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

LINES = 5000  # lines kept of each run
WIDTH = 2000  # characters kept of each line
_BREAK = re.compile(r"\r\n|\n|\r")


class Output:
    """The last lines of what a process writes to its pipes; `listener` gets every piece of text as it comes.

    One thread per pipe reads without pause, so that a script that prints a million lines is never blocked.
    """

    def __init__(self, stdout: IO[bytes], stderr: IO[bytes], listener: Callable[[str], None] | None) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self.lines: deque[str] = deque(maxlen=LINES)
        self.errors: deque[str] = deque(maxlen=LINES)
        pipes: tuple[tuple[IO[bytes], tuple[deque[str], ...]], ...] = (
            (stdout, (self.lines,)),
            (stderr, (self.lines, self.errors)),
        )
        self._threads = [threading.Thread(target=self._drain, args=pipe, daemon=True) for pipe in pipes]
        for thread in self._threads:
            thread.start()

    def finish(self, seconds: float = 2.0) -> None:
        """Wait for the rest; not for ever, because a child of the script may hold the pipe open."""
        for thread in self._threads:
            thread.join(seconds)

    def _drain(self, pipe: IO[bytes], rings: tuple[deque[str], ...]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        while chunk := os.read(pipe.fileno(), 1 << 16):
            text = decoder.decode(chunk)
            self._tell(text)
            *complete, rest = _BREAK.split(rest + text)
            rest = rest[:WIDTH]
            self._keep(complete, rings)
        self._keep([rest + decoder.decode(b"", final=True)], rings)
        pipe.close()

    def _keep(self, lines: list[str], rings: tuple[deque[str], ...]) -> None:
        kept = [line[:WIDTH] for line in lines[-LINES:] if line]
        with self._lock:
            for ring in rings:
                ring.extend(kept)

    def _tell(self, text: str) -> None:
        with self._lock:
            if self._listener is not None:
                try:
                    self._listener(text)
                except Exception:  # a listener that fails must not block the script
                    self._listener = None
