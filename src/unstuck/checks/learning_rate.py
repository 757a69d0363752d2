"""The learning rate is off by a factor of ten.

## What it does
Retrains the network with a tenth and with ten times the learning rate, everything else unchanged.

## Why it hurts
Too small a rate has not arrived when the epochs are over; too large a rate jumps about the minimum or
diverges.  Whether a rate is right depends on the loss, the scale of the inputs and the batch, so it is tried
and not judged by its value.

## Example
    alpha = 0.002

## Use instead
    alpha = 0.02

## Fix safety
Review: a rate tuned to a wrong gradient changes again when the gradient is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("T501", "learning-rate", "warning", needs=("recipe",), factors=("rate-x0.1", "rate-x10"))
def learning_rate(trace: Trace) -> Iterator[Sighting]:
    """One suspicion per rate that the study tries."""
    # Told as a multiple: the recipe's rate is per mean of a batch, the script's own number may be per sum.
    for factor, other in (("rate-x0.1", "a tenth of"), ("rate-x10", "ten times")):
        yield Sighting(
            message=f"{other} your learning rate learns better",
            span=trace.recipe_spans.get("rate"),
            factor=factor,
            plain=False,
        )
