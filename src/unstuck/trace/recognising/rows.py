"""Find the training and test rows among the variables of the running program.

Whatever way a script walks through its data (slices, shuffled indices, zipped lists, generators), the rows that
its steps used stand in some array that it holds.  They are looked up by content: an array is the training set
when it contains every recorded input and its partner contains the recorded targets at the same positions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unstuck.facts import Array, Data

LEAST_ROWS = 2
TEST_NAME = re.compile(r"test|val|dev|eval|held|(?<![a-z])te(?![a-z])|xte", re.IGNORECASE)
OVERLAP = 0.05  # share of rows that a test set may have in common with the training set


@dataclass(frozen=True)
class Rows:
    """The data of a script, and at which training rows each recorded step looked."""

    data: Data
    visited: tuple[Array, ...]

    @property
    def total(self) -> int:
        """The rows that the script trains on, with those that had to be set aside."""
        return len(self.data.x_train) + (len(self.data.x_test) if self.data.test == "held out" else 0)


@dataclass(frozen=True)
class _Table:
    """A variable that could be data: its name and its rows (n, width)."""

    name: str
    rows: Array


def find_rows(
    inputs: Sequence[Array], targets: Sequence[Array], namespaces: Sequence[Mapping[str, Any]]
) -> Rows | None:
    """The data behind the recorded batches, inputs (B, d) and targets (B, k) of each step; None if not found."""
    width, outputs = inputs[0].shape[1], targets[0].shape[1]
    tables = list(_tables(namespaces))
    best: tuple[_Table, Array, tuple[Array, ...]] | None = None
    for x in sorted((t for t in tables if t.rows.shape[1] == width), key=lambda t: len(t.rows)):
        visited = _positions(x.rows, inputs)
        if visited is None:
            continue
        for y in (t for t in tables if len(t.rows) == len(x.rows) and t.rows is not x.rows):
            labels = _labels(y.rows, outputs, visited, targets)
            if labels is not None:
                best = x, labels, visited
                break
        if best is not None:
            break
    if best is None:
        return None
    x, labels, visited = best
    classes = 0 if labels.ndim == 2 else max(outputs, 2)
    own = _test_rows(x, labels, tables, outputs)
    if own is not None:
        return Rows(Data(x.rows, labels, *own, classes), visited)
    order = np.random.default_rng(0).permutation(len(x.rows))  # the rows may stand class by class
    aside, rest = np.sort(order[: max(1, len(order) // 5)]), np.sort(order[max(1, len(order) // 5) :])
    data = Data(x.rows[rest], labels[rest], x.rows[aside], labels[aside], classes, "held out")
    return Rows(data, visited)


def _tables(namespaces: Sequence[Mapping[str, Any]]) -> Iterator[_Table]:
    """Everything in the namespaces that can be read as rows of numbers, each object once."""
    seen: set[int] = set()
    for space in namespaces:
        for name, value in list(space.items()):
            for label, item in _candidates(name, value):
                if id(item) not in seen:
                    seen.add(id(item))
                    yield from _as_rows(label, item)


def _candidates(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield name, value
    if isinstance(value, tuple | list) and 0 < len(value) <= 12:
        yield from ((f"{name}[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f"{name}[{key!r}]", item) for key, item in list(value.items())[:50])
    elif hasattr(value, "__dict__") and not callable(value) and not isinstance(value, np.ndarray):
        yield from ((f"{name}.{key}", item) for key, item in list(vars(value).items())[:50])


def _as_rows(name: str, value: Any) -> Iterator[_Table]:
    if isinstance(value, list | tuple) and len(value) >= LEAST_ROWS:
        yield from _from_list(name, value)
        return
    array = _as_array(value)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.ndim == 0:
        return
    if array.ndim == 1:
        yield _Table(name, array[:, None])
        return
    if len(array) >= LEAST_ROWS:
        yield _Table(name, array.reshape(len(array), -1))
    if array.ndim == 2 and array.shape[1] >= LEAST_ROWS:
        yield _Table(name, array.T)  # one sample per column


def _as_array(value: Any) -> Any:
    """A table as an array; anything else as it is, even what claims to have every attribute and has none."""
    try:
        return np.asarray(value) if hasattr(value, "to_numpy") else value
    except Exception:  # it is the user's
        return None


def _from_list(name: str, value: Sequence[Any]) -> Iterator[_Table]:
    """A list of arrays, of numbers, or of (input, target) pairs."""
    first = value[0]
    try:
        if isinstance(first, tuple | list) and len(first) == 2 and np.size(first[0]) > 1:
            yield _Table(f"{name} (inputs)", np.array([np.ravel(pair[0]) for pair in value], dtype=float))
            yield _Table(f"{name} (targets)", np.array([np.ravel(pair[1]) for pair in value], dtype=float))
        elif isinstance(first, np.ndarray | int | float | np.number | list | tuple):
            yield _Table(name, np.array([np.ravel(item) for item in value], dtype=float))
    except (ValueError, TypeError):
        return  # ragged or not numbers: no table


def _positions(rows: Array, batches: Sequence[Array]) -> tuple[Array, ...] | None:
    """Where each row of each batch stands; None when some row stands nowhere."""
    exact = np.ascontiguousarray(rows, dtype=np.float64)
    index = {row.tobytes(): number for number, row in reversed(list(enumerate(exact)))}
    single = None
    found = []
    for batch in batches:
        batch = np.ascontiguousarray(batch, dtype=np.float64)
        places = [index.get(row.tobytes(), -1) for row in batch]
        if -1 in places:  # the script may compute in float32 from rows that it keeps in float64
            if single is None:
                single = {
                    row.tobytes(): number
                    for number, row in reversed(list(enumerate(exact.astype(np.float32))))
                }
            places = [single.get(row.astype(np.float32).tobytes(), -1) for row in batch]
        if -1 in places:
            return None
        found.append(np.array(places))
    return tuple(found)


def _labels(rows: Array, outputs: int, visited: Sequence[Array], targets: Sequence[Array]) -> Array | None:
    """The labels (n,) or targets (n, k) that this table holds, if it agrees with the recorded targets."""
    for values in _readings(rows, outputs):
        encoded = values if values.ndim == 2 else _one_hot(values, outputs)
        if all(np.allclose(encoded[places], target) for places, target in zip(visited, targets, strict=True)):
            return _as_classes(encoded, outputs)
    return None


def _readings(rows: Array, outputs: int) -> Iterator[Array]:
    if rows.shape[1] == outputs:
        yield rows.astype(float)
    whole = rows.shape[1] == 1 and np.all(rows == np.round(rows))
    if whole and outputs > 1 and rows.min() >= 0 and rows.max() < outputs:
        yield rows[:, 0].astype(np.int64)


def _one_hot(labels: Array, outputs: int) -> Array:
    return np.eye(outputs)[labels]


def _as_classes(encoded: Array, outputs: int) -> Array:
    """One-hot rows, or a single 0/1 column, as integer labels; anything else stays a target."""
    binary = bool(np.all((encoded == 0) | (encoded == 1)))
    if binary and outputs == 1 and len(np.unique(encoded)) == 2:
        return np.asarray(encoded[:, 0].astype(np.int64))
    if binary and outputs > 1 and bool(np.all(encoded.sum(axis=1) == 1)):
        return np.asarray(encoded.argmax(axis=1))
    return encoded


def _test_rows(
    x: _Table, labels: Array, tables: Sequence[_Table], outputs: int
) -> tuple[Array, Array] | None:
    """The script's own test rows, with their labels.

    Rows of the right width could be anything (activations, targets); only a name makes them a test set.
    """
    tests = [table for table in tables if TEST_NAME.search(table.name)]
    train = {row.tobytes() for row in np.ascontiguousarray(x.rows, dtype=np.float64)} if tests else set()
    for other in tests:
        if other.rows.shape[1] != x.rows.shape[1] or len(other.rows) < LEAST_ROWS:
            continue
        rows = np.ascontiguousarray(other.rows, dtype=np.float64)
        if sum(row.tobytes() in train for row in rows) > OVERLAP * len(rows):
            continue
        for y in (t for t in tables if len(t.rows) == len(rows) and t.rows is not other.rows):
            for values in _readings(y.rows, outputs):
                found = _as_classes(values if values.ndim == 2 else _one_hot(values, outputs), outputs)
                if found.ndim == labels.ndim and y.rows.shape[1] <= max(outputs, 1):
                    return rows, found
    return None
