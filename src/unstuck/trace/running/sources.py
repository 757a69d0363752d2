"""The user's program as text: read it as python would, and edit it at exact spans.

Python decodes a file by its byte order mark or its coding comment (PEP 263, UTF-8 otherwise) and knows three
line breaks: LF, CR LF and CR.  Spans count lines and columns in that decoded text, so that an edit leaves
every other character of the file alone.
"""

from __future__ import annotations

import ast
import gc
import io
import linecache
import os
import re
import tokenize
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import TypeVar

from unstuck.cells import in_words, is_notebook, translated
from unstuck.facts import Edit, Source, Span
from unstuck.problems import Problem
from unstuck.trace.running.notebooks import script_of

Parsed = TypeVar("Parsed")

_BREAK = re.compile(r"\r\n|\r|\n")


def decode(content: bytes) -> str:
    """The text of a source file as python reads it: decoded by PEP 263, every line break as a single LF.

    Raises SyntaxError for an unknown encoding and UnicodeDecodeError for bytes that do not fit it.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    return unify(content.decode(encoding))


def unify(text: str) -> str:
    """`text` with every line break as a single LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def program_text(path: str, content: bytes) -> str:
    """The python text of a file: that of a script, or the code cells of a notebook one after the other.

    Raises what `decode` raises, and Problem for a notebook that is broken or in another language.
    """
    return unify(script_of(path, content)) if is_notebook(path) else decode(content)


def read_source(path: str) -> Source:
    """The file at `path`; raises Problem when it is missing, a folder, or not python text."""
    if os.path.isdir(path):
        raise Problem(f"{path} is a folder, not a python script", "name the script that trains the network")
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise Problem(f"there is no file {path}", "check the spelling and the current folder") from None
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}") from None
    if b"\0" in content:
        raise Problem(f"{path} is not a python script: it holds binary data")
    try:
        return Source(path, program_text(path, content))
    except (SyntaxError, UnicodeDecodeError) as error:
        hint = "save the file as UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-"
        raise Problem(f"{path} cannot be decoded: {error}", hint) from None


def check_syntax(source: Source) -> None:
    """Raise Problem with python's own message, line and caret when `source` does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(ast.parse(source.text, source.path), source.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        told = translated("".join(traceback.format_exception_only(error)).rstrip(), source)
        old = "Missing parentheses in call to" in str(error)
        hint = "this looks like Python 2; port the script to Python 3 first" if old else ""
        raise Problem(f"{source.path} does not compile\n{told}", hint, exit_code=1) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise Problem(f"{source.path} does not compile: {error}", exit_code=1) from None


def line_in_words(span: Span) -> str:
    """`line 57`, or in a notebook `cell 3, line 5`, by the text that ran."""
    return in_words(Source(span.path, "".join(linecache.getlines(span.path))), span.line)


def undisturbed(parse: Callable[[], Parsed]) -> Parsed:
    """What a function that parses gives, from any thread.

    Before 3.11.8 and 3.12.2 all threads of Python count the depth of their trees with one counter, and give up
    when a garbage collection lets another thread, or a finaliser, parse in between (cpython issue 106905).
    """
    try:
        return parse()
    except SystemError:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return parse()
        finally:
            if collecting:
                gc.enable()


def parsed(text: str) -> ast.Module:
    """The syntax tree of `text`, from any thread; raises SyntaxError and ValueError as `ast.parse` does."""
    return undisturbed(lambda: ast.parse(text))


def expression(text: str) -> ast.expr:
    """The syntax tree of an expression, from any thread; raises SyntaxError and ValueError as `ast.parse` does."""
    match parsed(text).body:
        case [ast.Expr(value)]:
            return value
    raise SyntaxError(f"not one expression: {text}")


# ----- Spans and edits ----------------------------------------------------------------------------------


def line_starts(text: str) -> list[int]:
    """Offset of the first character of every line, the empty one after a last line break included."""
    return [0, *(match.end() for match in _BREAK.finditer(text))]


def offsets(text: str, span: Span) -> tuple[int, int]:
    """Start and end offset of `span` in `text`; raises ValueError when it does not lie inside."""
    starts = line_starts(text)
    try:
        low = starts[span.line - 1] + span.column - 1
        high = starts[span.end_line - 1] + span.end_column - 1
    except IndexError:
        raise ValueError(f"{span} lies outside the text") from None
    if span.line < 1 or span.column < 1 or not low <= high <= len(text):
        raise ValueError(f"{span} lies outside the text")
    return low, high


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` with the text of every edit's span replaced; everything else stays, character by character.

    All spans refer to the original text and may come in any order.  Edits of one place that only insert are
    applied in the order given.  Raises ValueError when two spans overlap or one lies outside the text.
    """
    placed = sorted(((*offsets(text, edit.span), edit.text) for edit in edits), key=lambda item: item[:2])
    pieces, position = [], 0
    for low, high, replacement in placed:
        if low < position:
            raise ValueError("two edits overlap")
        pieces += [text[position:low], replacement]
        position = high
    return "".join([*pieces, text[position:]])
