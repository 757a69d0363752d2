"""What the benchmarks share: their command line, and files of JSON lines that a later run goes on from."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def parser(description: str | None, drawn: str) -> argparse.ArgumentParser:
    """A parser for the arguments that all of them take; `drawn` is what the seed draws."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--programs", nargs="+", metavar="NAME", help="only these (default: all of the corpus)")
    made.add_argument("--seed", type=int, default=0, help=f"which {drawn} are drawn (default: 0)")
    made.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: all cores)")
    made.add_argument("--out", type=Path, help="JSON lines to write, and to go on from")
    return made


def read(path: Path | None) -> list[dict[str, Any]]:
    """The rows of an earlier run."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def append(path: Path | None, row: Mapping[str, Any]) -> None:
    """Add a row to the file, if there is one."""
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
