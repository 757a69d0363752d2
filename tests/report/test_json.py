"""The JSON form of a report, its way back, and the last report in the user's cache."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from report.stuck_report import stuck_report
from unstuck.facts import Report
from unstuck.problems import Problem
from unstuck.report import store
from unstuck.report.json import from_json, to_json
from unstuck.report.terminal import render

DOCUMENTED = {
    (): "schema tool script verdict gradient findings study ceiling passed not_applicable timings "
    "environment",
    ("script",): "path argv",
    ("gradient",): "status loss parameters",
    ("gradient", "parameters", 0): "name path line status cosine scale residual steps",
    ("findings", 0): "id slug severity path line column end_line end_column message evidence effect fix",
    ("findings", 0, "effect"): "points low high seeds",
    ("findings", 0, "fix"): "title safety diff proof",
    ("study",): "metric as_written repaired factors effects advice runs",
    ("ceiling",): "estimate low high model",
}


def dumped(report: Report) -> Any:
    """The report through the text of its JSON and back to plain values."""
    return json.loads(json.dumps(to_json(report), allow_nan=False))


@pytest.mark.parametrize("place", list(DOCUMENTED), ids=lambda place: ".".join(map(str, place)) or "top")
def test_documented_keys_are_there(place: tuple[Any, ...]) -> None:
    """Every documented key of the format stands in its place."""
    value = dumped(stuck_report())
    for step in place:
        value = value[step]
    assert set(DOCUMENTED[place].split()) <= set(value)


def test_values_of_the_public_keys() -> None:
    """The public keys say what the report says."""
    value = dumped(stuck_report())
    assert value["schema"] == 1
    assert value["gradient"]["status"] == "wrong"
    assert [parameter["status"] for parameter in value["gradient"]["parameters"]] == ["wrong", "exact"]
    first = value["findings"][0]
    assert (first["id"], first["line"], first["column"]) == ("G101", 7, 12)
    assert first["effect"]["points"] == 2.0
    assert value["study"]["as_written"]["mean"] == pytest.approx(0.794)
    assert value["passed"] == ["G100", "G102", "M203", "D401", "T501"]


def test_report_comes_back_whole() -> None:
    """A report that went through JSON renders as before, and its JSON is the same again."""
    report = stuck_report()
    again = from_json(dumped(report))
    for colour in (False, True):
        assert render(again, width=90, colour=colour, ascii=False) == render(
            report, width=90, colour=colour, ascii=False
        )
    assert to_json(again) == to_json(report)


def test_numbers_that_json_lacks() -> None:
    """NaN and infinities become null in the public keys and come back in the report."""
    report = stuck_report()
    wrong, exact = report.trace.gradients
    odd = replace(wrong, cosine=float("nan"), residual=float("inf"))
    report = replace(report, trace=replace(report.trace, gradients=(odd, exact)))
    value = dumped(report)
    assert value["gradient"]["parameters"][0]["cosine"] is None
    back = from_json(value).trace.gradients[0]
    assert np.isnan(back.cosine)
    assert back.residual == float("inf")


def test_rows_of_the_data_are_not_stored() -> None:
    """Large arrays are thinned out: the file stays small, the counts that the report shows stay right."""
    report = stuck_report()
    big = np.zeros((784, 300))
    wrong, exact = report.trace.gradients
    assert report.trace.data is not None
    data = replace(report.trace.data, y_test=np.eye(4)[report.trace.data.y_test])
    trace = replace(report.trace, gradients=(replace(wrong, written=big, exact=big), exact), data=data)
    text = json.dumps(to_json(replace(report, trace=trace)))
    assert len(text) < 500_000
    assert "8000/2000 rows" in render(from_json(json.loads(text)), width=100, colour=False, ascii=False)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ([], "not a report"),
        ({"schema": 1}, "not a report"),
        ({"schema": 2, "report": {}}, "schema 2"),
        ({"schema": 1, "report": {"__type__": "Report"}}, "not a stored Report"),
        ({"schema": 1, "report": {"__type__": "Span", "path": "a", "line": 1}}, "not a stored Span"),
        ({"schema": 1, "report": 3}, "not a report"),
    ],
)
def test_other_objects_are_refused(stored: Any, words: str) -> None:
    """What is no report, or one of another version, is refused in words."""
    with pytest.raises(ValueError, match=words):
        from_json(stored)


# ----- The cache ----------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own."""
    monkeypatch.setenv("UNSTUCK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_last_report_is_kept(cache: Path) -> None:
    """The last report and its folder come back from the cache; no other file is left there."""
    store.save(stuck_report())
    report, folder = store.load()
    assert to_json(report) == to_json(stuck_report())
    assert folder == Path.cwd()
    assert [path.name for path in cache.iterdir()] == [store.LAST]


def test_no_last_report_is_a_problem(cache: Path) -> None:
    """Without a last report the user learns how to make one."""
    with pytest.raises(Problem, match="no last report") as caught:
        store.load()
    assert "unstuck your_script.py" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '{"schema": 1}', '{"schema": 9, "report": 0}', "\x80"]
)
def test_damaged_or_foreign_report_is_a_problem(cache: Path, text: str) -> None:
    """A damaged or foreign file is a plain message, never a traceback."""
    cache.mkdir()
    (cache / store.LAST).write_bytes(text.encode("latin-1"))
    with pytest.raises(Problem, match="cannot be used"):
        store.load()


def test_unwritable_cache_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache cannot be written, saving says so and nothing else happens."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNSTUCK_CACHE", str(tmp_path / "file" / "cache"))
    assert store.save(stuck_report()) is None


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.cache/unstuck"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/unstuck"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/unstuck"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/unstuck/Cache"),
        ("win32", {"UNSTUCK_CACHE": "/u"}, "/u"),
    ],
)
def test_cache_folder_follows_the_platform(platform: str, environ: dict[str, str], expected: str) -> None:
    """The cache lies where each platform keeps such files, unless UNSTUCK_CACHE names another place."""
    assert store.cache_folder(environ, platform) == Path(expected)
