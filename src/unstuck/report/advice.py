"""The usual advice, tried on the program as written and on the repaired one, side by side."""

from __future__ import annotations

from rich.text import Text

from unstuck.facts import Advice, Estimate
from unstuck.report.pen import Pen
from unstuck.wording import score

INDENT = 5


def advice_table(pen: Pen, advice: tuple[Advice, ...]) -> list[Text]:
    """One row per change; an arrow where the intervals before and after do not overlap."""
    rows = [piece for piece in advice if piece.as_written is not None]
    if not rows:
        return []
    label = max(len("change"), *(pen.cells(piece.change) for piece in rows))
    label = min(label, max(pen.width - INDENT - 2 * (_cells(pen) + 2), 10))
    table = [_row(pen, label, Text("change"), Text("derivative wrong"), Text("derivative right"))]
    for piece in rows:
        assert piece.as_written is not None
        change = pen.text(piece.change)
        change.truncate(label)
        table.append(_row(pen, label, change, _move(pen, *piece.as_written), _move(pen, *piece.repaired)))
    return table


def _cells(pen: Pen) -> int:
    return pen.cells("0.000 → 0.000 ±0.000 ▼")


def _move(pen: Pen, before: Estimate, after: Estimate) -> Text:
    """`0.794 → 0.566 ±0.041 ▼`, coloured by direction."""
    words = f"{before.mean:.3f} → {score(after)} "
    if after.low > before.high:
        return pen.text(words, ("▲", "green"))
    if after.high < before.low:
        return pen.text(words, ("▼", "red"))
    return pen.text(words, "=")


def _row(pen: Pen, label: int, change: Text, wrong: Text, right: Text) -> Text:
    line = Text(" " * INDENT) + change
    line.append(" " * (INDENT + label + 2 - line.cell_len))
    line.append_text(wrong)
    line.append(" " * max(INDENT + label + 2 + _cells(pen) + 2 - line.cell_len, 1))
    line.append_text(right)
    return line
