"""Training on rails: what every step of a program does to its parameters, from parameters that we choose.

The right program is run once and its parameters are kept at the beginning of every training step.  A mutant is
then run with a hook in the same loop: at the beginning of every step the hook notes what the last step changed
and puts the parameters of the right program back.  So each step of the mutant starts where the right one did, on
the same rows, with the same draws, and with the optimiser state of its own; what it does differently is its fault.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faults.programs import Program, on_disk, quietly
from probes import as_main

Values = dict[str, NDArray[Any]]
HOOK = "__rails__"
STEPS = 300  # of each run
TRACED = 1  # the step whose lines and shapes are noted
SHARE = 0.6  # of the rounds of the training loop move a parameter
FEW, MANY = 2, 40  # rounds that show nothing, and that show enough


@dataclass(frozen=True)
class Loop:
    """A loop of the program: its file, its header, and which of the loops with this header it is."""

    file: str
    header: str
    number: int


class Enough(BaseException):
    """Raised by the hook to end a run; `except Exception` cannot swallow it."""


def loops(name: str, tree: ast.Module) -> Iterator[tuple[Loop, ast.For | ast.While]]:
    """All loops of a file."""
    seen: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While):
            header = ast.unparse(node).partition("\n")[0]
            yield Loop(name, header, seen.setdefault(header, 0)), node
            seen[header] += 1


def insert_hook(tree: ast.Module, file: str, wanted: Callable[[Loop], bool], known: list[Loop]) -> None:
    """Call the hook at the beginning of every wanted loop of a file; `known` gets these loops."""
    for loop, node in list(loops(file, tree)):
        if wanted(loop):
            call = ast.parse(f"{HOOK}({len(known)})").body[0]
            node.body.insert(0, ast.copy_location(call, node.body[0]))
            known.append(loop)


def run(
    program: Program, texts: Mapping[str, str], wanted: Callable[[Loop], bool], hook: Callable[[int], None]
) -> list[Loop]:
    """Run the texts until the program ends or the hook has seen enough; the loops that got the hook.

    The hook is called with the number of its loop at the beginning of every round.  It is put into the syntax
    tree, so that all lines keep their numbers.
    """
    known: list[Loop] = []

    def compiled(text: str | bytes, path: str) -> CodeType:
        tree = ast.parse(text)
        insert_hook(tree, Path(path).name, wanted, known)
        return compile(ast.fix_missing_locations(tree), path, "exec")

    setattr(builtins, HOOK, hook)
    with on_disk(texts) as folder, as_main(folder / program.main), quietly(), _loading(folder, compiled):
        code = compiled(texts[program.main], str(folder / program.main))
        with contextlib.suppress(Enough, SystemExit):
            exec(code, sys.modules["__main__"].__dict__)
    return known


@contextlib.contextmanager
def _loading(folder: Path, compiled: Callable[[bytes, str], CodeType]) -> Iterator[None]:
    """Let `compiled` make the code of every module that is imported from the folder."""
    original = SourceFileLoader.source_to_code

    def source_to_code(self: Any, data: Any, path: Any, **options: Any) -> Any:
        if Path(path).parent == folder:
            return compiled(data, str(path))
        return original(self, data, path, **options)

    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]
    try:
        yield
    finally:
        SourceFileLoader.source_to_code = original  # type: ignore[method-assign]


# ----- Parameters in a running program ------------------------------------------------------------------


def names_in(frame: FrameType) -> dict[str, Any]:
    """Everything that has a name where the frame is."""
    return {**sys.modules["__main__"].__dict__, **frame.f_globals, **frame.f_locals}


def read(expressions: Sequence[str], frame: FrameType) -> Values:
    """Copies of the parameters as seen from a frame; raises what evaluating them raises."""
    return values_of(expressions, names_in(frame))


def values_of(expressions: Sequence[str], names: Mapping[str, Any]) -> Values:
    """Copies of the parameters; raises what evaluating them raises."""
    values = (part for text in expressions for part in _parts(text, eval(text, dict(names))))
    return {text: _floating(np.array(value)) for text, value in values}


def _parts(text: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The value itself; of numbers in lists each by itself, for each may have a rate of its own."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _parts(f"{text}[{index}]", part)
    else:
        yield text, value


def _floating(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.dtype.kind == "f" else array.astype(float)


def put(values: Mapping[str, NDArray[Any]], frame: FrameType) -> None:
    """Set the parameters, in place."""
    names = names_in(frame)
    for text, value in values.items():
        place = eval(text, names)
        if isinstance(place, np.ndarray):
            place[...] = value
        else:
            exec(f"{text} = value", {**names, "value": value.item()})


# ----- The right program --------------------------------------------------------------------------------


def find_loop(program: Program) -> Loop | None:
    """The loop whose rounds move the most parameters; among equals the one with the most rounds.

    Usually its every round moves them all; where one network is trained after another, there is none like that.
    """
    last: dict[int, Values] = {}
    rounds: Counter[int] = Counter()
    moved: Counter[tuple[int, str]] = Counter()

    def hook(number: int) -> None:
        try:
            now = read(program.parameters, sys._getframe(1))
        except Exception:  # the parameters have no such names here
            return
        if number in last:
            rounds[number] += 1
            moved.update((number, name) for name, old in last[number].items() if not _same(now[name], old))
        last[number] = now
        if all(moved[number, name] > MANY for name in now):
            raise Enough

    known = run(program, program.texts, lambda loop: True, hook)
    active = {
        number: sum(moved[number, name] >= SHARE * count for name in last[number])
        for number, count in rounds.items()
        if count > FEW
    }
    best = max(active, key=lambda number: (active[number], rounds[number]), default=None)
    return known[best] if best is not None and active[best] else None


def _same(now: NDArray[Any], before: NDArray[Any]) -> bool:
    return now.shape == before.shape and bool(np.all(now == before))


def trajectory(program: Program, loop: Loop, on_step: Callable[[int, FrameType], None]) -> list[Values]:
    """The parameters at the beginning of every step of the right program, and after the last."""
    result: list[Values] = []

    def hook(number: int) -> None:
        frame = sys._getframe(1)
        result.append(read(program.parameters, frame))
        on_step(len(result) - 1, frame)
        if len(result) > STEPS:
            raise Enough

    run(program, program.texts, loop.__eq__, hook)
    return result


# ----- A mutant -----------------------------------------------------------------------------------------


def changes(
    program: Program, texts: Mapping[str, str], loop: Loop, rails: Sequence[Values], steps: int = STEPS
) -> list[Values]:
    """What each of the first steps of the mutant changes, from the parameters of the right program.

    Raises what the program raises, and LookupError when the training loop itself is no longer there.
    """
    result: list[Values] = []
    step = -1

    def hook(number: int) -> None:
        nonlocal step
        frame = sys._getframe(1)
        if step >= 0:
            now = read(program.parameters, frame)
            result.append({name: _change(now[name], rails[step][name]) for name in now})
        step += 1
        if step >= min(steps, len(rails) - 1):
            raise Enough
        put(rails[step], frame)

    if not run(program, texts, loop.__eq__, hook):
        raise LookupError("the training loop is another one")
    return result


def _change(now: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """The difference; an array of another shape is told by its shape."""
    return now - before if now.shape == before.shape else now
