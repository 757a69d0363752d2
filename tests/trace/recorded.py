"""Runs a source text twice, as it is and instrumented, and compares everything that a program can see."""

from __future__ import annotations

import ast
import contextlib
import io
import random
import sys
import types
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.layout import is_table
from unstuck.trace.tape.memory import Memory
from unstuck.trace.tape.runtime import Runtime

FILE = "<program>"
HIDDEN = {"__builtins__", "__warningregistry__", "__u__"}
Globals = dict[str, Any]


class Clock:
    """A clock that only listens, or that switches recording on and off at random ticks."""

    def __init__(self, switching: int | None = None) -> None:
        self.random = None if switching is None else random.Random(switching)
        self.runtime: Runtime

    def enter(self, number: int, /) -> None:
        pass

    leave = enter

    def iterated(self, iterable: object) -> None:
        pass

    def tick(self, number: int, /) -> None:
        if self.random is not None and self.random.random() < 0.5:
            self.runtime.on = not self.runtime.on
            self.runtime.memory = Memory()


@dataclass
class Ending:
    """How a program ended: what it left behind, printed, drew and raised."""

    names: Globals
    printed: str = ""
    error: tuple[str, str, int] | None = None
    draws: tuple[float, float] = (0.0, 0.0)


@dataclass
class Recording(Ending):
    """The same of an instrumented program, with its tape."""

    runtime: Runtime = field(default=None)  # type: ignore[assignment]

    def node(self, name: str) -> Any:
        """The node of the value that a global name is bound to at the end."""
        node = self.runtime.memory.known(self.names[name])
        assert node is not None
        return node


def plain(source: str, given: Mapping[str, Any] | None = None) -> Ending:
    """The program as python runs it."""
    ending = Ending(dict(given or {}))
    _execute(lambda: compile(source, FILE, "exec", dont_inherit=True), ending)
    return ending


def recorded(
    source: str,
    given: Mapping[str, Any] | None = None,
    *,
    on: bool = True,
    switching: int | None = None,
    before: Callable[[Runtime], None] = lambda _: None,
) -> Recording:
    """The program with hooks: recording all the time, never, or switched at random."""
    instrumenter, clock = Instrumenter(), Clock(switching)
    runtime = clock.runtime = Runtime(instrumenter.sites, clock, instrumenter.files)
    runtime.on = on
    before(runtime)
    ending = Recording({**(given or {}), "__u__": runtime}, runtime=runtime)

    def code() -> types.CodeType:
        tree = ast.parse(source, FILE)
        return compile(instrumenter.transform(tree, FILE, source), FILE, "exec", dont_inherit=True)

    _execute(code, ending)
    return ending


def _execute(code: Callable[[], types.CodeType], ending: Ending) -> None:
    module = types.ModuleType("__program__")
    module.__dict__.update(ending.names)
    ending.names = module.__dict__
    sys.modules["__program__"] = module
    np.random.seed(0)
    random.seed(0)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            exec(code(), module.__dict__)
        except Exception as error:
            ending.error = (type(error).__name__, str(error), _line(error))
        finally:
            del sys.modules["__program__"]
    ending.printed = printed.getvalue()
    ending.draws = (float(np.random.random()), random.random())


def _line(error: Exception) -> int:
    """The line of the program's innermost frame."""
    line, link = 0, error.__traceback__
    while link is not None:
        if link.tb_frame.f_code.co_filename == FILE:
            line = link.tb_lineno
        link = link.tb_next
    return line


def assert_same(first: Ending, second: Ending) -> None:
    """Every global bit by bit, the output, the exception and its line, and the random streams."""
    assert second.error == first.error
    assert second.printed == first.printed
    assert second.draws == first.draws
    names = first.names.keys() - HIDDEN
    assert second.names.keys() - HIDDEN == names
    for name in names:
        assert same(first.names[name], second.names[name], set()), name


def same(a: Any, b: Any, seen: set[tuple[int, int]]) -> bool:
    """Equal types and bits, through containers and the attributes of objects."""
    if (id(a), id(b)) in seen:
        return True
    seen.add((id(a), id(b)))
    if type(a).__name__ != type(b).__name__:
        return False
    if isinstance(a, np.ndarray):
        if _layout(a) != _layout(b):
            return False
        if a.dtype.kind == "O":
            return all(same(x, y, seen) for x, y in zip(a.flat, b.flat, strict=True))
        return bool(a.tobytes() == b.tobytes())
    if is_table(a):  # a table: what it caches differs
        return same(a.to_numpy(), b.to_numpy(), seen) and repr(a.axes) == repr(b.axes)
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype) and a.tobytes() == b.tobytes()
    if isinstance(a, float | int | str | bytes | bool | complex | type(None)):
        return repr(a) == repr(b)
    if isinstance(a, dict):
        return same([*map(repr, a)], [*map(repr, b)], seen) and same([*a.values()], [*b.values()], seen)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y, seen) for x, y in zip(a, b, strict=True))
    if isinstance(a, types.FunctionType):
        return (a.__name__, a.__doc__, a.__module__) == (b.__name__, b.__doc__, b.__module__)
    if isinstance(a, types.ModuleType | type):
        return bool(a.__name__ == b.__name__ and getattr(a, "__module__", "") == getattr(b, "__module__", ""))
    return same(getattr(a, "__dict__", None), getattr(b, "__dict__", None), seen)


def _layout(array: Any) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.strides, array.base is None
