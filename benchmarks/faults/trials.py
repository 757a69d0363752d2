"""The trials of one program: mutate, find the truth, ask unstuck, until enough effective mutants are found."""

from __future__ import annotations

import gc
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sklearn.datasets
import sklearn.model_selection  # noqa: F401  (both are paid once, not by every mutant)

from faults.fields import is_gradient
from faults.forks import Failed, cpu, forked
from faults.identity import identical
from faults.mutants import Mutant, mutants
from faults.oracle import asked, exact, fix_for, mended, rank
from faults.programs import Program
from faults.truth import Reference, Truth, reference, truth
from unstuck.facts import Trace

CPU_SECONDS = 20.0  # for the truth about one mutant
USELESS = 3  # mutants of a line that alter the forward pass or crash, before the rest of the line has to wait
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What is wanted of every program.

    enough  effective mutants
    fix     seconds of the processor for the search of each fix, or 0
    every   search for the fix of one mutant in so many, drawn by its key
    """

    seed: int = 0
    enough: int = 45
    fix: float = 5.0
    every: int = 1
    only_list: bool = False


def tried(program: Program, options: Options, done: Mapping[str, Row]) -> Iterator[Row]:
    """One row per mutant that is not done yet, until there are enough effective ones with those that are."""
    gc.freeze()  # pages that its collector leaves alone are shared with a fork
    known = forked(lambda: reference(program), 6 * CPU_SECONDS)
    if known is None:
        yield {"key": program.name, "program": program.name, "truth": "no training loop"}
        return
    original = f"{program.name} as it is"
    if original not in done and not options.only_list:
        yield {"key": original, "program": program.name, **_original(program, known)}
    effective = 0
    useless: Counter[Any] = Counter()
    for mutant in _patiently(mutants(program, known, options.seed), useless):
        if options.only_list:
            yield {"key": mutant.key, **asdict(mutant), "truth": "not tried"}
            continue
        row = done.get(mutant.key) or _tried(program, known, mutant, options)
        if mutant.key not in done:
            yield row
        effective += row["truth"] == "effective"
        useless[_line(mutant)] += 1 if row["truth"] in ("forward", "crash") else -USELESS
        if effective >= options.enough:
            return


def _original(program: Program, known: Reference) -> Row:
    """The right program: what unstuck says about it, and whether recording leaves it as it is."""
    row: Row = {"truth": "right", "status": "failed", "reason": ""}
    try:
        row |= asdict(asked(program, program.texts)[1])
        return row | identical(program, known.loop)
    except Failed as failure:
        return row | {"reason": str(failure)[-2000:]}


def _patiently(every: Sequence[Mutant], useless: Counter[Any]) -> Iterator[Mutant]:
    """The mutants, those of lines that gave nothing but altered forward passes last."""
    waiting = []
    for mutant in every:
        if useless[_line(mutant)] >= USELESS:
            waiting.append(mutant)
        else:
            yield mutant
    yield from waiting


def _line(mutant: Mutant) -> tuple[str, tuple[int, ...]]:
    return mutant.file, mutant.lines[:1]


def _tried(program: Program, known: Reference, mutant: Mutant, options: Options) -> Row:
    """Everything about one mutant."""
    texts = mutant.texts(program)
    started = cpu()
    true = _truth(program, known, texts, mutant.kind == "optimiser state")
    row: Row = {"key": mutant.key, **asdict(mutant), "seed": options.seed}
    row |= {"truth": true.verdict, "truth_reason": true.reason}
    if true.verdict == "effective":
        row["gradient"] = _is_gradient(program, known, texts)
    row["truth_seconds"] = cpu() - started
    if true.verdict not in ("effective", "scale"):
        return row
    row |= {"wrong": true.wrong, "residual": max(true.residuals.values())}
    try:
        trace, said = asked(program, texts)
    except Failed as failure:
        return row | {"status": "failed", "reason": str(failure)[-2000:], "rank": 0, "exact": False}
    row |= asdict(said) | {"rank": rank(said, mutant), "exact": exact(said, mutant)}
    if true.verdict == "effective" and options.fix and _drawn(mutant, options.every):
        row |= {"fixed": False}
        if said.status == "wrong":
            row |= _fixed(program, known, texts, trace, options.fix)
    return row


def _drawn(mutant: Mutant, every: int) -> bool:
    """Is this mutant in the sample?  The same ones are in every run."""
    return zlib.crc32(mutant.key.encode()) % every == 0


def _truth(program: Program, known: Reference, texts: Mapping[str, str], in_optimiser: bool = False) -> Truth:
    try:
        return forked(lambda: truth(program, known, texts, in_optimiser), CPU_SECONDS)
    except Failed as failure:
        return Truth("crash", reason=str(failure)[-300:])


def _is_gradient(program: Program, known: Reference, texts: Mapping[str, str]) -> bool | None:
    """Is the step still the gradient of some function?  None where that of the right program is none, or it fails."""
    if not known.descends:
        return None
    try:
        return forked(lambda: is_gradient(program, texts, known.probed), CPU_SECONDS)
    except Failed:
        return None


def _fixed(program: Program, known: Reference, texts: Mapping[str, str], trace: Trace, seconds: float) -> Row:
    """The fix that unstuck verified, and whether it makes the program right again by the truth."""
    started = cpu()
    fix = fix_for(program, texts, trace, seconds)
    row: Row = {"fix": fix and fix.title, "diff": fix and fix.diff, "fix_truth": "", "fixed": False}
    if fix is not None:
        verdict = _truth(program, known, mended(texts, fix)).verdict
        row |= {"fix_truth": verdict, "fixed": verdict in ("equivalent", "scale")}
    return row | {"fix_seconds": cpu() - started}
