"""Where a line of a notebook stands, as its author sees it: "cell 3, line 5".

A notebook is read as one text, its code cells one after the other, each behind a comment that carries its number.
Spans count the lines of that text; whoever shows one to a person asks here for the cell.  Cells count as Jupyter
does after "restart and run all": code cells that are not empty, from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from unstuck.facts import Source, Span

_MARK = re.compile(r"# %% cell (\d+)")
SUFFIX = ".ipynb"


def is_notebook(path: str) -> bool:
    """Is this, by its name, a Jupyter notebook?"""
    return path.lower().endswith(SUFFIX)


def mark(number: int) -> str:
    """The line before the text of a cell."""
    return f"# %% cell {number}"


def marked(line: str) -> bool:
    """Does the line look like one of ours?"""
    return _MARK.fullmatch(line) is not None


def cell_and_line(source: Source | None, line: int) -> tuple[int, int] | None:
    """The cell of a line of this source and the line's number in it, 0 for the mark; None outside notebooks."""
    if source is None or not is_notebook(source.path):
        return None
    for above in range(line, 0, -1):
        found = _MARK.fullmatch(source.line(above))
        if found:
            return int(found[1]), line - above
    return None


def line_shown(source: Source | None, line: int) -> int:
    """The number that a person gives to this line: within its cell, or within the file."""
    cell = cell_and_line(source, line)
    return cell[1] if cell else line


def in_words(source: Source | None, line: int) -> str:
    """`line 57`, or in a notebook `cell 3, line 5`."""
    cell = cell_and_line(source, line)
    return f"cell {cell[0]}, line {cell[1]}" if cell else f"line {line}"


def lines_in_words(source: Source | None, lines: Iterable[int]) -> str:
    """`lines 5, 7`, or in a notebook `cell 3, lines 5, 7; cell 4, line 1`."""
    groups: dict[int | None, list[int]] = {}
    for line in sorted(lines):
        cell = cell_and_line(source, line)
        groups.setdefault(cell[0] if cell else None, []).append(line_shown(source, line))
    return "; ".join(
        f"{'' if cell is None else f'cell {cell}, '}line{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"
        for cell, found in groups.items()
    )


def place(source: Source | None, span: Span, column: bool = False) -> str:
    """`train.py:57`, with the column `train.py:57:9`; in a notebook `train.ipynb, cell 3, line 5`."""
    if cell_and_line(source, span.line):
        return f"{span.path}, {in_words(source, span.line)}"
    return f"{span.path}:{span.line}:{span.column}" if column else f"{span.path}:{span.line}"


def translated(text: str, source: Source) -> str:
    """A traceback with the lines of this notebook counted in their cells."""
    name = re.escape(source.path.replace("\\", "/").rpartition("/")[2])
    return re.sub(
        rf'({name}"), line (\d+)', lambda found: f"{found[1]}, {in_words(source, int(found[2]))}", text
    )
