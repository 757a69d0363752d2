"""What happens while the user waits: a live bar on a terminal, one line per stage elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Update = Callable[[str, "float | None"], None]


@contextmanager
def progress(*, quiet: bool, colour: bool, ascii: bool, stream: TextIO | None = None) -> Iterator[Update]:
    """Yield `update(stage, fraction)`; the fraction is None where the end is not known.

    The bar is removed and the cursor comes back however the block ends.
    """
    out = sys.stderr if stream is None else stream
    if quiet:
        yield lambda stage, fraction: None
    elif out.isatty():
        with _bar(out, colour, ascii) as update:
            yield update
    else:
        yield _lines(out)


def _lines(out: TextIO) -> Update:
    """One line when a stage begins; a log needs no more."""
    seen: list[str] = []

    def update(stage: str, fraction: float | None) -> None:
        if not seen or seen[-1] != stage:
            seen.append(stage)
            print(f"unstuck: {stage}", file=out, flush=True)

    return update


@contextmanager
def _bar(out: TextIO, colour: bool, ascii: bool) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from unstuck.report.pen import Pen

    console = Console(file=out, no_color=not colour, legacy_windows=False)
    pen = Pen(console.width, colour, ascii)
    columns = (
        SpinnerColumn("line" if ascii else "dots"),
        TextColumn("{task.description}", markup=False),
        *(() if ascii else (BarColumn(bar_width=24),)),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def update(stage: str, fraction: float | None) -> None:
            known = fraction is not None
            words = f"{stage} {fraction:.0%}" if known else stage
            bar.update(
                task, description=pen.clean(words), total=1.0 if known else None, completed=fraction or 0.0
            )

        yield update
