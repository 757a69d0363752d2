"""The user's program: its files, regions in them, and changes of their text.

Lines and columns count from 1, and an end column is one past the last character (the convention of SARIF and of most
editors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Value = Literal["derivative", "same", "other", "misfit", "fails"]


@dataclass(frozen=True)
class Source:
    """One file of the user's program, as it was read."""

    path: str
    text: str

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its line break; empty when there is no such line."""
        lines = self.text.split(
            "\n"
        )  # splitlines() would also split at form feeds, which python does not count
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


@dataclass(frozen=True, order=True)
class Span:
    """A region of a source file; lines and columns from 1, `end_column` exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __hash__(self) -> int:
        """Of what tells spans apart nearly always: they are asked for a million times."""
        return hash((self.line, self.column, self.end_column))


@dataclass(frozen=True)
class Edit:
    """Replace the text of `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True)
class Probe:
    """Expressions that might stand in the place of the value of one statement, evaluated where it stands.

    span   of the statement
    texts  the expressions; the first is the one that the program has
    shape  an expression whose shape all others must fit; empty: none
    found  what each turned out to be, in a Trace: "fails" where it cannot be computed, "misfit" where it has another
           shape than the program's, "derivative" where it is in every step a multiple of a true derivative of the
           loss, and not of what the program has, "same" where it is just that, else "other"; empty where the
           statement never ran
    """

    span: Span
    texts: tuple[str, ...]
    shape: str = ""
    found: tuple[Value, ...] = ()
