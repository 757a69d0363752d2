"""Read the numbers that a script reports about itself: "I:3 Test-Err:0.470 Test-Acc:0.812".

Scripts report in free text, so the rule is plain: a number belongs to the words between it and the number
before it.  Percentages become fractions, and so do counts of hits ("Accuracy: 812/1000").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.@+\-])(?P<value>[-+]?(?:(?:{_DIGITS})(?:[eE][-+]?\d+)?|nan|inf))(?!\w|\.\d)"
    rf"(?:\s*/\s*(?P<total>\d+)(?![\w.]))?(?P<percent>\s*%)?",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[|,;\t]| - |  +|[\])}>]\s")
_COUNTERS = re.compile(r"\b(epochs?|iter\w*|steps?|batch\w*|it|i|j|t)$", re.IGNORECASE)


@dataclass(frozen=True)
class Printed:
    """What a script printed about its training.

    last    the numbers of its last report by label, e.g. {"I": 299.0, "Test-Acc": 0.79}
    series  every value of each label in the order of printing
    """

    last: Mapping[str, float] = field(default_factory=dict)
    series: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def labelled_numbers(line: str) -> dict[str, float]:
    """The numbers of one line by label; where a label stands twice, its first number counts."""
    found: dict[str, float] = {}
    position = 0
    for match in _NUMBER.finditer(line):
        label = _label(line[position : match.start()])
        position = match.end()
        if label:
            found.setdefault(label, _value(match, label))
    return found


def parse(lines: Iterable[str]) -> Printed:
    """The labelled numbers of a script's output.

    A report may stretch over several lines: the last one reaches back until a label would appear again.
    """
    reports = [numbers for numbers in map(labelled_numbers, lines) if numbers]
    series: dict[str, list[float]] = {}
    for numbers in reports:
        for label, value in numbers.items():
            series.setdefault(label, []).append(value)
    last: dict[str, float] = {}
    for numbers in reversed(reports):
        if last.keys() & numbers.keys():
            break
        last = numbers | last
    return Printed(last, {label: tuple(values) for label, values in series.items()})


def _label(text: str) -> str:
    """The words that name the number behind `text`; empty when there are none."""
    words = [part for part in _SEPARATOR.split(text) if re.search(r"[^\W\d_]", part)]
    if not words or len(words[-1]) > 60:
        return ""
    label = re.sub(r"\s+", " ", words[-1]).strip(" :=~*#-–—>→<()[]{}'\"./")
    return re.sub(r"\s+(is|of|was)$", "", label)


def _value(match: re.Match[str], label: str) -> float:
    """The number of a match as a float; percentages and hits of a total as fractions."""
    value = float(match["value"].replace(",", ""))
    if match["percent"]:
        return value / 100
    total = int(match["total"] or 0)
    return value / total if total and not _COUNTERS.search(label) else value
