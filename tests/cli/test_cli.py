"""The command line, with a conductor that returns a report built by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from report.stuck_report import PATH, TEXT, span_of, stuck_report
from unstuck.cli import main
from unstuck.facts import Edit, Report
from unstuck.problems import Interrupted, Problem


class Conductor:
    """Stands in for `unstuck.diagnose`: remembers how it was called, returns or raises what it was given."""

    def __init__(self) -> None:
        self.result: Report | BaseException = stuck_report()
        self.target, self.rest = "", ()  # type: str, Sequence[str]
        self.options: dict[str, Any] = {}

    def diagnose(self, target: str, rest: Sequence[str] = (), **options: Any) -> Report:
        self.target, self.rest, self.options = target, rest, options
        options["progress"]("recording", None)
        options["progress"]("retraining", 0.5)
        options["progress"]("retraining", 1.0)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.fixture
def conductor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Conductor:
    """The stand-in, an empty working directory with a script, and a cache of our own."""
    stand_in = Conductor()
    module = types.ModuleType("unstuck.conductor")
    vars(module)["diagnose"] = stand_in.diagnose
    monkeypatch.setitem(sys.modules, "unstuck.conductor", module)
    monkeypatch.setenv("UNSTUCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "train.py").write_text("print('hello')\n")
    return stand_in


def test_report_on_stdout_progress_on_stderr(
    conductor: Conductor, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report goes to standard output, one line per stage to standard error, and the code is 0."""
    assert main(["train.py"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("unstuck ")
    assert "error[G101]" in out
    assert err == "unstuck: recording\nunstuck: retraining\n"
    assert "\x1b" not in out + err


def test_nothing_is_written_beside_the_script(conductor: Conductor) -> None:
    """The working directory holds what it held before."""
    main(["train.py"])
    assert [path.name for path in Path.cwd().iterdir()] == ["train.py"]


def test_arguments_of_the_script_pass_untouched(conductor: Conductor) -> None:
    """Everything after the script reaches the conductor as it was typed."""
    main(["--quick", "--seeds", "7", "train.py", "--quick", "-q", "--", "a b"])
    assert (conductor.target, list(conductor.rest)) == ("train.py", ["--quick", "-q", "--", "a b"])
    assert (conductor.options["quick"], conductor.options["seeds"]) == (True, 7)
    assert (conductor.options["module"], conductor.options["study"]) == (False, True)


def test_module_form(conductor: Conductor) -> None:
    """With -m the name is a module and need not be a file."""
    assert main(["-m", "package.train", "x"]) == 0
    assert (conductor.target, list(conductor.rest)) == ("package.train", ["x"])
    assert conductor.options["module"] is True


def test_check_does_not_retrain(conductor: Conductor) -> None:
    """`unstuck check` asks for no study; its options may stand on either side of the word."""
    assert main(["--quick", "check", "--seeds", "3", "train.py", "y"]) == 0
    assert conductor.options["study"] is False
    assert (conductor.options["quick"], conductor.options["seeds"]) == (True, 3)
    assert list(conductor.rest) == ["y"]


@pytest.mark.parametrize("arguments", [["./check"], ["--", "check"]])
def test_file_named_like_a_command(conductor: Conductor, arguments: list[str]) -> None:
    """A script that is called like a command can be run by its path, or after --."""
    Path("check").write_text("")
    assert main(arguments) == 0
    assert conductor.options["study"] is True


def test_json_leaves_stdout_pure(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """Bare --json prints one JSON object and nothing else on standard output."""
    assert main(["--json", "train.py"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1


def test_json_into_a_file(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """--json=PATH writes the file and still prints the report; a path that cannot be written is a problem."""
    assert main(["--json=out.json", "train.py"]) == 0
    assert json.loads(Path("out.json").read_text())["schema"] == 1
    assert "error[G101]" in capsys.readouterr().out
    assert main(["--json=train.py/out.json", "train.py"]) == 2


def test_quiet_is_silent(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """With -q nothing is written to standard error."""
    main(["-q", "train.py"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("limit", "severity", "expected"),
    [
        ("error", "error", 1),
        ("error", "warning", 0),
        ("warning", "error", 1),
        ("warning", "warning", 1),
        ("warning", "note", 0),
        ("note", "note", 1),
    ],
)
def test_fail_on(conductor: Conductor, limit: str, severity: Any, expected: int) -> None:
    """--fail-on turns findings of that severity or worse into exit code 1."""
    report = stuck_report()
    conductor.result = replace(report, findings=(replace(report.findings[0], severity=severity),))
    assert main(["--fail-on", limit, "train.py"]) == expected


def test_problem_ends_with_its_code(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """A problem is a sentence and a hint on standard error, with the exit code that it carries."""
    conductor.result = Problem("train.py failed after 0 steps", "see its traceback above", 3)
    assert main(["-q", "train.py"]) == 3
    out, err = capsys.readouterr()
    assert (out, err) == ("", "unstuck: train.py failed after 0 steps\n  see its traceback above\n")


def test_interrupt(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with 130; what was done until then is shown and kept."""
    conductor.result = KeyboardInterrupt()
    assert main(["train.py"]) == 130
    assert capsys.readouterr().out == ""
    conductor.result = Interrupted()
    assert main(["train.py"]) == 130
    assert capsys.readouterr().out == ""
    conductor.result = Interrupted(stuck_report())
    assert main(["train.py"]) == 130
    assert "error[G101]" in capsys.readouterr().out
    assert main(["show"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ([], "which program?", "unstuck --help"),
        (["chekc"], "no such file or command: chekc", "`unstuck check`"),
        (["trian.py"], "no such file: trian.py", "`train.py`"),
        (["absent/x.py"], "no such file: absent/x.py", ""),
        (["."], ". is a folder", "unstuck -m"),
        (["--fast", "train.py"], "unrecognized arguments: --fast", "--help"),
        (["explain", "G110"], "no such check: G110", "did you mean G1"),
        (["explain"], "ID", "unstuck explain --help"),
        (["show"], "no last report", "unstuck your_script.py"),
        (["fix"], "no last report", "unstuck your_script.py"),
    ],
)
def test_usage_problems(
    conductor: Conductor,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    hint: str,
) -> None:
    """A wrong command line ends with code 2, says what is wrong, and says what was probably meant."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert hint in err


def test_show_renders_the_last_report(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """`unstuck show` prints the last report again; with --json as JSON, on standard output or into a file."""
    main(["-q", "train.py"])
    first = capsys.readouterr().out
    assert main(["show"]) == 0
    assert capsys.readouterr().out == first
    assert main(["show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1
    assert main(["show", "--json", "last.json"]) == 0
    assert json.loads(Path("last.json").read_text())["schema"] == 1


def test_fix_prints_the_verified_patch(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """`unstuck fix` prints the diff of the last report; without a verified patch it says so."""
    main(["-q", "train.py"])
    capsys.readouterr()
    assert main(["fix"]) == 0
    changed = [line for line in capsys.readouterr().out.splitlines() if line[:1] in ("+", "-")]
    assert changed[2:] == ["-    return output >= 0", "+    return output > 0"]
    report = stuck_report()
    conductor.result = replace(report, findings=report.findings[1:])
    main(["-q", "train.py"])
    capsys.readouterr()
    assert main(["fix"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "unstuck: the last report has no verified patch\n")


def test_fix_write_works_from_any_folder(
    conductor: Conductor,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """`unstuck fix --write` changes the script, once, from wherever it is called."""
    script = Path.cwd() / PATH
    script.parent.mkdir()
    script.write_text(TEXT)
    main(["-q", PATH])
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["fix", "--write"]) == 0
    assert capsys.readouterr().out == "changed examples/stuck.py\n"
    assert script.read_text() == TEXT.replace("output >= 0", "output > 0")
    assert main(["fix", "--write"]) == 2
    assert "stuck.py" in capsys.readouterr().err


def test_patches_of_one_file_are_one_patch(conductor: Conductor, capsys: pytest.CaptureFixture[str]) -> None:
    """Two verified patches of the same file, one of them shared by two findings, are applied together."""
    Path("examples").mkdir()
    Path(PATH).write_text(TEXT)
    report = stuck_report()
    first = report.findings[0]
    assert first.fix is not None
    second = replace(first, fix=replace(first.fix, edits=(Edit(span_of("0.002"), "0.02"),)))
    conductor.result = replace(report, findings=(first, first, second))
    main(["-q", PATH])
    assert main(["fix", "--write"]) == 0
    assert Path(PATH).read_text() == TEXT.replace("output >= 0", "output > 0").replace("0.002", "0.02")


def test_explain_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    """`explain` prints the page of a check, `checks` one line for each."""
    assert main(["explain", "missing-bias"]) == 0
    assert capsys.readouterr().out.startswith("M201 missing-bias (warning)\n\nNo layer has a bias.")
    assert main(["checks"]) == 0
    assert "G101  error    activation-derivative" in capsys.readouterr().out


def test_terminal_without_unicode_gets_ascii(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the output cannot show the characters of the report, plain ASCII is printed."""
    with open(tmp_path / "out.txt", "w+", encoding="latin-1") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert main(["-q", "train.py"]) == 0
        file.seek(0)
        assert file.read().isascii()


@pytest.mark.parametrize(
    "line", ["--help", "--version", "explain G101", "checks", "show --help", "check --help"]
)
def test_light_commands_import_nothing_heavy(line: str) -> None:
    """Help, version and the pages of the checks answer without numpy and rich."""
    code = (
        "import sys\nfrom unstuck.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'numpy', 'rich', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *line.split()], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently there")
def test_broken_pipe_is_quiet() -> None:
    """When the reader goes away, the program ends without a traceback."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "unstuck", "explain", "G101"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_package_front_door() -> None:
    """`import unstuck` is light, its names load on first use, and others are an AttributeError."""
    code = (
        "import sys, unstuck\nassert 'numpy' not in sys.modules\n"
        "assert unstuck.Problem.__name__ == 'Problem' and 'numpy' not in sys.modules\n"
        "assert unstuck.Report.__name__ == 'Report'\nassert 'diagnose' in dir(unstuck)\n"
        "try:\n    unstuck.nonsense\nexcept AttributeError as error:\n    print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "module 'unstuck' has no attribute 'nonsense'\n"
