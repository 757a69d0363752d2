"""What the script calls its arrays: `weights_0_1`, `net.layers[0].W`, `params['b1']`.

An update inside a loop over layers only says `param -= ...`; the name that its author would use is the path by
which the array hangs on a global or local variable of the running program.  Long-lived variables come first:
those of the main program, then those of the functions on the way to the update; variables of loops come last.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from unstuck.trace.tape.layout import owner_of

DEEPEST = 5
MOST_OBJECTS = 20_000
MOST_ITEMS = 200  # of one list or dictionary: parameters do not hide among thousands
Found = tuple[str, Any]


def user_namespaces(owns: Callable[[str], bool]) -> list[Mapping[str, Any]]:
    """Global and local variables of the user's running functions, the main program's first."""
    frame: FrameType | None = sys._getframe(1)
    spaces: list[Mapping[str, Any]] = []
    while frame is not None:
        if owns(frame.f_code.co_filename):
            spaces[:0] = [frame.f_globals, frame.f_locals]
        frame = frame.f_back
    return spaces


def paths_of(
    targets: Mapping[int, Any], namespaces: Sequence[Mapping[str, Any]], loop_variables: Collection[str] = ()
) -> dict[int, str]:
    """The path to each of the target objects (by id): the shortest from the longest-lived variable.

    An array is met when the same memory is met in the same shape, or else when its owner is.
    """
    wanted = {_key(value): number for number, value in targets.items()}
    whole = {_key(owner_of(v)): number for number, v in targets.items() if isinstance(v, np.ndarray)}
    found: dict[int, str] = {}
    owners: dict[int, str] = {}
    seen: set[int] = set()
    for level in _starts(namespaces, loop_variables):
        for path, value in _reached(level, seen):
            key = _key(value)
            if key in wanted:
                found.setdefault(wanted[key], path)
            elif key in whole:
                owners.setdefault(whole[key], path)
    return owners | found


def parameter_names(texts: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """The final name of each parameter, given the text that its update assigns to and its path (or "").

    An attribute of `self` that one line updates is called as that line calls it; else the path counts.
    """
    names = [
        text if re.fullmatch(r"self(\.\w+)+", text) or not path else path
        for text, path in zip(texts, paths, strict=True)
    ]
    return tuple(names if len(set(names)) == len(names) else texts)


def _key(value: Any) -> Any:
    """What identifies an object: an array by its memory and its shape, anything else by itself."""
    if isinstance(value, np.ndarray) and value.size:
        return value.__array_interface__["data"][0], value.shape, value.strides, value.dtype
    return id(value)


def _starts(namespaces: Sequence[Mapping[str, Any]], passing: Collection[str]) -> Iterator[list[Found]]:
    """Where to begin: the variables of each namespace, then those of loops, then those inside closures."""
    spaces = list({id(space): space for space in namespaces}.values())
    variables = [
        [(name, value) for name, value in list(space.items()) if not name.startswith("__")]
        for space in spaces
    ]
    for level in variables:
        yield [(name, value) for name, value in level if name not in passing]
    for level in variables:
        yield [(name, value) for name, value in level if name in passing]
    yield [cell for level in variables for _, value in level for cell in _enclosed(value)]


def _reached(level: list[Found], seen: set[int]) -> Iterator[Found]:
    """Every object that can be reached, with its path, from the nearest to the farthest."""
    for _ in range(DEEPEST):
        below: list[Found] = []
        for path, value in level:
            yield path, value
            if id(value) not in seen and len(seen) < MOST_OBJECTS:
                seen.add(id(value))
                below += _parts(path, value)
        level = below


def _parts(path: str, value: Any) -> Iterable[Found]:
    if isinstance(value, dict):
        return [(f"{path}[{key!r}]", item) for key, item in list(value.items())[:MOST_ITEMS]]
    if isinstance(value, list | tuple):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value[:MOST_ITEMS])]
    if isinstance(value, ModuleType | FunctionType | np.ndarray | str | bytes):
        return ()
    if isinstance(value, type) and value.__module__ != "__main__":
        return ()
    return [(f"{path}.{name}", item) for name, item in _attributes(value) if not name.startswith("__")]


def _attributes(value: Any) -> Iterator[Found]:
    yield from list(getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            descriptor = kind.__dict__.get(name)
            try:
                yield name, descriptor.__get__(value, kind)  # type: ignore[union-attr]
            except AttributeError:  # not assigned yet
                continue


def _enclosed(value: Any) -> Iterator[Found]:
    """The variables that a function keeps from the one around it."""
    function = getattr(value, "__func__", value)
    if isinstance(function, FunctionType):
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                yield name, cell.cell_contents
            except ValueError:  # not assigned yet
                continue
