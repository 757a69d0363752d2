"""Pictures made of characters: the line of scores, and the bars that show where the points went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.text import Text

from unstuck.checks.factors import label_of
from unstuck.facts import Ceiling, Data, Estimate, Study
from unstuck.report.pen import Pen
from unstuck.wording import limit, points, score

LABEL = 22  # cells for the name of a bar


def number_line(pen: Pen, data: Data | None, study: Study, ceiling: Ceiling | None) -> list[Text]:
    """Chance, yours, repaired, best and ceiling in their order on one line, with proportional gaps."""
    marks = _marks(data, study, ceiling)
    labels = [f"{value:.3f} {name}" for value, name in marks]
    room = pen.width - 4 - sum(len(label) + 2 for label in labels)
    if len(marks) < 2 or room < len(marks):
        return []
    values = [value for value, _ in marks]
    span = values[-1] - values[0]
    line = "  " + labels[0]
    for (low, high), label in zip(pairwise(values), labels[1:], strict=True):
        gap = max(round(room * (high - low) / span), 1) if span > 0 else 1
        line += f" {'░' * gap} {label}"
    return [pen.text(line)]


def majority(data: Data | None) -> float | None:
    """The accuracy of always answering the most frequent class of the test rows."""
    if data is None or data.classes < 2 or not len(data.y_test):
        return None
    labels = data.y_test.argmax(axis=1) if data.y_test.ndim == 2 and data.y_test.shape[1] > 1 else data.y_test
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def path_bars(pen: Pen, study: Study, ceiling: Ceiling | None) -> list[Text]:
    """One bar per repair, each beginning where the one before it ended, and the ceiling below them."""
    start, final = study.as_written or study.repaired, _all_changed(study)
    if start is None or final is None or not study.path:
        return []
    room = max(pen.width - 2 - LABEL - 1 - pen.cells("0.000 ±0.000"), 10)
    ends = [start.mean]
    for effect in study.path:
        ends.append(ends[-1] + effect.points / 100)
    top = max([*ends, final.mean, ceiling.high if ceiling else 0.0])
    low = min(ends)
    scale = _Scale(low, max(top - low, 1e-9), room)
    rows = [_row(pen, "as written", "│", scale.cell(start.mean), score(start), room)]
    for effect, stretch in zip(study.path, pairwise(ends), strict=True):
        first, last = sorted(map(scale.cell, stretch))
        bar = "█" * max(last - first, 1)
        rows.append(_row(pen, label_of(effect.factor), bar, first, points(effect), room))
    rows.append(_row(pen, "all of them", "│", scale.cell(final.mean), score(final), room))
    if ceiling is not None:
        first, last = scale.cell(ceiling.low), scale.cell(ceiling.high)
        rows.append(_row(pen, "the data allow", "░" * max(last - first, 1), first, limit(ceiling), room))
    return rows


def _all_changed(study: Study) -> Estimate | None:
    """The program with every change of the path."""
    everything = {effect.factor for effect in study.path}
    return next((cell.estimate for cell in study.cells if set(cell.on) == everything), study.best)


class _Scale:
    """From an accuracy to a cell of the bar area."""

    def __init__(self, low: float, span: float, cells: int) -> None:
        self.low, self.span, self.cells = low, span, cells

    def cell(self, value: float) -> int:
        return min(max(round((value - self.low) / self.span * (self.cells - 1)), 0), self.cells - 1)


def _row(pen: Pen, label: str, bar: str, offset: int, figure: str, room: int) -> Text:
    bar = bar[: room - offset]
    return pen.text(
        f"  {label[: LABEL - 1]:<{LABEL}}{' ' * offset}{bar}{' ' * (room - offset - len(bar))} {figure}"
    )


def _marks(data: Data | None, study: Study, ceiling: Ceiling | None) -> Sequence[tuple[float, str]]:
    """(accuracy, name) of everything worth a place on the line, in ascending order."""
    named: list[tuple[Estimate | None, str]] = [
        (study.as_written, "yours"),
        (study.best or study.repaired, "best"),
    ]
    marks = [(estimate.mean, name) for estimate, name in named if estimate is not None]
    share = majority(data)
    if share is not None:
        marks.append((share, "guessing"))
    if ceiling is not None:
        marks.append((ceiling.estimate, "ceiling"))
    return sorted(marks)
