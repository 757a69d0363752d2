"""What a mutant really is, found without unstuck: effective, a scale, equivalent, or of no use to the benchmark.

A mutant is *effective* when its forward pass is that of the right program (the same values, the same loss, from
the same parameters) and at least one parameter is moved otherwise: no positive constant turns the right program's
steps into the mutant's, in every step up to a relative error of 1e-3.  If constants do, it is a *scale*, as it is when
they do so in the plain step of the probe, ahead of an optimiser that bends them; if they are all 1, it is
*equivalent*.  Set aside is a mutant that crashes, yields NaN, alters the forward pass, or alters
nothing but the weight decay, be it ahead of an optimiser or without one; and one whose plain step is the gradient
of another loss of the same outputs and targets, by finite differences: that is a choice too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faults.fields import is_gradient
from faults.probing import Probing
from faults.programs import Program, on_disk, quietly
from faults.rails import STEPS, TRACED, Loop, Values, changes, find_loop, names_in, trajectory
from probes import judge

TOLERANCE = 1e-3  # relative error after the best factor
FEW = 40  # steps that are compared before all are
LEAST = 1e-9  # factor that is not rounding
ROUNDING = 100  # units in the last place of a parameter that a change may be off
BENT = {  # what is no fault ahead of an optimiser, whatever that makes of it
    "scale": "the optimiser bends constant factors",
    "penalty": "the optimiser bends another weight decay",
}
Place = tuple[str, int]  # a file and a line


@dataclass
class Reference:
    """What is known about a right program.

    rails    the parameters at the beginning of every training step
    lines    the lines that a training step executes: the only ones that are mutated
    shapes   for every function (file, first line): the shape of every expression in it, by its text
    probed   the loss and the forward pass at one point
    descends its plain step is the gradient of a function (not so where two players train)
    """

    loop: Loop
    rails: list[Values]
    lines: set[Place]
    shapes: dict[Place, dict[str, tuple[int, ...]]]
    probed: Probing
    descends: bool


@dataclass(frozen=True)
class Truth:
    """The verdict on one mutant; `factors` and `residuals` by parameter."""

    verdict: str  # effective | scale | equivalent | penalty | loss | forward | crash | nan
    factors: Mapping[str, float] = field(default_factory=dict)
    residuals: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def wrong(self) -> list[str]:
        """The parameters that are moved in another direction."""
        return [n for n, r in self.residuals.items() if not (r <= TOLERANCE and self.factors[n] > LEAST)]


# ----- The right program --------------------------------------------------------------------------------


def reference(program: Program) -> Reference | None:
    """Run the right program on its own; None when no training loop is found."""
    loop = find_loop(program)
    if loop is None:
        return None
    watch = _Watch(program)
    rails = trajectory(program, loop, watch.step)
    probed = Probing(program, program.texts)
    lines = probed.lines | {place for place in watch.lines if place in watch.writing}
    return Reference(loop, rails, lines, watch.shapes, probed, is_gradient(program, program.texts, probed))


class _Watch:
    """Notes the lines and the shapes of one training step."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: set[Place] = set()
        self.shapes: dict[Place, dict[str, tuple[int, ...]]] = {}
        self.writing = _writing_lines(program)
        self.expressions = _expressions(program)

    def step(self, number: int, frame: FrameType) -> None:
        if number == TRACED:
            frame.f_trace = self._event
            sys.settrace(self._event)
        elif number == TRACED + 1:
            sys.settrace(None)
            frame.f_trace = None
            self._shapes(frame)

    def _event(self, frame: FrameType, event: str, argument: Any) -> Any:
        file = Path(frame.f_code.co_filename).name
        if file not in self.program.texts:
            return None
        self.lines.add((file, frame.f_lineno))
        if event == "return":
            self._shapes(frame)
        return self._event

    def _shapes(self, frame: FrameType) -> None:
        """The shapes of everything that is named in a function, at its end."""
        place = Path(frame.f_code.co_filename).name, frame.f_code.co_firstlineno
        names = names_in(frame)
        for text in self.expressions.get(place[0], ()):
            try:
                value = eval(text, names)
            except Exception:  # not defined here
                continue
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                self.shapes.setdefault(place, {})[text] = value.shape


def _writing_lines(program: Program) -> set[Place]:
    """The lines that move parameters: an optimiser may be out of the probe's reach.

    They are the assignments to a parameter, with the loop over the parameters that they may stand in.
    """
    roots = {text.partition(".")[0].partition("[")[0] for text in program.parameters}
    found: set[Place] = set()
    for file, text in program.texts.items():
        for node in ast.walk(ast.parse(text)):
            over_them = isinstance(node, ast.For) and roots & {
                name.id for name in ast.walk(node.iter) if isinstance(name, ast.Name)
            }
            if over_them or (isinstance(node, ast.Assign | ast.AugAssign) and roots & _written(node)):
                found |= {(file, line) for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    return found


def _written(statement: ast.Assign | ast.AugAssign) -> set[str]:
    """The names whose value, element or attribute a statement sets."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    names = set()
    for target in targets:
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        names |= {target.id} if isinstance(target, ast.Name) else set()
    return names


def _expressions(program: Program) -> dict[str, list[str]]:
    """The texts of all names, attributes and elements in each file."""
    return {
        file: sorted(
            {
                ast.unparse(node)
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
                and not any(isinstance(inner, ast.Call) for inner in ast.walk(node))
            }
        )
        for file, text in program.texts.items()
    }


# ----- A mutant -----------------------------------------------------------------------------------------


def truth(program: Program, known: Reference, texts: Mapping[str, str], in_optimiser: bool = False) -> Truth:
    """What the program with these texts is, compared with the right one.

    in_optimiser  the difference is in what an optimiser keeps: a single step tells nothing about it
    """
    found = Truth("equivalent")
    for steps in (FEW, STEPS):  # most faults show at once
        try:
            moved = changes(program, texts, known.loop, known.rails, steps)
        except Exception as error:
            return Truth("crash", reason=f"{type(error).__name__}: {error}")
        if len(moved) < min(len(known.rails) - 1, 2):
            return Truth("crash", reason="the training ends at once")
        found = compare(list(pairwise(known.rails)), moved)
        if found.verdict not in ("equivalent", "scale"):
            break
    if found.verdict in ("effective", "scale"):
        try:
            now = Probing(program, texts, known.probed.start, known.probed.draws, known.probed.data)
        except Exception as error:
            return Truth("forward", reason=f"{type(error).__name__}: {error}")
        if not np.isclose(now.loss, known.probed.loss, rtol=1e-9, atol=0):
            return Truth("forward", reason=f"the loss is {now.loss:.6g} instead of {known.probed.loss:.6g}")
        if known.probed.forward - now.values:
            return Truth("forward", reason="a value of the forward pass is no longer computed")
        if found.verdict == "effective" and program.probe.other and _follows_other(program, texts):
            return Truth("loss", found.factors, found.residuals, "the gradient of another loss")
        if found.verdict == "effective" and not in_optimiser:
            ahead = _ahead(program, known, texts, now).verdict
            if ahead in BENT:
                return Truth(ahead, found.factors, found.residuals, BENT[ahead])
    return found


def _follows_other(program: Program, texts: Mapping[str, str]) -> bool:
    """Is the plain step of the probe the gradient of the other loss, by finite differences of that?"""
    with on_disk(texts) as folder, quietly():
        told = judge(folder / program.main, replace(program.probe, loss=program.probe.other))
    return not any(verdict.wrong for verdict in told.values())


def _ahead(program: Program, known: Reference, texts: Mapping[str, str], now: Probing) -> Truth:
    """The verdict on the plain steps of the probe, ahead of the optimiser, at several points of the training.

    An optimiser that normalises or clips makes more of a constant factor, or of another penalty, than they are.
    """
    pairs = [(known.probed, now)]
    starts = iter((known.rails[len(known.rails) // 3], known.rails[-1]))
    while (found := _compared(pairs)).verdict in BENT and (start := next(starts, None)) is not None:
        given = start, known.probed.draws, known.probed.data
        both = (Probing(program, each, *given) for each in (program.texts, texts))
        pairs.append((next(both), next(both)))
    return found


def _compared(pairs: Sequence[tuple[Probing, Probing]]) -> Truth:
    return compare(
        [(true.start, true.end) for true, _ in pairs],
        [{name: made.end[name] - made.start[name] for name in made.start} for _, made in pairs],
    )


def compare(steps: Sequence[tuple[Values, Values]], moved: Sequence[Values]) -> Truth:
    """The verdict from the parameters before and after each right step, and what the mutant's step changes.

    The forward pass is taken to be unaltered.
    """
    factors, residuals = {}, {}
    for name in moved[0]:
        true = [after[name] - before[name] for before, after in steps]
        made = [each[name] for each in moved]
        if not all(np.all(np.isfinite(each)) for each in made):
            return Truth("nan", reason=f"{name} becomes infinite")
        sizes = [float(np.linalg.norm(before[name])) for before, _ in steps]
        factors[name], residuals[name] = _fit(true[: len(made)], made, sizes)
    found = Truth("effective", factors, residuals)
    if found.wrong:
        if all(_is_penalty(steps, moved, name) for name in found.wrong):
            return Truth("penalty", factors, residuals, "another weight decay")
        return found
    alike = all(abs(factor - 1) < TOLERANCE for factor in factors.values())
    return Truth("equivalent" if alike else "scale", factors, residuals)


def _is_penalty(steps: Sequence[tuple[Values, Values]], moved: Sequence[Values], name: str) -> bool:
    """Do a constant, a weight decay (or its sign, for L1) and the true step make up what the mutant does?

    A penalty is a choice, not a fault: no check that does not know the intention can tell.
    """
    terms = [(b[name], a[name] - b[name], m[name]) for (b, a), m in zip(steps, moved, strict=False)]
    if any(made.shape != true.shape for _, true, made in terms):
        return False
    columns = [
        np.concatenate([np.ravel(each) for each in column])
        for column in zip(*((true, before, np.sign(before)) for before, true, _ in terms), strict=True)
    ]
    made = np.concatenate([np.ravel(each) for _, _, each in terms])
    if len(made) < 2 * len(columns):
        return False  # anything makes up so few numbers
    basis = np.stack(columns, axis=1)
    weights, *_ = np.linalg.lstsq(basis, made, rcond=None)
    error = float(np.linalg.norm(made - basis @ weights))
    step, penalty = abs(weights[0]) * np.linalg.norm(columns[0]), np.linalg.norm(basis[:, 1:] @ weights[1:])
    return bool(error <= TOLERANCE * np.linalg.norm(made) and weights[0] > 0 and penalty < step)


def _fit(
    true: Sequence[NDArray[Any]], made: Sequence[NDArray[Any]], sizes: Sequence[float]
) -> tuple[float, float]:
    """The factor from the true to the made changes over all steps, and the worst step's relative error."""
    if any(a.shape != b.shape for a, b in zip(true, made, strict=True)):
        return float("nan"), float("inf")
    if not any(np.any(each) for each in (*true, *made)):
        return 1.0, 0.0  # it stands still in both
    factor = sum(float(np.vdot(a, b)) for a, b in zip(true, made, strict=True))
    factor /= max(sum(float(np.vdot(a, a)) for a in true), 1e-300)
    worst = 0.0
    for a, b, size in zip(true, made, sizes, strict=False):
        error, least = float(np.linalg.norm(b - factor * a)), ROUNDING * np.finfo(a.dtype).eps * size
        if error > least:
            worst = max(worst, error / float(np.linalg.norm(b)) if np.any(b) else float("inf"))
    return factor, worst
