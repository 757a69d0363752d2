"""Places in the small programs of these tests, found by their words."""

from __future__ import annotations

from unstuck.facts import Span


def span_of(text: str, words: str) -> Span:
    """The span of `words`, which stand once in `text`."""
    assert text.count(words) == 1, words
    low = text.index(words)
    line = text.count("\n", 0, low) + 1
    column = low - text.rfind("\n", 0, low)
    return Span("net.py", line, column, line, column + len(words))
