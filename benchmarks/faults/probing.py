"""One training step and one evaluation of the loss of a program, from given parameters and random draws.

The probe of the program says how (tests/probes.py).  The values that the step shares with the evaluation of the
loss are the forward pass: a mutant that no longer computes one of them is no fault of the backward pass.
"""

from __future__ import annotations

import dis
import random
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faults.programs import Program, on_disk, quietly
from faults.rails import Values, values_of
from probes import as_main, execute, loop_body, shortened, take

DIGITS = 9  # of a value: another order of the same operations is the same value
MOST_EVENTS = 5000  # lines of the main program at which its values are noted
OWN = ("training step", "step", "forward", "loss")  # the names under which a probe's code is compiled


class Probing:
    """The loss at a point, the lines that a training step executes, and what it computes.

    start, end  the parameters before and after the step
    forward     the values that the step shares with the evaluation of the loss

    Without a point, draws and data, they are taken from the program itself, after its shortened run.  The data are
    all arrays with a global name: some, such as the answers of a network that was trained first, depend on training.
    """

    def __init__(
        self,
        program: Program,
        texts: Mapping[str, str],
        start: Mapping[str, NDArray[Any]] | None = None,
        draws: Mapping[str, Any] | None = None,
        data: Mapping[str, Sequence[NDArray[Any]]] | None = None,
    ) -> None:
        probe = program.probe
        with on_disk(texts) as folder, as_main(folder / program.main), quietly():
            names, step, forward = _ready(program, folder / program.main)
            current = values_of(program.parameters, names)
            self.start = start or current
            self.draws = draws or _draws(names)
            self.data = {name: [each.copy() for each in _own(value)] for name, value in names.items()}
            _fill(names, data or {})
            before = dict(names)
            with _Watch(program, names, inside=False) as watch:
                _restore(self.draws, names)
                take(forward, names, self.start, probe)
                self.loss = float(np.squeeze(eval(compile(probe.loss, "loss", "eval"), names)))
            moves = any(np.any(eval(text, names) != value) for text, value in self.start.items())
            names.clear()
            names.update(before)  # what the evaluation left behind has not been computed by the step
            stale = _digests(names)  # and what it left in objects proves nothing either
            with _Watch(program, {}) as stepping:
                _restore(self.draws, names)
                take(step, names, self.start, probe)
            self.end = values_of(program.parameters, names)
        self.lines, self.values = stepping.lines, stepping.values
        self.forward = set() if moves else watch.values & (stepping.values - stale)


def steps_from(
    program: Program, texts: Mapping[str, str], starts: Sequence[Values], at: Probing
) -> list[Values]:
    """What a step does to the parameters from each of these, with the draws and the data of a probe."""
    with on_disk(texts) as folder, as_main(folder / program.main), quietly():
        names, step, _ = _ready(program, folder / program.main)
        _fill(names, at.data)  # once: after a step, names are views of other rows
        found = []
        for start in starts:
            _restore(at.draws, names)
            take(step, names, start, program.probe)
            end = values_of(program.parameters, names)
            found.append({name: end[name] - each for name, each in start.items()})
    return found


def _ready(program: Program, script: Path) -> tuple[dict[str, Any], CodeType, CodeType]:
    """The names of a program after its shortened run, the code of a step, and that of what the loss needs."""
    probe = program.probe
    _, names = execute(shortened(script.read_text()), script)
    exec(probe.setup, names)
    step = compile(probe.step, "step", "exec") if probe.step else loop_body(script, probe.depth)
    return names, step, compile(probe.forward, "forward", "exec") if probe.forward else step


class _Watch:
    """Notes every executed line of the program, and the new values that have a name on the way.

    names   what is known already
    inside  look into the program's functions, not only at what the probe's own code sees: a function that
            returns the loss may compute the gradients as well
    """

    def __init__(self, program: Program, names: Mapping[str, Any], inside: bool = True) -> None:
        self.program, self.inside = program, inside
        self.known = _digests(names)
        self.lines: set[tuple[str, int]] = set()
        self.values: set[bytes] = set()
        self._events = 0
        self._last: dict[FrameType, int] = {}  # the line that each frame executes
        self._noted: set[tuple[tuple[int, ...], int]] = set()  # shapes and hashes: rounding takes far longer

    def __enter__(self) -> _Watch:
        sys.settrace(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _event(self, frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename
        file = self.program.main if path == "training step" else Path(path).name
        if file not in self.program.texts and path not in OWN:
            return None
        if path not in OWN[1:]:
            self.lines.add((file, frame.f_lineno))
        if event == "return" and (self.inside or path in OWN):
            self._note([argument, *frame.f_locals.values()])
        elif path in OWN and self._events < MOST_EVENTS:
            self._events += 1
            touched = _names_by_line(frame.f_code).get(self._last.get(frame, 0), ())
            self._last[frame] = frame.f_lineno
            self._note([frame.f_locals[name] for name in touched if name in frame.f_locals])
        return self._event

    def _note(self, values: Any) -> None:
        for value in values:
            for array in _arrays(value, 2):
                seen = array.shape, hash(array.tobytes())
                if seen not in self._noted:
                    self._noted.add(seen)
                    self.values.update({_digest(array)} - self.known)


@cache
def _names_by_line(code: CodeType) -> Mapping[int, set[str]]:
    """The names that each line of some code speaks of: only what they lead to can be new after it."""
    found: dict[int, set[str]] = defaultdict(set)
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions else None
        if line is not None and isinstance(instruction.argval, str):
            found[line].add(instruction.argval)
    return found


def _digests(names: Mapping[str, Any]) -> set[bytes]:
    """Of all arrays that names lead to."""
    return {_digest(array) for value in names.values() for array in _arrays(value, 2)}


def _arrays(value: Any, depth: int) -> Iterator[NDArray[Any]]:
    """The arrays of floats in a value: it itself, its elements or attributes, and those of these."""
    if isinstance(value, np.ndarray | np.floating | float):
        array = np.asarray(value)
        if array.dtype.kind == "f":
            yield array
    elif depth:
        attributes = getattr(value, "__dict__", value)
        parts = attributes.values() if isinstance(attributes, dict) else attributes
        for part in list(parts) if isinstance(parts, Collection) and not isinstance(parts, str) else ():
            yield from _arrays(part, depth - 1)


def _digest(array: NDArray[Any]) -> bytes:
    """The same for values that are equal up to rounding."""
    if not array.size or not np.all(np.isfinite(array)):
        return b""
    unit = 10.0 ** (np.floor(np.log10(max(float(np.max(np.abs(array))), 1e-300))) - DIGITS)
    return repr(array.shape).encode() + np.round(array / unit).tobytes()


def _own(value: Any) -> list[NDArray[Any]]:
    """The arrays of floats that a value is, or holds directly."""
    parts = value if isinstance(value, list | tuple) else [value]
    return [part for part in parts if isinstance(part, np.ndarray) and part.dtype.kind == "f"]


def _fill(names: Mapping[str, Any], data: Mapping[str, Sequence[NDArray[Any]]]) -> None:
    """Put data into the arrays of these names, where they have the same shapes."""
    for name, arrays in data.items():
        places = _own(names.get(name))
        if [place.shape for place in places] == [array.shape for array in arrays]:
            for place, array in zip(places, arrays, strict=True):
                if place.flags.writeable:
                    place[...] = array


def _draws(names: Mapping[str, Any]) -> dict[str, Any]:
    """The states of all generators of random numbers that have a global name; "" is the standard library's."""
    found: dict[str, Any] = {"": random.getstate()}
    for name, value in names.items():
        if isinstance(value, np.random.Generator):
            found[name] = value.bit_generator.state
        elif isinstance(value, np.random.RandomState):
            found[name] = value.get_state()
    return found


def _restore(draws: Mapping[str, Any], names: Mapping[str, Any]) -> None:
    for name, state in draws.items():
        value = names.get(name)
        if not name:
            random.setstate(state)
        elif isinstance(value, np.random.Generator):
            value.bit_generator.state = state
        elif isinstance(value, np.random.RandomState):
            value.set_state(state)
