"""Candidates that one step alone takes for losses, and that all steps together show to be none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unstuck.facts import Span
from unstuck.trace.reading.losses import BENT, COMPUTED
from unstuck.trace.reading.written import Step


def without_no_losses(steps: Sequence[Step]) -> list[Step]:
    """The steps without the scalars that are no losses in some of them, and those that the next step starts from.

    What is made of differences is the derivative of a loss of them only if it rises with them in all steps.
    """
    inner = {span for step in steps for span in step.inner} | _carried_on(steps)
    counts = Counter(loss for step in steps for loss in step.losses)
    now_and_then = {loss for loss in counts if loss.kind == BENT and counts[loss] < max(counts.values())}
    kept = [step.without_computed(inner) for step in steps]
    return [
        step.with_losses({k: v for k, v in step.losses.items() if k not in now_and_then}) for step in kept
    ]


def _carried_on(steps: Sequence[Step]) -> set[Span]:
    """Where sums are made that a later step takes, not to go on adding: numbers that are moved now and then."""
    sums = {
        loss.span
        for step in steps
        for loss, proposal in step.losses.items()
        if loss.kind in COMPUTED and proposal.seeds[0][0].op in ("add", "subtract")
    }
    return {
        parent.span
        for step in steps
        for node in (step.nodes if sums else ())
        for parent in node.parents()
        if parent.id < step.nodes[0].id and parent.span in sums and node.span != parent.span
    }
