"""The last report, kept in the user's cache, so that `show` and `fix` need not run anything again.

One file is kept, written whole or not at all.  A home that cannot be written is no reason to fail: the report
has been shown, and only the later look is lost.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from unstuck.facts import Report
from unstuck.problems import Problem
from unstuck.report.json import from_json, to_json

LAST = "last-report.json"
AGAIN = "run `unstuck your_script.py` to make a new one"


def cache_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where the platform wants such files; the environment variable UNSTUCK_CACHE overrides it."""
    if chosen := environ.get("UNSTUCK_CACHE"):
        return Path(chosen)
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.cwd().anchor)
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "unstuck" / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches" / "unstuck"
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "unstuck"


def save(report: Report) -> Path | None:
    """Keep the report and the folder it was made in; None where the cache cannot be written."""
    target = cache_folder() / LAST
    text = json.dumps({"cwd": os.getcwd(), **to_json(report)}, allow_nan=False)
    try:
        write_whole(target, text)
    except OSError:
        return None
    return target


def load() -> tuple[Report, Path]:
    """The last report, and the folder against which its paths are read.

    Raises Problem when there is none, or when it is damaged or was written by another version.
    """
    path = cache_folder() / LAST
    try:
        stored = json.loads(path.read_text("utf-8"))
        return from_json(stored), Path(stored["cwd"])
    except FileNotFoundError:
        raise Problem("there is no last report", AGAIN) from None
    except OSError as error:
        raise Problem(f"the last report cannot be read: {error}", AGAIN) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Problem(f"the last report cannot be used: {error}", AGAIN) from None


def write_whole(target: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
