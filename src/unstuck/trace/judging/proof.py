"""Is so much of a network explained by a loss that it must be the one that is descended?

A weight matrix whose written gradient is the true one leaves no doubt.  Of a network of single numbers some may agree
by accident: those that a step moves by one sample, under any loss of that sample.  So there it takes half of them, or
those next to the output, whose gradients follow from the loss most directly.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.reading.written import Step

ENOUGH = 0.5  # share of the numbers whose gradients tell anything


def is_proven(steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> bool:
    """Does the loss of these verdicts explain what no other would?"""
    proven = {name for name in verdicts.matches if verdicts.proves(name, tolerance)}
    if not proven or any(verdicts.size(name) > 1 for name in proven):
        return bool(proven)
    telling = {name for name in verdicts.matches if verdicts.telling(name)}
    return len(proven) >= ENOUGH * len(telling) or _reach_the_output(proven, telling - proven, steps)


def _reach_the_output(proven: Collection[str], others: Collection[str], steps: Sequence[Step]) -> bool:
    """Does the forward pass, in some step, take no more of the others behind all of them than there are of them?"""
    for step in steps:
        uses = {
            name: min((taker.id for taker in step.takers[update.before]), default=-1)
            for name, update in step.updates.items()
        }
        last = max((uses[name] for name in proven if name in uses), default=None)
        if last is not None and sum(uses[name] > last for name in others if name in uses) <= len(proven):
            return True
    return False
