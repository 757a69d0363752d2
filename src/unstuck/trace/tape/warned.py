"""Warnings name the user's own lines, although a hook ran the operation that warns.

Python attributes a warning to the frame that asked for the operation, and shows it once per line.  For recorded
operations that frame is a hook; here such a warning is issued again in the name of the user's frame behind it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from unstuck.trace.running.modules import from_unstuck
from unstuck.trace.tape import calls, runtime

_HOOKS = (calls.__file__, runtime.__file__)


@contextmanager
def users_warnings() -> Iterator[None]:
    """Within, warnings that arise in a hook are those of the user's line; modules with hooks forget none."""
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        frame = _user_frame(sys._getframe(1)) if filename in _HOOKS else None
        if frame is None:
            shown(message, category, filename, lineno, file, line)
            return
        names = frame.f_globals
        seen = names.setdefault("__warningregistry__", {})
        place = (frame.f_code.co_filename, frame.f_lineno, names.get("__name__", "<unknown>"))
        warnings.warn_explicit(message, category, *place, seen)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _user_frame(frame: FrameType | None) -> FrameType | None:
    """The frame that called the innermost hook."""
    while frame is not None and frame.f_code.co_filename not in _HOOKS:
        frame = frame.f_back
    while frame is not None and from_unstuck(frame.f_code.co_filename):
        frame = frame.f_back
    return frame
