"""The terminal report: golden texts, and promises that hold for any report."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.stuck_report import effect, estimate, stuck_report
from unstuck.facts import Advice, Edit, Effect, Finding, Fix, Report, Source, Span, Validation
from unstuck.report.terminal import render
from unstuck.verdict import verdict

GOLDEN = Path(__file__).parent / "golden"


def plain(report: Report, width: int = 80, ascii: bool = False) -> str:
    """The report without colour."""
    return render(report, width=width, colour=False, ascii=ascii)


def scrub(text: str) -> str:
    """Digits of measured figures out; words, places and layout stay."""
    return re.sub(r"\d+\.\d+(e-?\d+)?|\de-\d+", lambda match: "9" * len(match[0]), text)


def good_report() -> Report:
    """A report on a network whose backward pass is right and of which nothing else is known."""
    report = stuck_report()
    gradients = tuple(replace(g, status="exact", explanation=None) for g in report.trace.gradients)
    trace = replace(report.trace, status="exact", gradients=gradients, recipe=None, recipe_reason="a loop")
    return Report(verdict(trace, None, None), trace, study_reason="the network was not recognised: a loop")


@pytest.mark.parametrize(
    ("name", "width", "ascii"),
    [("stuck-80", 80, False), ("stuck-100", 100, False), ("stuck-80-ascii", 80, True)],
)
def test_golden_report(name: str, width: int, ascii: bool) -> None:
    """The report of the stuck network reads as it did when a person last read it."""
    path = GOLDEN / f"{name}.txt"
    text = scrub(plain(stuck_report(), width, ascii))
    if os.environ.get("UNSTUCK_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_first_line_after_the_header_is_the_answer() -> None:
    """The verdict stands right below the header."""
    header, answer = plain(stuck_report(), 200).split("\n\n")[:2]
    assert header.startswith("unstuck ")
    assert answer.strip().startswith("Stuck at 0.794 ±0.003: one line of the backward pass is wrong.")


@pytest.mark.parametrize("width", [72, 80, 88, 100, 140])
@pytest.mark.parametrize("ascii", [False, True])
def test_no_line_is_wider_than_asked(width: int, ascii: bool) -> None:
    """No line is wider than the terminal, and none ends in a space."""
    for line in plain(stuck_report(), width, ascii).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


def test_narrow_terminal_loses_no_figure() -> None:
    """Below 72 columns the lines keep 72, so that no table is cut through its figures."""
    assert plain(stuck_report(), 40) == plain(stuck_report(), 72)


def test_ascii_is_ascii() -> None:
    """With `ascii` every character is one."""
    assert plain(stuck_report(), ascii=True).isascii()


def test_colour_changes_nothing_but_colour() -> None:
    """Without its escape sequences the coloured report is the plain one."""
    coloured = render(stuck_report(), width=80, colour=True, ascii=False)
    assert "\x1b[" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == plain(stuck_report()).splitlines()


def test_caret_stands_under_the_blamed_words() -> None:
    """The caret line underlines exactly the blamed expression."""
    lines = plain(stuck_report()).splitlines()
    at = next(i for i, line in enumerate(lines) if "return output >= 0" in line)
    caret = lines[at + 1]
    assert lines[at][caret.index("^") : caret.rindex("^") + 1] == "output >= 0"


@pytest.mark.parametrize("indent", ["\t\t", "        ", "\u4e2d = 1; "])
def test_caret_survives_tabs_and_wide_characters(indent: str) -> None:
    """Tabs and characters of two cells before the blamed words do not shift the caret."""
    report = stuck_report()
    line = f"{indent}return output >= 0"
    span = Span("a.py", 1, line.index("output") + 1, 1, len(line) + 1)
    trace = replace(report.trace, sources=(Source("a.py", line + "\n"),))
    finding = replace(report.findings[0], span=span, uses=())
    lines = plain(replace(report, trace=trace, findings=(finding,))).splitlines()
    at = next(i for i, text in enumerate(lines) if "return output" in text)
    wide = lines[at].count("\u4e2d")
    assert lines[at].index("output") + wide == lines[at + 1].index("^")
    assert lines[at + 1].count("^") == len("output >= 0")


def test_what_comes_before_is_not_said_to_be_a_use() -> None:
    """A place above the blamed one, such as the update that came too early, has led to it."""
    report = stuck_report()
    span, before, after = (Span(report.findings[0].span.path, line, 1, line, 4) for line in (3, 2, 4))
    shown = plain(replace(report, findings=(replace(report.findings[0], span=span, uses=(after, before)),)))
    assert shown.count("^ see also") == shown.count("^ used here") == 1
    assert shown.index("see also") < shown.index("used here")
    numbers = [int(found) for found in re.findall(r"^ *(\d+) │", shown, re.MULTILINE)]
    assert numbers == sorted(numbers)


def test_long_line_is_shown_around_the_caret() -> None:
    """Of a line of a thousand characters the blamed part is shown."""
    report = stuck_report()
    line = "x = " + "1 + " * 300 + "wrong + " + "2 + " * 300 + "0"
    column = line.index("wrong") + 1
    trace = replace(report.trace, sources=(Source("a.py", line),))
    finding = replace(report.findings[0], span=Span("a.py", 1, column, 1, column + 5), uses=())
    lines = plain(replace(report, trace=trace, findings=(finding,))).splitlines()
    at = next(i for i, text in enumerate(lines) if "^" in text)
    assert lines[at - 1][lines[at].index("^") :][:5] == "wrong"


def test_a_long_path_gives_way_to_the_line() -> None:
    """Of a place that does not fit, the end of the path and the line are shown."""
    report = stuck_report()
    path = "a folder with a very long name/" * 4 + "net.py"
    trace = replace(report.trace, sources=(Source(path, "x = wrong\n"),))
    finding = replace(report.findings[0], span=Span(path, 1, 5, 1, 10), uses=())
    framed = next(
        line for line in plain(replace(report, trace=trace, findings=(finding,))).splitlines() if "┌─" in line
    )
    assert framed.endswith("/net.py:1:5")
    assert len(framed) <= 88
    assert "…" in framed


def test_a_line_of_another_file_is_named_with_it() -> None:
    """A number alone would be looked for in the program that was started."""
    report = stuck_report()
    trace = replace(report.trace, sources=(Source("main.py", "import net\n"), Source("net.py", "a\nb\nc\n")))
    finding = replace(report.findings[0], severity="note", span=Span("net.py", 3, 1, 3, 2), uses=(), fix=None)
    assert "  net.py, line 3" in plain(replace(report, trace=trace, findings=(finding,)))


def test_form_feed_is_no_line_break() -> None:
    """A form feed, which Python does not count as a line break, does not shift the shown line."""
    report = stuck_report()
    trace = replace(report.trace, sources=(Source("a.py", "a = 1\n\x0cb = 2\nc = 3\n"),))
    finding = replace(report.findings[0], span=Span("a.py", 3, 1, 3, 2), uses=())
    assert "3 │ c = 3" in plain(replace(report, trace=trace, findings=(finding,)))


HOSTILE = [
    "[red]not red[/red] [/] [link=http://x]y[/link]",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "a\rb\nc\x00d\u202ee",
    ":smile: {curly} %s",
    "long " * 400,
    "x" * 3000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    """Markup in names, lines and messages is printed as it is; control characters never are."""
    report = stuck_report()
    finding = replace(
        report.findings[0], message=text, evidence=(text,), fix=Fix(text, "safe", diff=f"+{text}")
    )
    trace = replace(report.trace, sources=(Source("examples/stuck.py", text),), notes=(text,))
    out = plain(replace(report, verdict=text, trace=trace, findings=(finding,)))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert max(map(len, out.splitlines())) <= 80
    if text.startswith("["):
        assert text in out


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text())
def test_any_text_can_be_rendered(message: str, line: str) -> None:
    """No source line or message makes the renderer fail or write a control character."""
    report = stuck_report()
    finding = replace(report.findings[0], message=message, span=Span("a.py", 1, 1, 1, 3), uses=())
    trace = replace(report.trace, sources=(Source("a.py", line),))
    out = plain(replace(report, trace=trace, findings=(finding,)), ascii=True)
    assert re.fullmatch(r"[\n\x20-\x7e]*", out)


def test_right_backward_pass_is_said_plainly() -> None:
    """Where every gradient is exact, the report says so and says why nothing was retrained."""
    text = " ".join(plain(good_report()).split())
    assert "The backward pass is right: every gradient equals automatic differentiation (24 steps)." in text
    assert "nothing was retrained: the network was not recognised: a loop" in text
    assert "no findings" in text


def test_unmeasured_suspicion_says_not_measured() -> None:
    """A suspicion without a measurement is followed by "not measured", a plain remark is not."""
    base = good_report()
    suspicion = Finding("M201", "missing-bias", "note", "no layer has a bias")
    remark = Finding("E601", "accuracy-under-dropout", "note", "counted under dropout")
    text = plain(replace(base, findings=(suspicion, remark)))
    assert re.search(r"M201.*not measured", text)
    assert not re.search(r"E601.*not measured", text)


def test_what_was_tried_in_vain_is_listed_with_figures() -> None:
    """Changes without effect and changes that hurt are listed apart, each with its interval."""
    text = " ".join(plain(stuck_report()).split())
    assert re.search(r"made no difference .*standardised inputs \+0\.1 ±0\.3", text)
    assert re.search(r"made it worse .*learning rate ×10 −12\.1 ±1\.4", text)


def test_reasons_of_what_does_not_apply_are_given() -> None:
    """Checks that did not apply are listed with their reason, those with the same reason together."""
    reasons = (("M202", "the network has no dropout"), ("E601", "the network has no dropout"))
    text = plain(replace(stuck_report(), not_applicable=reasons))
    assert "M202, E601: the network has no dropout" in text


def test_negative_steps_of_the_path_are_drawn() -> None:
    """A repair that costs accuracy alone is drawn backwards and keeps its figure."""
    report = stuck_report()
    assert report.study is not None
    path: tuple[Effect, ...] = (effect("derivative", -3.0), effect("bias", 16.5))
    text = plain(replace(report, study=replace(report.study, path=path)))
    assert re.search(r"right derivative +█+ +−3\.0 ±0\.2", text)
    rows = {line.split("  ")[1]: line for line in text.splitlines() if "█" in line or "as written  " in line}
    start = rows["as written"].index("│")
    assert rows["right derivative"].index("█") < start
    assert rows["bias"].index("█") == rows["right derivative"].index("█")


def test_arrows_need_intervals_that_do_not_overlap() -> None:
    """Advice gets an arrow only where the intervals before and after lie apart."""
    report = stuck_report()
    assert report.study is not None
    before, near, far = estimate(0.80, 0.01), estimate(0.805, 0.01), estimate(0.90, 0.01)
    advice = (Advice("a", (before, near), (near, before)), Advice("b", (before, far), (far, before)))
    text = plain(replace(report, study=replace(report.study, advice=advice)))
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("     ") and "→ 0" in line}
    assert re.findall("[▲▼=]", rows["a"]) == ["=", "="]
    assert re.findall("[▲▼=]", rows["b"]) == ["▲", "▼"]


def test_study_that_does_not_reproduce_the_script_is_doubted() -> None:
    """Where the engine misses the script's own accuracy, the report says so right below the verdict."""
    report = stuck_report()
    assert report.study is not None
    failed = Validation(False, "retrained it scores 0.60, your script 0.78; read the figures with care")
    text = " ".join(plain(replace(report, study=replace(report.study, validation=failed))).split())
    assert text.index("Careful: retrained it scores 0.60") < text.index("error[G101]")
    assert text.count("read the figures with care") == 1


def test_note_of_several_lines_keeps_them() -> None:
    """A note of several lines, such as a traceback, keeps its lines."""
    report = stuck_report()
    text = plain(replace(report, trace=replace(report.trace, notes=("Traceback:\n  File x\nValueError",))))
    assert "- Traceback:\n    File x\n  ValueError\n" in text


def test_long_patch_is_cut_and_says_so() -> None:
    """Of a long patch the beginning is shown, with the number of lines that are missing."""
    report = stuck_report()
    fix = Fix("rewrite", "review", diff="".join(f"+line {i}\n" for i in range(40)))
    text = plain(replace(report, findings=(replace(report.findings[0], fix=fix),)))
    assert "and 28 more lines" in text
    assert "review · not verified" in text


def test_fault_that_another_patch_mends_is_not_told_to_have_none() -> None:
    """A patch may repair several faults at once: it is shown with the first, and the others say so."""
    report = stuck_report()
    first = report.findings[0]
    assert first.span is not None
    assert first.fix is not None
    elsewhere = replace(first.span, line=first.span.line + 20, end_line=first.span.line + 20)
    both = replace(first.fix, edits=(*first.fix.edits, Edit(elsewhere, "b -= rate * db\n")))
    second = replace(first, span=elsewhere, uses=(), fix=None)
    text = plain(replace(report, findings=(replace(first, fix=both), second)))
    assert "= patch     part of the verified one above" in text
    alone = plain(replace(report, findings=(first, second)))
    assert "= patch     none verified" in alone
