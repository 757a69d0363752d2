"""Reading the command line: what stands before the script is ours, everything after it is the script's.

    unstuck [options] train.py [its arguments]          unstuck [options] -m package.train [its arguments]

`argparse` never sees the script's arguments, so that nothing in them can be mistaken for an option of ours.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from unstuck import __version__
from unstuck.problems import Problem

COMMANDS = {
    "check": "gradient and static findings only, in seconds: nothing is retrained",
    "explain": "what a check looks for, why it matters and what to write instead",
    "checks": "list all checks",
    "show": "show the last report again, without running anything",
    "fix": "print the verified patches of the last report, or apply them with --write",
}

USAGE = """\
unstuck [options] train.py [its arguments]
       unstuck [options] -m package.train [its arguments]"""

DESCRIPTION = """\
Runs your stuck neural network, names the wrong line of the backward pass, offers a patch that it has
verified, and measures what each of your choices costs.

  unstuck train.py                  the whole diagnosis; your script runs unmodified
  unstuck train.py --epochs 10      what stands after the script belongs to the script
  unstuck -m package.train          a module instead of a file
  unstuck notebook.ipynb            the code cells of a notebook, in order
  unstuck check train.py            is my code wrong, and where?  Nothing is retrained
  unstuck --budget 2m train.py      retrain for at most two minutes
  unstuck fix --write               apply the patch of the last report
"""

EPILOG = (
    "commands:\n"
    + "\n".join(f"  {name:<10}{purpose}" for name, purpose in COMMANDS.items())
    + """

The report goes to standard output, progress to standard error.  Nothing is written into your folder
unless you ask for it.

exit codes: 0 the diagnosis was made, with or without findings; 1 --fail-on was met; 2 usage;
130 interrupted; the script's own code when the script failed first.
"""
)

EFFORT: dict[str, dict[str, Any]] = {
    "--quick": {"action": "store_true", "help": "fewer retrainings: a first idea in seconds"},
    "--budget": {"metavar": "TIME", "help": "time for retraining, such as 60s, 2m or 90"},
    "--seeds": {"metavar": "N", "help": "seeds per variant; more seeds, narrower intervals"},
    "--jobs": {"metavar": "N", "help": "processes or threads to use (default: all cores)"},
    "--timeout": {"metavar": "TIME", "help": "give up recording the script after this time"},
    "--full-run": {"action": "store_true", "help": "let the script finish after it was recorded"},
    "--show-output": {"action": "store_true", "help": "pass on what the script prints"},
    "--fail-on": {
        "choices": ("error", "warning", "note"),
        "help": "exit with 1 when there is a finding this severe or worse",
    },
}
DISPLAY: dict[str, dict[str, Any]] = {
    "--ascii": {"action": "store_true", "help": "plain ASCII in the report"},
    "--no-color": {"action": "store_true", "help": "no colours (also: NO_COLOR in the environment)"},
}
JSON: dict[str, Any] = {
    "nargs": "?",
    "const": "-",
    "metavar": "PATH",
    "help": "the report as JSON: on standard output, or into the file of --json=PATH",
}
QUIET: dict[str, Any] = {"action": "store_true", "help": "no progress on standard error"}
VALUED = {name for name, settings in EFFORT.items() if "action" not in settings}


@dataclass(frozen=True)
class Split:
    """Our options, then the script or command with what follows it.

    `module` says that `-m` stood between them, `literal` that `--` did.
    """

    ours: list[str]
    rest: list[str]
    module: bool = False
    literal: bool = False


def split(arguments: Sequence[str]) -> Split:
    """Where our options end."""
    ours: list[str] = []
    waiting = list(arguments)
    while waiting:
        token = waiting.pop(0)
        if token == "--":
            return Split(ours, waiting, literal=True)
        if token == "-m":
            return Split(ours, waiting, module=True)
        if not token.startswith("-"):
            return Split(ours, [token, *waiting])
        ours.append(token)
        if token in VALUED and waiting:
            ours.append(waiting.pop(0))
    return Split(ours, [])


class Parser(argparse.ArgumentParser):
    """argparse, with our way of saying what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise Problem(message, f"see `{self.prog} --help`")


def run_parser() -> Parser:
    """The options before a script, and the page that `unstuck --help` shows."""
    parser = _parser("unstuck", DESCRIPTION, EPILOG)
    parser.usage = USAGE
    parser.add_argument("--version", action="version", version=f"unstuck {__version__}")
    for name, settings in EFFORT.items():
        parser.add_argument(name, **settings, **_reader(name))
    parser.add_argument("--json", **JSON)
    _add_display(parser)
    return parser


def command_parser(command: str) -> Parser:
    """The arguments of `explain`, `checks`, `show` or `fix`."""
    parser = _parser(f"unstuck {command}", f"{COMMANDS[command]}.", "")
    if command == "explain":
        parser.add_argument(
            "id", metavar="ID", help="a check such as G101 or missing-bias; see unstuck checks"
        )
    if command == "show":
        parser.add_argument(
            "--json", **{**JSON, "help": "as JSON: on standard output, or into the file PATH"}
        )
    if command == "fix":
        parser.add_argument(
            "--write", action="store_true", help="change the files instead of printing the patch"
        )
    _add_display(parser)
    return parser


def duration(text: str) -> float:
    """Seconds from `90`, `60s`, `2m` or `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    value = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 60s, 2m or 90")
    return value


def count(text: str) -> int:
    """A whole number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _reader(name: str) -> dict[str, Any]:
    readers = {"--budget": duration, "--timeout": duration, "--seeds": count, "--jobs": count}
    return {"type": readers[name]} if name in readers else {}


def _parser(prog: str, description: str, epilog: str) -> Parser:
    return Parser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_display(parser: Parser) -> None:
    for name, settings in DISPLAY.items():
        parser.add_argument(name, **settings)
    parser.add_argument("-q", "--quiet", **QUIET)
