"""Whose argument is whose, and how options are read."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from unstuck.arguments import COMMANDS, EFFORT, Split, command_parser, count, duration, run_parser, split
from unstuck.problems import Problem


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train.py", Split([], ["train.py"])),
        ("train.py --quick -m x", Split([], ["train.py", "--quick", "-m", "x"])),
        ("--quick train.py --help", Split(["--quick"], ["train.py", "--help"])),
        ("--budget 60s train.py", Split(["--budget", "60s"], ["train.py"])),
        ("--budget=60s train.py", Split(["--budget=60s"], ["train.py"])),
        ("--json train.py", Split(["--json"], ["train.py"])),
        ("--json=out.json train.py", Split(["--json=out.json"], ["train.py"])),
        ("-q -m package.train -q", Split(["-q"], ["package.train", "-q"], module=True)),
        ("-- check", Split([], ["check"], literal=True)),
        ("-- -odd.py -x", Split([], ["-odd.py", "-x"], literal=True)),
        ("--seeds", Split(["--seeds"], [])),
        ("", Split([], [])),
    ],
)
def test_split(line: str, expected: Split) -> None:
    """What stands before the script is ours; the script and everything after it is not."""
    assert split(line.split()) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("60s", 60), ("2m", 120), ("1.5m", 90), ("1h", 3600)]
)
def test_durations(text: str, expected: float) -> None:
    """Times are seconds unless a unit follows."""
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "m", "2 weeks", "-1", "0", "1e3", "nan"])
def test_what_is_no_duration(text: str) -> None:
    """Other words, zero and negative times are refused."""
    with pytest.raises(ArgumentTypeError):
        duration(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "²"])
def test_what_is_no_count(text: str) -> None:
    """Counts are whole and at least one."""
    with pytest.raises(ArgumentTypeError):
        count(text)


def test_options_are_read() -> None:
    """Every option arrives as the value that the diagnosis expects."""
    line = (
        "--quick --budget 2m --seeds 5 --jobs 2 --timeout 30 --full-run --show-output --fail-on error --json"
    )
    options = run_parser().parse_args([*line.split(), "--ascii", "--no-color", "-q"])
    assert vars(options) == {
        "quick": True,
        "budget": 120.0,
        "seeds": 5,
        "jobs": 2,
        "timeout": 30.0,
        "full_run": True,
        "show_output": True,
        "fail_on": "error",
        "json": "-",
        "ascii": True,
        "no_color": True,
        "quiet": True,
    }


@pytest.mark.parametrize("line", ["--fast", "--budget soon", "--seeds 0", "--fail-on never", "--qui"])
def test_wrong_options_are_problems(line: str) -> None:
    """A wrong option is one sentence with a hint and exit code 2, and is never guessed from a prefix."""
    with pytest.raises(Problem) as caught:
        run_parser().parse_args(line.split())
    assert caught.value.exit_code == 2
    assert "--help" in caught.value.hint


def test_help_documents_every_option_and_command() -> None:
    """The help page explains every option and every command in words."""
    parser = run_parser()
    page = parser.format_help()
    for action in parser._actions:
        assert action.help
        assert all(name in page for name in action.option_strings)
    assert all(name in page for name in (*EFFORT, *COMMANDS))


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "check"])
def test_help_of_commands(command: str) -> None:
    """Each command has a help page of its own that explains each of its arguments."""
    parser = command_parser(command)
    assert all(action.help for action in parser._actions)
    assert parser.format_help().startswith(f"usage: unstuck {command}")
