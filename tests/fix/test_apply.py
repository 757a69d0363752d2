"""Edits reach exactly their spans, in memory, as a diff and on disk."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstuck.facts import Edit, Fix, Source, Span
from unstuck.fix.apply import apply_edits, diff_of, unified_diff, write_fix
from unstuck.problems import Problem
from unstuck.trace.running.sources import decode

TEXT = st.text(st.sampled_from("ab é☃\n"), max_size=30)


def span_of(text: str, low: int, high: int, path: str = "s.py") -> Span:
    """The span of text[low:high], computed from the text before it."""
    ends = [(text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1) for at in (low, high)]
    return Span(path, *ends[0], *ends[1])


@given(TEXT, st.data())
def test_edits_equal_slicing(text: str, data: st.DataObject) -> None:
    """Several edits in any order give what replacing the slices from the back gives."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    ranges = list(zip(cuts[::2], cuts[1::2], strict=False))
    words = [data.draw(TEXT) for _ in ranges]
    expected = text
    for (low, high), word in reversed(list(zip(ranges, words, strict=True))):
        expected = expected[:low] + word + expected[high:]
    edits = [Edit(span_of(text, *place), word) for place, word in zip(ranges, words, strict=True)]
    assert apply_edits(text, data.draw(st.permutations(edits))) == expected


@pytest.mark.parametrize("span", [(1, 1, 1, 9), (3, 1, 3, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 3, 1, 2)])
def test_spans_outside_the_text_are_refused(span: tuple[int, int, int, int]) -> None:
    """A span that is not in the text raises ValueError instead of changing something else."""
    with pytest.raises(ValueError, match="outside"):
        apply_edits("abc\nde", [Edit(Span("s.py", *span), "x")])


def test_overlapping_edits_are_refused() -> None:
    """Two edits of the same characters raise ValueError."""
    edits = [Edit(Span("s.py", 1, 1, 1, 3), "x"), Edit(Span("s.py", 1, 2, 1, 4), "y")]
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abcd", edits)


@pytest.mark.skipif(not shutil.which("patch"), reason="needs the program patch")
@pytest.mark.parametrize("text", ["a >= b\nc\n", "a >= b", "x\n" * 9 + "a >= b\n" + "y\n" * 9])
def test_patch_understands_the_diff(tmp_path: Path, text: str) -> None:
    """The program `patch` applies our diff and gives the edited text."""
    after = text.replace(">=", ">")
    (tmp_path / "s.py").write_text(text)
    diff = unified_diff("s.py", text, after)
    subprocess.run(["patch", "-p1"], input=diff, text=True, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "s.py").read_text() == after
    assert unified_diff("s.py", text, text) == ""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
@pytest.mark.parametrize("final", [True, False])
def test_files_keep_their_form(tmp_path: Path, newline: str, encoding: str, final: bool) -> None:
    """Encoding, byte order mark, line breaks, final line break, permissions and links stay as they were."""
    lines = [f"# -*- coding: {encoding} -*-", "é = 1 >= 1", "print(é)"]
    content = (newline.join(lines) + newline * final).encode(encoding)
    real = tmp_path / "real.py"
    real.write_bytes(content)
    real.chmod(0o750)
    link = tmp_path / "s.py"
    link.symlink_to(real)
    source = Source(str(link), decode(content))
    edits = (Edit(Span(str(link), 2, 7, 2, 9), ">"), Edit(Span(str(link), 3, 1, 3, 1), "pass\n"))
    fix = Fix("compare strictly", "safe", edits)
    assert write_fix(fix, [source]) == (str(link),)
    expected = content.replace(b">=", b">").replace(b"print", b"pass" + newline.encode() + b"print")
    assert real.read_bytes() == expected
    assert stat.S_IMODE(os.stat(real).st_mode) == 0o750
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["real.py", "s.py"]


def test_a_changed_file_is_not_touched(tmp_path: Path) -> None:
    """When one of two files has changed since the diagnosis, neither is written."""
    paths = [str(tmp_path / name) for name in ("a.py", "b.py")]
    for path in paths:
        Path(path).write_text("x >= y\n")
    sources = [Source(path, "x >= y\n") for path in paths]
    Path(paths[1]).write_text("x >= z\n")
    fix = Fix("", "safe", tuple(Edit(Span(path, 1, 3, 1, 5), ">") for path in paths))
    with pytest.raises(Problem, match="changed"):
        write_fix(fix, sources)
    assert Path(paths[0]).read_text() == "x >= y\n"
    assert diff_of(fix.edits, sources).count("\n+x > y\n") == 2
