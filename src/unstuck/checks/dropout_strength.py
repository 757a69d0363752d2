"""Dropout is strong for so small a layer.

## What it does
Reads the dropout probability from the recorded masks; the study retrains the network without dropout.

## Why it hurts
Dropout prevents overfitting in wide networks.  In a narrow one it takes away capacity, and where train and
test accuracy agree there is no overfitting to prevent.

## Example
    mask = np.random.randint(2, size=layer_1.shape)      # half of 10 units
    layer_1 *= mask * 2

## Use instead
    (nothing: leave dropout out, or use it on hundreds of units)

## Fix safety
Review: the network that you asked about used dropout on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import NotApplicable, Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("M202", "dropout-strength", "warning", needs=("recipe",), factors=("no-dropout",))
def dropout_strength(trace: Trace) -> Iterator[Sighting]:
    """Networks that drop hidden units."""
    recipe = trace.recipe
    if recipe is None or recipe.dropout <= 0:
        raise NotApplicable("the network has no dropout")
    hidden = recipe.layers[1:-1]
    units = "+".join(str(size) for size in hidden)
    left = "+".join(f"{size * (1 - recipe.dropout):.3g}" for size in hidden)
    yield Sighting(
        message=f"{recipe.dropout:.0%} dropout on {units} hidden units",
        span=trace.recipe_spans.get("dropout"),
        evidence=(f"an average step trains {left} of {units} units",),
        factor="no-dropout",
    )
