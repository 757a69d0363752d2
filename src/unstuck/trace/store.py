"""Keep a Trace on disk: one JSON file for the facts and one npz file for the arrays beside it.

The JSON file is written last and in one move, and it names the npz file that belongs to it; a reader finds
either the old trace or the new one, never a mixture.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unstuck.codec import decode, encode
from unstuck.facts import Trace
from unstuck.problems import Problem
from unstuck.trace.running.sources import undisturbed

SCHEMA = 1
_INDEX = "trace.json"
_REFERENCE = "__array__"


def save(trace: Trace, folder: str | Path) -> None:
    """Write `trace` into `folder`, which is made if need be; an older trace there is replaced.

    Raises TypeError for arrays of objects, which no file should hold.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    facts = encode(_lift(trace, arrays))
    name = f"arrays-{uuid.uuid4().hex}.npz"
    with open(folder / name, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    _write(folder / _INDEX, json.dumps({"schema": SCHEMA, "arrays": name, "trace": facts}))
    for old in folder.glob("arrays-*.npz"):
        if old.name != name:
            old.unlink(missing_ok=True)


def load(folder: str | Path) -> Trace:
    """The trace that `save` wrote into `folder`.

    Raises FileNotFoundError when there is none, Problem when it is damaged or of another version.
    """
    folder = Path(folder)
    text = (folder / _INDEX).read_text(encoding="utf-8")
    try:
        index = json.loads(text)
        if index["schema"] != SCHEMA:
            raise ValueError(f"schema {index['schema']}")
        with np.load(folder / index["arrays"], allow_pickle=False) as arrays:
            trace = _lower(decode(index["trace"]), arrays)
    except (ValueError, KeyError, TypeError, OSError) as error:
        hint = "run unstuck on the script again"
        raise Problem(f"the recording in {folder} cannot be read: {error}", hint) from error
    if not isinstance(trace, Trace):
        raise Problem(f"{folder} holds no recording", "run unstuck on the script again")
    return trace


def _lift(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """`value` with every array moved into `arrays` and a reference left in its place."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects cannot be stored")
        arrays[name := f"a{len(arrays)}"] = value
        return {_REFERENCE: name}
    if isinstance(value, tuple):
        return tuple(_lift(item, arrays) for item in value)
    if isinstance(value, Mapping):
        return {key: _lift(item, arrays) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{item.name: _lift(getattr(value, item.name), arrays) for item in fields(value)}
        )
    return value


def _lower(value: Any, arrays: Mapping[str, Any]) -> Any:
    """The inverse of `_lift`."""
    if isinstance(value, Mapping):
        if isinstance(value.get(_REFERENCE), str):
            return undisturbed(lambda: arrays[value[_REFERENCE]])  # NumPy parses the header of the array
        return {key: _lower(item, arrays) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_lower(item, arrays) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{item.name: _lower(getattr(value, item.name), arrays) for item in fields(value)}
        )
    return value


def _write(path: Path, text: str) -> None:
    """Replace the file at `path` in one move."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
