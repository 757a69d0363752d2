"""What the script calls its arrays: `weights_0_1`, `net.layers[0].W`, `params['b1']`.

An update inside a loop over layers only says `param -= ...`; the name that its author would use is the path by
which the array hangs on a global or local variable of the running program.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType, ModuleType
from typing import Any

import numpy as np

DEEPEST = 5
MOST_OBJECTS = 20_000
MOST_ITEMS = 200  # of one list or dictionary: parameters do not hide among thousands


def user_namespaces(owns: Callable[[str], bool]) -> list[Mapping[str, Any]]:
    """Global and local variables of the user's running functions, the main program's first."""
    frame: FrameType | None = sys._getframe(1)
    spaces: list[Mapping[str, Any]] = []
    while frame is not None:
        if owns(frame.f_code.co_filename):
            spaces[:0] = [frame.f_globals, frame.f_locals]
        frame = frame.f_back
    return spaces


def paths_of(targets: Mapping[int, Any], namespaces: list[Mapping[str, Any]]) -> dict[int, str]:
    """The shortest path to each of the target objects (by id), in the order in which they are found."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    level: list[tuple[str, Any]] = [
        (name, value)
        for space in namespaces
        for name, value in list(space.items())
        if not name.startswith("__")
    ]
    for _ in range(DEEPEST):
        below: list[tuple[str, Any]] = []
        for path, value in level:
            if id(value) in targets:
                found.setdefault(id(value), path)
            elif id(value) not in seen and len(seen) < MOST_OBJECTS:
                seen.add(id(value))
                below += _parts(path, value)
        level = below
        if len(found) == len(targets):
            break
    return found


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in list(value.items())[:MOST_ITEMS]:
            yield f"{path}[{key!r}]", item
    elif isinstance(value, list | tuple) and len(value) <= MOST_ITEMS:
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item
    elif not isinstance(value, ModuleType | type | np.ndarray | str | bytes) and not callable(value):
        yield from ((f"{path}.{name}", item) for name, item in getattr(value, "__dict__", {}).items())
