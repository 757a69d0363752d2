"""The right programs that are broken on purpose, and how they run without unstuck.

A program is a script of the corpus (tests/scripts/right) with its probe (tests/probes.py), which says where its
parameters and its loss are.  Its text, mutated or not, is written into a folder of its own and executed there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.append(str(TESTS))

from probes import PROBES, SCRIPTS, Probe  # noqa: E402

RIGHT = SCRIPTS / "right"


@dataclass(frozen=True)
class Program:
    """A right program: the texts of its files by name, which of them is started, and its probe."""

    name: str
    main: str
    texts: Mapping[str, str]
    probe: Probe

    @property
    def parameters(self) -> list[str]:
        """The expressions of the trained arrays."""
        return self.probe.parameters.split()


def programs(names: list[str] | None = None) -> list[Program]:
    """The programs of the corpus that have a probe, all or the named ones, in alphabetical order."""
    return [program(name) for name in sorted(names or PROBES)]


def program(name: str) -> Program:
    """One program of the corpus."""
    folder = RIGHT / name
    if folder.is_dir():
        main = "main.py"
        texts = {path.name: path.read_text() for path in sorted(folder.glob("*.py"))}
    else:
        main = f"{name}.py"
        texts = {main: (RIGHT / main).read_text()}
    return Program(name, main, texts, PROBES[name])


@contextlib.contextmanager
def on_disk(texts: Mapping[str, str]) -> Iterator[Path]:
    """A temporary folder with these files, as the current one."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text)
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings of a program whose numbers overflow, and without what it prints."""
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield
