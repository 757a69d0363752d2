"""A few lines of the user's program with a caret under the words to look at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.text import Text

from unstuck import cells
from unstuck.facts import Span, Trace
from unstuck.report.pen import Pen

BREAK = re.compile(r"\r\n|\r|\n")  # what Python itself counts as the end of a line


@dataclass(frozen=True)
class Mark:
    """A span to underline, with a word beside the underline."""

    span: Span
    label: str = ""


def code_frame(pen: Pen, trace: Trace, span: Span, uses: tuple[Span, ...], style: str) -> list[Text]:
    """The blamed words, the line before them, and the places that belong to them: below, where their value is used."""
    source = trace.source(span.path)
    place = pen.text("  ┌─ ", _shortened(cells.place(source, span, column=True), span.path, pen.width - 5))
    if source is None:
        return [place]
    elsewhere = [use for use in uses if use.path == span.path and use.line != span.line][:3]
    beside = [Mark(use, "used here" if use > span else "see also") for use in elsewhere]
    lines = BREAK.split(source.text)
    marks = {mark.span.line: mark for mark in (*reversed(beside), Mark(span))}
    shown = sorted(n for n in {*_context(lines, span), *marks} if 0 < n <= len(lines))
    digits = max(len(str(cells.line_shown(source, line))) for line in marks)
    rows = [place]
    for number in shown:
        gutter = _gutter(pen, str(cells.line_shown(source, number) or ""), digits)
        rows += _numbered(pen, lines, number, gutter, marks.get(number, marks[span.line]), style)
    return [*rows, _gutter(pen, "", digits)]


def _shortened(place: str, path: str, most: int) -> str:
    """A place whose path gives way where there is no room: the cell and the line are what is looked for."""
    room = max(1, most - (len(place) - len(path)))
    return place if len(place) <= most else place.replace(path, f"…{path[len(path) - room + 1 :]}", 1)


def _context(lines: list[str], span: Span) -> tuple[int, ...]:
    """The line that opens the block (a `def` above, if it is near), then the blamed line."""
    for number in range(min(span.line - 1, len(lines)), max(span.line - 6, 0), -1):
        if lines[number - 1].lstrip().startswith(("def ", "class ", "for ", "while ")):
            return (number, span.line)
    return (span.line - 1, span.line)


def _numbered(pen: Pen, lines: list[str], number: int, gutter: Text, mark: Mark, style: str) -> list[Text]:
    """One source line behind its number, and the caret line if it is the marked one."""
    line = lines[number - 1]
    room = max(pen.width - gutter.cell_len - 1, 20)
    if number != mark.span.line:
        return [gutter + pen.text(" ", _clip(pen, line, 0, room)[0])]
    start = mark.span.column - 1
    end = mark.span.end_column - 1 if mark.span.end_line == number else len(line)
    before, marked = pen.cells(line[:start]), max(pen.cells(line[start : max(end, start + 1)]), 1)
    shown, skipped = _clip(pen, line, before + marked, room)
    carets = _carets(pen, max(before - skipped, 0), marked, mark.label, style, room)
    empty = pen.text(" " * (gutter.cell_len - 1) + "│")
    return [gutter + pen.text(" ", shown), empty + pen.text(" ") + carets]


def _carets(pen: Pen, before: int, marked: int, label: str, style: str, room: int) -> Text:
    """The underline, with its word behind it or, where the line is full, before it."""
    if label and before + marked + 1 + len(label) > room and before > len(label):
        return pen.text(" " * (before - len(label) - 1), (f"{label} {'^' * marked}", style))
    return pen.text(" " * before, (f"{'^' * marked} {label}".rstrip(), style))


def _clip(pen: Pen, line: str, needed: int, room: int) -> tuple[str, int]:
    """The part of a long line that ends with its first `needed` cells, and how many were skipped before."""
    text = pen.clean(line)
    if len(text) <= room:
        return text, 0
    skipped = max(needed - room, 0)
    return text[skipped : skipped + room], skipped


def _gutter(pen: Pen, number: str, digits: int) -> Text:
    return pen.text(f"  {number:>{digits}} │")
