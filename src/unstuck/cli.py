"""The command line: read it, run the diagnosis, print the report, and end with the right code.

The report goes to standard output and everything else to standard error.  What is heavy (numpy, rich) is
imported where it is needed, so that `--help`, `--version`, `explain` and `checks` answer in an instant.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from unstuck.arguments import COMMANDS, Split, command_parser, run_parser, split
from unstuck.checks import catalogue, lookup
from unstuck.problems import Interrupted, Problem

if TYPE_CHECKING:
    from unstuck.facts import Fix, Report

SEVERITIES = ("error", "warning", "note")
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + the number of the signal, as shells report them


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program with these arguments (default: those of the process) and return its exit code."""
    try:
        code = _dispatch(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        return code
    except Problem as problem:
        _complain(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        print("unstuck: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes once more on exit; give it somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _dispatch(arguments: list[str]) -> int:
    """Find the command, or the script, behind our options."""
    parts = split(arguments)
    word = parts.rest[0] if parts.rest and not parts.module and not parts.literal else ""
    if word == "check":
        inner = split(parts.rest[1:])
        return _run(Split(parts.ours + inner.ours, inner.rest, inner.module, inner.literal), study=False)
    if word in COMMANDS:
        options = command_parser(word).parse_args(parts.ours + parts.rest[1:])
        return {"explain": _explain, "checks": _checks, "show": _show, "fix": _fix}[word](options)
    return _run(parts, study=True)


# ----- Diagnosis ----------------------------------------------------------------------------------------


def _run(parts: Split, *, study: bool) -> int:
    """Diagnose a script and print the report."""
    options = run_parser().parse_args(parts.ours)
    if not parts.rest:
        raise Problem("which program?  Say `unstuck train.py`", "see `unstuck --help`")
    target, *rest = parts.rest
    if not parts.module:
        _require_file(target)
    interrupted = False
    try:
        report = _diagnose(target, rest, options, module=parts.module, study=study)
    except Interrupted as stop:
        if stop.report is None:
            raise KeyboardInterrupt from stop
        report, interrupted = stop.report, True
    _keep(report)
    _print(report, options)
    if interrupted:
        print("unstuck: interrupted; this is what was done until then", file=sys.stderr)
        return INTERRUPTED
    return 1 if _is_bad(report, options.fail_on) else 0


def _diagnose(target: str, rest: Sequence[str], options: Namespace, *, module: bool, study: bool) -> Report:
    from unstuck.conductor import diagnose
    from unstuck.report.progress import progress

    with progress(
        quiet=options.quiet, colour=_colour(sys.stderr, options), ascii=_ascii(sys.stderr, options)
    ) as update:
        return diagnose(
            target,
            rest,
            module=module,
            study=study,
            quick=options.quick,
            budget=options.budget,
            seeds=options.seeds,
            jobs=options.jobs,
            full_run=options.full_run,
            show_output=options.show_output,
            timeout=options.timeout,
            progress=update,
        )


def _require_file(target: str) -> None:
    """A readable file, or a Problem that guesses what was meant."""
    if os.path.isfile(target):
        return
    if os.path.isdir(target):
        raise Problem(f"{target} is a folder", "name a program in it, or run a package with `unstuck -m`")
    if close := get_close_matches(target, COMMANDS, n=1):
        raise Problem(f"no such file or command: {target}", f"did you mean `unstuck {close[0]}`?")
    folder = Path(target).parent
    names = [path.name for path in folder.glob("*.py")] if folder.is_dir() else []
    close = get_close_matches(Path(target).name, names, n=1)
    raise Problem(f"no such file: {target}", f"did you mean `{folder / close[0]}`?" if close else "")


def _keep(report: Report) -> None:
    from unstuck.report.store import save

    if save(report) is None:
        print("unstuck: the report could not be kept for `unstuck show`", file=sys.stderr)


def _is_bad(report: Report, limit: str | None) -> bool:
    if limit is None:
        return False
    worst = SEVERITIES[: SEVERITIES.index(limit) + 1]
    return any(finding.severity in worst for finding in report.findings)


# ----- Printing -----------------------------------------------------------------------------------------


def _print(report: Report, options: Namespace) -> None:
    """The report as the options want it: JSON alone, or text and perhaps a JSON file."""
    if options.json is not None:
        _print_json(report, options.json)
        if options.json == "-":
            return
    from shutil import get_terminal_size

    from unstuck.report.terminal import render

    width = min(get_terminal_size((88, 24)).columns, 100)
    text = render(report, width=width, colour=_colour(sys.stdout, options), ascii=_ascii(sys.stdout, options))
    sys.stdout.write(text)


def _print_json(report: Report, path: str) -> None:
    import json

    from unstuck.report.json import to_json
    from unstuck.report.store import write_whole

    text = json.dumps(to_json(report), allow_nan=False, indent=None if path == "-" else 1) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        write_whole(Path(path), text)
    except OSError as error:
        raise Problem(f"cannot write {path}: {error.strerror}") from None


def _colour(stream: TextIO, options: Namespace) -> bool:
    wanted = not options.no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def _ascii(stream: TextIO, options: Namespace) -> bool:
    """Asked for, or needed because the stream cannot show the characters of the report."""
    try:
        "→±█│°".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return bool(options.ascii)


def _complain(problem: Problem) -> None:
    print(f"unstuck: {problem.message}", file=sys.stderr)
    if problem.hint:
        print(f"  {problem.hint}", file=sys.stderr)


# ----- Commands on what is already known ----------------------------------------------------------------


def _explain(options: Namespace) -> int:
    """Print the page of one check."""
    check = lookup(options.id)
    if check is None:
        known = [name for check in catalogue() for name in (check.id, check.slug)]
        close = get_close_matches(options.id, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "see `unstuck checks`"
        raise Problem(f"no such check: {options.id}", hint)
    print(f"{check.id} {check.slug} ({check.severity})\n\n{check.doc.strip()}")
    return 0


def _checks(options: Namespace) -> int:
    """Print one line per check."""
    widest = max(len(check.slug) for check in catalogue())
    for check in catalogue():
        print(f"{check.id}  {check.severity:<7}  {check.slug:<{widest}}  {check.title}")
    return 0


def _show(options: Namespace) -> int:
    """Print the last report again."""
    from unstuck.report.store import load

    report, _ = load()
    _print(report, options)
    return 0


def _fix(options: Namespace) -> int:
    """Print the verified patches of the last report, or apply them."""
    from unstuck.report.store import load

    report, folder = load()
    fix = _verified(report)
    if fix is None:
        print("unstuck: the last report has no verified patch", file=sys.stderr)
        return 0
    from unstuck.fix.apply import diff_of, write_fix

    if not options.write:
        sys.stdout.write(diff_of(fix.edits, report.trace.sources))
        return 0
    if not folder.is_dir():
        raise Problem(f"the folder of the last report is gone: {folder}")
    with chdir(folder):  # the report names its files as they were typed there
        for path in write_fix(fix, report.trace.sources):
            print(f"changed {path}")
    return 0


def _verified(report: Report) -> Fix | None:
    """All verified patches as one, each edit once: several findings may share a patch, or a file."""
    fixes = [f.fix for f in report.findings if f.fix is not None and f.fix.proof is not None]
    if not fixes:
        return None
    return replace(fixes[0], edits=tuple(dict.fromkeys(edit for fix in fixes for edit in fix.edits)))
