"""The inputs are not standardised.

## What it does
Measures mean and standard deviation of every column of the training rows; the study retrains the network on
columns with mean 0 and standard deviation 1.

## Why it hurts
One learning rate serves all columns.  A column a hundred times larger than another needs a rate ten thousand
times smaller, so either the one diverges or the other never moves.

## Example
    X_train, X_test = load()                     # pixels from 0 to 255

## Use instead
    mean, sd = X_train.mean(axis=0), X_train.std(axis=0) + 1e-8
    X_train, X_test = (X_train - mean) / sd, (X_test - mean) / sd

## Fix safety
Review: new rows must be scaled by the same numbers, those of the training rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import NotApplicable, Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace

FAR = (
    3.0  # a typical column this many times away from unit size deserves a note even when nothing was measured
)


@check("D401", "input-scaling", "warning", needs=("recipe",), factors=("standardise",))
def input_scaling(trace: Trace) -> Iterator[Sighting]:
    """Inputs that the script feeds as they are."""
    recipe = trace.recipe
    if recipe is None or recipe.scaling != "none":
        return
    if trace.data is None:
        raise NotApplicable("the training rows were not found")
    x = trace.data.x_train.reshape(len(trace.data.x_train), -1)
    spread = sorted(float(sd) for sd in x.std(axis=0))
    if not spread or spread[-1] == 0:
        raise NotApplicable("the inputs do not vary")
    offset = float(abs(x.mean(axis=0)).max())
    yield Sighting(
        message=f"inputs as they come: column means within ±{offset:.2g}, "
        f"standard deviations {spread[0]:.2g} to {spread[-1]:.2g}",
        span=trace.recipe_spans.get("scaling"),
        factor="standardise",
        plain=spread[-1] > FAR or spread[-1] < 1 / FAR or offset > FAR,
    )
