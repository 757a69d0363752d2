"""Turn edits into text: the edited source, the unified diff, and the files on disk.

A fix is only written over the very text that it was verified on; encoding, line breaks, permissions and the
final line break (or its absence) of each file stay as they are.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import tempfile
import tokenize
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from unstuck.cells import is_notebook
from unstuck.facts import Edit, Fix, Source
from unstuck.problems import Problem
from unstuck.trace.running.notebooks import with_change
from unstuck.trace.running.sources import apply_edits, program_text, unify

__all__ = ["apply_edits", "diff_of", "unified_diff", "write_fix"]


def unified_diff(path: str, before: str, after: str) -> str:
    """The change from `before` to `after` as a patch with three lines of context; empty when equal."""
    old, new = (io.StringIO(text, newline="").readlines() for text in (before, after))
    pieces = []
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        pieces.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(pieces)


def diff_of(edits: Sequence[Edit], sources: Iterable[Source]) -> str:
    """The unified diff of `edits` over all the files that they touch."""
    texts = {source.path: source.text for source in sources}
    diffs = []
    for path in dict.fromkeys(edit.span.path for edit in edits):
        after = apply_edits(texts[path], [edit for edit in edits if edit.span.path == path])
        diffs.append(unified_diff(path, texts[path], after))
    return "".join(diffs)


def write_fix(fix: Fix, sources: Iterable[Source]) -> tuple[str, ...]:
    """Apply `fix` to the files on disk and return the paths that changed.

    Raises Problem, before anything is written, when a file no longer holds the text of its Source.
    """
    texts = {source.path: source.text for source in sources}
    changed = {
        path: _changed(path, texts, [edit for edit in fix.edits if edit.span.path == path])
        for path in dict.fromkeys(edit.span.path for edit in fix.edits)
    }
    for path, content in changed.items():
        _replace(os.path.realpath(path), content)
    return tuple(changed)


def _changed(path: str, texts: dict[str, str], edits: list[Edit]) -> bytes:
    """The new content of one file, in its own encoding and with its own line breaks."""
    again = "run unstuck on the script again"
    try:
        with open(path, "rb") as file:
            content = file.read()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = program_text(path, content) if is_notebook(path) else content.decode(encoding)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise Problem(f"{path} cannot be read: {error}", again) from None
    if path not in texts or unify(text) != unify(texts[path]):
        raise Problem(f"{path} has changed since it was diagnosed; nothing was written", again)
    breaks = re.findall(r"\r\n|\r|\n", text)
    usual = max(set(breaks), key=breaks.count, default="\n")
    local = [replace(edit, text=unify(edit.text).replace("\n", usual)) for edit in edits]
    if is_notebook(path):
        return with_change(path, content, lambda cells: apply_edits(cells, local))
    return apply_edits(text, local).encode(encoding)


def _replace(path: str, content: bytes) -> None:
    """Replace the file in one move; it keeps its permissions."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".unstuck-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
