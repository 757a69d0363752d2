"""IPython's additions to the language, turned into plain python that does no harm.

Only lines that python itself cannot read are touched, each in its place, so that every other line keeps its number
and its columns.  What measures (`%time f()`, a cell under `%%time`) runs once; what acts on the notebook or the
machine (`%matplotlib inline`, `!pip install`, `x?`) does nothing; a cell in another language is left out.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping

MEASURES = {
    "time",
    "timeit",
    "prun",
    "memit",
    "capture",
    "lprun",
    "mprun",
}  # magics whose code is the user's own
_CELL = re.compile(r"%%(?P<name>\w+)")
_LINE = re.compile(
    r"(?P<indent>\s*)(?P<target>[\w\s.,\[\]'\"]+=\s*)?"
    r"(?:%(?P<name>\w+)[ \t]*(?P<rest>.*)|(?P<shell>!).*|(?P<help>\?\??[\w.%]*|%{0,2}[\w.]+\?\??)\s*(?:\#.*)?)"
)
_BARE = re.compile(
    r"\s*(?:pip|conda|mamba|ls|cd|pwd|mkdir|cat|rm|cp|mv|clear|who|whos|matplotlib)(?:\s+[^=\s].*)?"
)
_OPTION = re.compile(r"-(?:[nrpcsmfT](?:\s*\S+)|\w+)\s+")  # -n 10, -n10, -q
_PYLAB = (
    "import numpy, matplotlib; from matplotlib import pyplot; from pylab import *; from numpy import *; "
    "np = numpy; plt = pyplot"
)
ACTIONS: Mapping[str, Callable[[str], str]] = {
    "cd": lambda rest: f"__import__('os').chdir({_unquoted(rest)!r})" if rest else "pass",
    "env": lambda rest: _environment(rest),
    "set_env": lambda rest: _environment(rest),
    "pylab": lambda rest: _PYLAB,
    "run": lambda rest: f"exec(compile(open({_script(rest)!r}).read(), {_script(rest)!r}, 'exec'))",
}  # magics that later cells may rely on


def plain_python(cell: str) -> str:
    """The text of a cell with every magic line replaced; line for line."""
    lines = cell.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    whole = _CELL.match(lines[first])
    if whole and whole["name"] not in MEASURES:
        return "\n".join(_comment(line) for line in lines)
    if whole:
        lines[first] = _comment(lines[first])
    for _ in lines:
        number = _unreadable(lines)
        if number is None or not _replace(lines, number):
            break
    return "\n".join(lines)


def _unreadable(lines: list[str]) -> int | None:
    """The index of the line at which python stops reading."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse("\n".join(lines))
    except SyntaxError as error:
        return min(max(error.lineno or 1, 1), len(lines)) - 1
    except ValueError:
        return None
    return None


def _replace(lines: list[str], number: int) -> bool:
    """Replace the magic at or just before this line, with the lines that a backslash adds to it; was there one?"""
    for candidate in (number, number - 1):
        new = _plain(lines[candidate]) if candidate >= 0 else None
        if new is not None:
            last = candidate
            while lines[last].endswith("\\") and last + 1 < len(lines):
                last += 1
            lines[candidate : last + 1] = [new, *map(_comment, lines[candidate + 1 : last + 1])]
            return True
    return False


def _plain(line: str) -> str | None:
    """What python runs instead of a magic line; None for a line that is none."""
    found = _LINE.fullmatch(line)
    if found is None:
        return f"pass  {_comment(line.strip())}" if _BARE.fullmatch(line) else None
    indent, target = found["indent"], found["target"]
    if target:  # x = !ls, x = %magic: nothing came back
        return f"{indent}{target.strip()} []  {_comment(line.strip())}"
    name, rest = found["name"] or "", (found["rest"] or "").strip()
    if name in MEASURES and rest:
        return f"{indent}{_OPTION.sub('', rest + ' ').strip() or 'pass'}"
    action = ACTIONS[name](rest) if name in ACTIONS else "pass"
    return f"{indent}{action}  {_comment(line.strip())}"


def _comment(line: str) -> str:
    return f"# {line}" if line.strip() else line


def _environment(rest: str) -> str:
    name, given, value = rest.partition("=")
    if not given:
        name, given, value = rest.partition(" ")
    return f"__import__('os').environ[{name.strip()!r}] = {_unquoted(value)!r}" if given else "pass"


def _script(rest: str) -> str:
    """The file that %run names, behind its options."""
    return next((word for word in rest.split() if not word.startswith("-")), "")


def _unquoted(text: str) -> str:
    return text.strip().strip("'\"")
