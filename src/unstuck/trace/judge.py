"""Compare the written gradients with the true ones, step by step, and find the loss that they descend.

What counts is the relative residual that is left after the best positive factor per parameter, not the cosine
(real faults reach a cosine of 0.9995).  The loss is the candidate that explains most weights exactly in every
step; with the loss known, a parameter whose residual stays is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.reverse import Overrides, adjoints
from unstuck.facts import Array
from unstuck.trace.losses import PREFERENCE, Candidate
from unstuck.trace.written import Step

TOLERANCE = 1e-6  # relative residual of a right gradient in float64: observed 0 to 1e-9, faults from 2e-3
TOLERANCE_SINGLE = 2e-3  # the same for programs that compute in float32
VANISHED = 1e-12


@dataclass(frozen=True)
class Match:
    """Written against true gradient of one parameter in one step: written = scale x true + rest.

    residual  the largest element of the rest relative to the largest written element
    vacuous   both gradients vanish, the step says nothing
    """

    scale: float
    residual: float
    cosine: float
    vacuous: bool
    written: Array
    true: Array


@dataclass(frozen=True)
class Verdicts:
    """All matches under one loss: matches[name][step number]."""

    loss: Candidate
    matches: dict[str, dict[int, Match]]
    unknown: dict[str, str]  # parameter -> why its gradient cannot be derived

    def telling(self, name: str) -> dict[int, Match]:
        """The steps in which this parameter has a gradient at all."""
        return {number: match for number, match in self.matches.get(name, {}).items() if not match.vacuous}

    def residual(self, name: str) -> float:
        """The worst relative residual; infinite when no step tells anything or the sign is wrong."""
        telling = self.telling(name).values()
        return max((match.residual if match.scale > 0 else np.inf for match in telling), default=np.inf)

    def explains(self, name: str, tolerance: float) -> bool:
        """Is the written gradient a positive multiple of the true one in every telling step?"""
        return self.residual(name) <= tolerance


def match(written: Array, true: Array) -> Match:
    """The best positive factor from the true to the written gradient, and what it leaves over."""
    if written.shape != true.shape and written.size == true.size:
        written = written.reshape(true.shape)
    if written.shape != true.shape:
        return Match(0.0, 1.0, 0.0, False, written, true)
    largest, size = float(np.abs(written).max(initial=0)), float(np.abs(true).max(initial=0))
    unusable = not (np.isfinite(largest) and np.isfinite(size))
    if unusable or (largest <= VANISHED**2 and size <= VANISHED):
        return Match(1.0, 0.0, 1.0, True, written, true)
    product = float(np.vdot(true, written))
    norms = float(np.linalg.norm(true) * np.linalg.norm(written))
    cosine = product / norms if norms > 0 else 0.0
    scale = product / float(np.vdot(true, true)) if size > 0 else 0.0
    rest = float(np.abs(written - max(scale, 0.0) * true).max())
    return Match(scale, rest / largest if largest > 0 else 1.0, cosine, False, written, true)


def judge(
    steps: Sequence[Step],
    loss: Candidate,
    overrides: Mapping[int, Overrides] | None = None,
    ties: float | None = None,
) -> Verdicts:
    """Match every parameter in every step under one loss; `overrides` alter the reverse pass, by step number."""
    readings: dict[str, tuple[dict[int, Match], dict[int, Match]]] = {}
    unknown: dict[str, str] = {}
    for step in steps:
        proposal = step.losses.get(loss)
        if proposal is None:
            continue
        wrt = step.wrt()
        result = adjoints(
            proposal.seeds, wrt, stop=set(wrt), overrides=(overrides or {}).get(step.number), ties=ties
        )
        for name, node in zip(step.updates, wrt, strict=True):
            true = result.of(node)
            if true is None:
                unknown[name] = f"{result.unknown[node].op} has no derivative rule"
                continue
            tables = readings.setdefault(name, ({}, {}))
            for table, written in zip(tables, step.written[name], strict=False):
                table[step.number] = match(written, true)
    matches = {name: _better(*tables) for name, tables in readings.items() if name not in unknown}
    return Verdicts(loss, matches, unknown)


def _better(first: dict[int, Match], second: dict[int, Match]) -> dict[int, Match]:
    """The reading of a written gradient that fits better over all steps."""
    if len(second) < len(first):
        return first
    worst = [max(match.residual + (match.scale < 0) for match in table.values()) for table in (first, second)]
    return first if worst[0] <= worst[1] else second


def tolerance_of(steps: Sequence[Step]) -> float:
    """The relative residual that rounding can leave in this program."""
    values = [update.before.value for step in steps for update in step.updates.values()]
    return TOLERANCE_SINGLE if any(np.asarray(value).dtype == np.float32 for value in values) else TOLERANCE


def best_loss(steps: Sequence[Step], tolerance: float, *, pairs_only: bool = False) -> Verdicts | None:
    """The candidate that explains most weights in every step; ties go to the simpler loss.

    Every candidate is tried on a few steps, and the best three of them on all.  `pairs_only` leaves out the
    scalars that the script computes itself.
    """
    few = list(steps[:: max(1, len(steps) // 3)])[:4]
    losses = {loss for step in steps for loss in step.losses if not (pairs_only and loss.kind == "explicit")}
    ranked = sorted(losses, key=lambda loss: _rank(judge(few, loss), few, tolerance), reverse=True)
    finalists = [judge(steps, loss) for loss in ranked[:3]]
    return max(finalists, key=lambda verdicts: _rank(verdicts, steps, tolerance), default=None)


def _rank(verdicts: Verdicts, steps: Sequence[Step], tolerance: float) -> tuple[int, int, float, int]:
    """Weights explained (single numbers prove nothing), then derivable, then similar, then the preferred kind."""
    sizes = {name: np.size(update.before.value) for step in steps for name, update in step.updates.items()}
    explained = [name for name in verdicts.matches if sizes[name] > 1 and verdicts.explains(name, tolerance)]
    cosines = [
        match.cosine for table in verdicts.matches.values() for match in table.values() if not match.vacuous
    ]
    similar = float(np.mean(cosines)) if cosines else -1.0
    preferred = -PREFERENCE.index(verdicts.loss.kind)
    return sum(sizes[name] for name in explained), -len(verdicts.unknown), round(similar, 6), preferred
