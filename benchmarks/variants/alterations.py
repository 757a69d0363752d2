"""Right variants of the right programs of the corpus: what may be altered in their texts.

Three alterations fit almost every program, whatever its style: other seeds, another learning rate, and parameters
and data in single precision, where they are names of the main module.  The table alterations.toml holds what must
be said program by program: widths, batches, activations, slopes, decay, losses.  Nothing here is taken on trust: a
variant counts only when finite differences prove it right (verdicts.py).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from programs import Program

SEEDED = re.compile(
    r"(^SEED = |\.seed\(|default_rng\(|RandomState\(|\"--seed\", type=int, default=)(\d+)", re.M
)
RATES = "lr|rate|eta|ETA|alpha|learning_rate|step_size"
RATED = re.compile(rf"^(\s*(?:{RATES}) = )(\d[\de.-]*)(?=\s*$)", re.M)
DATA = {
    "X",
    "Y",
    "x",
    "y",
    "T",
    "t",
    "data",
    "features",
    "target",
    "inputs",
    "targets",
    "outputs",
    "patterns",
}
TABLE = tomllib.loads(Path(__file__).with_name("alterations.toml").read_text())


def variants(program: Program, seeds: int) -> Iterator[tuple[str, Program]]:
    """What is altered, and the altered program; the first is the program as it is."""
    yield "as-it-is", program
    for number in range(1, seeds + 1):
        yield from _edited(program, f"seed-{number}", lambda text, k=number: _reseeded(text, k))
    yield from _edited(
        program, "rate", lambda text: RATED.sub(lambda m: f"{m[1]}{0.6 * float(m[2])!r}", text)
    )
    for what, names in (("float32-parameters", set()), ("float32", DATA)):
        yield from _single_precision(program, what, names)
    for what, pairs in TABLE.get(program.name, {}).items():
        yield from _edited(program, what, lambda text, pairs=pairs: _replaced(text, pairs))


def _edited(program: Program, what: str, edit: Callable[[str], str]) -> Iterator[tuple[str, Program]]:
    """The program with every file edited, unless that changes nothing."""
    texts = {name: edit(text) for name, text in program.texts.items()}
    if texts != program.texts:
        yield what, replace(program, texts=texts)


def _reseeded(text: str, number: int) -> str:
    return SEEDED.sub(lambda match: f"{match[1]}{int(match[2]) + 1000 * number}", text)


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def _single_precision(program: Program, what: str, data: set[str]) -> Iterator[tuple[str, Program]]:
    """Casts before the longest loop; the probe, which needs small differences, goes back to double precision."""
    text = program.texts[program.main]
    body = ast.parse(text).body
    bound = {
        name.id
        for statement in body
        if isinstance(statement, ast.Assign)
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    names = [*program.parameters, *sorted(data & bound)]
    loops = [node for node in body if isinstance(node, ast.For | ast.While)]
    if not loops or not set(names) <= bound or (data and not data & bound):
        return
    lines = text.splitlines(keepends=True)
    start = max(loops, key=lambda loop: (loop.end_lineno or 0) - loop.lineno).lineno - 1
    lines[start:start] = [f"{name} = {name}.astype('float32')\n" for name in names]
    back = "".join(f"{name} = {name}.astype(float)\n" for name in program.parameters)
    probe = replace(program.probe, setup=f"{back}{program.probe.setup}")
    yield what, replace(program, texts={**program.texts, program.main: "".join(lines)}, probe=probe)
