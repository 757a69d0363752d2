"""Text that is safe to print: no control characters, inert markup, plain ASCII where the terminal needs it.

Everything that comes from a script (lines, names, file names, messages) goes through a `Pen` before it is
laid out, so that no script can move the cursor, colour the report or break a table.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

PLAIN = {
    "→": "->",
    "±": "+/-",
    "×": "x",
    "·": "|",
    "−": "-",
    "…": "...",
    "°": " degrees",
    "≥": ">=",
    "≤": "<=",
    "≈": "~",
    "▲": "^",
    "▼": "v",
    "█": "#",
    "▓": "#",
    "░": ".",
    "▏": "|",
    "│": "|",
    "┌": "+",
    "─": "-",
    "├": "|",
    "┤": "|",
    "\N{REPLACEMENT CHARACTER}": "?",
}
TAB = 4
HOLD = "\ue000"  # a private character that stands for a space at which no line may break


@dataclass(frozen=True)
class Pen:
    """How to write: the width in terminal cells, with or without colour, and whether ASCII must do."""

    width: int
    colour: bool = False
    ascii: bool = False

    def clean(self, text: str) -> str:
        """`text` on one line without control characters, and in ASCII if need be."""
        visible = "".join(_visible(character) for character in text)
        held = visible.replace(" ±", f"{HOLD}±")
        return "".join(map(_plain, held)) if self.ascii else held

    def text(self, *parts: str | tuple[str, str]) -> Text:
        """A line from plain strings and (string, style) pairs; nothing in them is read as markup."""
        line = Text()
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            line.append(self.clean(words), style=style or None)
        return line

    def hang(self, lead: Text, body: Text) -> list[Text]:
        """`body` wrapped beside `lead`; further lines are indented to where the first one began."""
        room = max(self.width - lead.cell_len, 20)
        rows = body.wrap(self._console(StringIO()), room) or [Text()]
        indent = Text(" " * lead.cell_len)
        lines = [(lead if number == 0 else indent) + row for number, row in enumerate(rows)]
        for line in lines:
            line.rstrip()
        return lines

    def apart(self, left: Text, right: Text) -> list[Text]:
        """`right` at the right margin of the first line; `left` is wrapped before it."""
        room = self.width - right.cell_len - 2
        rows = left.wrap(self._console(StringIO()), max(room, 20))
        gap = Text(" " * max(self.width - rows[0].cell_len - right.cell_len, 2))
        return [rows[0] + gap + right, *(Text("  ") + row for row in rows[1:])]

    def cells(self, text: str) -> int:
        """How many terminal cells the cleaned text takes."""
        return cell_len(self.clean(text))

    def write(self, lines: Iterable[Text]) -> str:
        """The lines as one string, with ANSI colours if the pen has them, never wider than the pen."""
        out = StringIO()
        console = self._console(out)
        for line in lines:
            console.print(line, no_wrap=True, overflow="crop", crop=True, highlight=False, markup=False)
        written = out.getvalue().replace(HOLD, " ")
        return "\n".join(line.rstrip() for line in written.split("\n"))

    def _console(self, file: StringIO) -> Console:
        return Console(
            file=file,
            width=self.width,
            force_terminal=self.colour,
            color_system="standard" if self.colour else None,
            no_color=not self.colour,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )


def _plain(character: str) -> str:
    """The nearest ASCII for one character; an escape such as \\u4e2d where there is none."""
    if character == HOLD:
        return character
    return PLAIN.get(character, character).encode("ascii", "backslashreplace").decode("ascii")


def _visible(character: str) -> str:
    """Tabs as spaces, other controls (escape, bidirectional overrides, line breaks) as a replacement mark."""
    if character == "\t":
        return " " * TAB
    category = unicodedata.category(character)
    if category in ("Zl", "Zp"):
        return " "
    return "\N{REPLACEMENT CHARACTER}" if category in ("Cc", "Cf", "Cs", "Co") else character
