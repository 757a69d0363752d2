"""Jupyter notebooks: their code cells as one text that runs as a script, and edits carried back into the file.

The text holds every code cell in order, each behind the mark of `unstuck.cells`, line for line as its author wrote
it except for magics.  An edit is written back only into a file that can be reproduced byte by byte from what was
read, so that nothing but the edited lines changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from unstuck.cells import mark, marked
from unstuck.problems import Problem
from unstuck.trace.running.magics import plain_python

LAYOUTS = [(indent, ascii) for indent in (1, 2, 4, None, 0, 3) for ascii in (False, True)]


@dataclass(frozen=True)
class _Cell:
    """One code cell: the object of the file that holds it, under which key, and its text."""

    holder: dict[str, Any]
    key: str
    text: str


def script_of(path: str, content: bytes) -> str:
    """The code of a notebook as one python text; Problem for what is no python notebook."""
    return _joined(_cells(path, _parsed(path, content)), plain_python)


def with_change(path: str, content: bytes, change: Callable[[str], str]) -> bytes:
    """The file after a change of its text (magics as they are, otherwise that of `script_of`).

    Raises Problem where the file's layout is unknown.
    """
    document = _parsed(path, content)
    store = _layout(document, content)
    if store is None:
        raise Problem(
            f"{path} is not stored as Jupyter stores notebooks, so nothing was written",
            "make the change shown by `unstuck fix` in the notebook itself",
        )
    cells = _cells(path, document)
    changed = _apart(change(_joined(cells, str)))
    for cell, text in zip(cells, changed, strict=True):
        if text != cell.text:
            as_list = isinstance(cell.holder[cell.key], list)
            cell.holder[cell.key] = text.splitlines(keepends=True) if as_list else text
    return store(document)


# ----- Between the file and its cells -------------------------------------------------------------------


def _parsed(path: str, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise Problem(f"{path} is not a notebook: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("metadata", {}), dict):
        raise Problem(f"{path} is not a notebook")
    return document


def _cells(path: str, document: dict[str, Any]) -> list[_Cell]:
    """The code cells that hold something, in order; of the older format, too, which keeps them in worksheets."""
    language = _language(document.get("metadata", {}))
    if language not in ("python", "ipython", "python3"):
        raise Problem(f"{path} is a notebook in the language {language}, not in Python")
    try:
        cells = list(_code(document))
    except (KeyError, TypeError, AttributeError):
        raise Problem(f"{path} is not a notebook that Jupyter could open: its cells are broken") from None
    if not cells:
        raise Problem(f"{path} holds no code")
    return cells


def _language(metadata: dict[str, Any]) -> str:
    told = [
        (metadata.get(part) or {}).get(key)
        for part, key in (("language_info", "name"), ("kernelspec", "language"))
    ]
    return next((str(name).lower() for name in told if name), "python")


def _code(document: dict[str, Any]) -> Iterator[_Cell]:
    sheets = document.get("worksheets") or [document]
    for cell in (cell for sheet in sheets for cell in sheet["cells"]):
        if cell["cell_type"] == "code":
            key = "source" if "source" in cell else "input"
            text = cell[key] if isinstance(cell[key], str) else "".join(cell[key])
            if text.strip():
                yield _Cell(cell, key, text)


def _joined(cells: Iterable[_Cell], reading: Callable[[str], str]) -> str:
    """All cells as one text, each behind its mark and with a line break at its end."""
    parts = []
    for number, cell in enumerate(cells, start=1):
        text = "\n".join(f" {line}" if marked(line) else line for line in reading(cell.text).split("\n"))
        parts.append(f"{mark(number)}\n{text}\n")
    return "".join(parts)


def _apart(text: str) -> list[str]:
    """The cells of a joined text."""
    cells: list[list[str]] = []
    for line in text.split("\n")[:-1]:
        if marked(line):
            cells.append([])
        else:
            cells[-1].append(line)
    return ["\n".join(lines) for lines in cells]


def _layout(document: dict[str, Any], content: bytes) -> Callable[[dict[str, Any]], bytes] | None:
    """How to write the document so that, unchanged, it gives these very bytes; None when no usual way does."""

    def writer(indent: int | None, ascii: bool, end: str) -> Callable[[dict[str, Any]], bytes]:
        return lambda changed: (json.dumps(changed, indent=indent, ensure_ascii=ascii) + end).encode()

    writers = [writer(indent, ascii, end) for indent, ascii in LAYOUTS for end in ("\n", "")]
    return next((write for write in writers if write(document) == content), None)
