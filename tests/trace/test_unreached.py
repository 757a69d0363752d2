"""What a program was stopped before is named, where it looks like training, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstuck.facts import Source, Span
from unstuck.trace.session import Job, record
from unstuck.trace.unreached import unreached

LOOPS = """\
for x in rows:
    w -= rate * gradient(x)
for x in rows:
    w[0] = w[0] - rate * error
while True:
    w += rate * x.T.dot(error)
for x in rows:
    hits += 1
    left -= 1
    total += loss(x) * len(x)
"""


def _named(lines: list[int], files: int = 1) -> tuple[str, ...]:
    sources = [Source(f"{name}.py", LOOPS) for name in "ab"[:files]]
    return unreached(sources, [Span("a.py", line, 0, line + 1, 0) for line in lines])


@pytest.mark.parametrize(
    ("lines", "said"),
    [([1], "the loop at line 1 "), ([3, 5, 7], "the loops at lines 3, 5 "), ([7], None), ([], None)],
)
def test_only_loops_that_update_something_are_named(lines: list[int], said: str | None) -> None:
    """Counting, and adding up a loss, is no training."""
    found = _named(lines)
    assert said in found[0] if said else not found


def test_a_line_of_one_of_several_files_is_named_with_its_file() -> None:
    """A number alone would not say where."""
    assert "a.py, line 1 " in _named([1], files=2)[0]


def test_a_program_that_was_stopped_says_what_it_was_stopped_before(tmp_path: Path) -> None:
    """A second training behind a long first one is not silently part of the verdict."""
    lines = [
        "import numpy as np",
        "x = np.linspace(-1, 1, 40)[:, None]",
        "for w in (np.array([[0.5]]), np.array([[2.0]])):",
        "    pass",
        "for step in range(10**6):",
        "    e = x @ w - 2 * x",
        "    w = w - 0.001 * x.T @ e / 40",
        "v = w.copy()",
        "for step in range(10**6):",
        "    v = v - 0.1 * v ** 2",
    ]
    path = tmp_path / "two.py"
    path.write_text("\n".join(lines))
    trace = record(Job(str(path)), timeout=60)
    assert trace.outcome.stopped_early
    assert any("the loop at line 9 " in note and "--full-run" in note for note in trace.notes)
