"""The hidden layers are too narrow.

## What it does
Retrains the network with two and four times the hidden units, everything else unchanged.

## Why it hurts
A network with too few units cannot represent the boundary that the data need, whatever its training.  Where
wider networks score the same, width is not what holds you back.

## Example
    hidden_size = 10

## Use instead
    hidden_size = 40

## Fix safety
Review: more units cost time in every step, and the learning rate may have to follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import NotApplicable, Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("M203", "width", "warning", needs=("recipe",), factors=("width-x2", "width-x4"))
def width(trace: Trace) -> Iterator[Sighting]:
    """One suspicion per width that the study tries."""
    recipe = trace.recipe
    if recipe is None or len(recipe.layers) < 3:
        raise NotApplicable("the network has no hidden layer")
    hidden = "+".join(str(size) for size in recipe.layers[1:-1])
    for factor, times in (("width-x2", "twice"), ("width-x4", "four times")):
        yield Sighting(
            message=f"{hidden} hidden units; {times} as many learn better",
            span=trace.recipe_spans.get("width"),
            factor=factor,
            plain=False,
        )
