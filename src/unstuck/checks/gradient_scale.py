"""A gradient is right up to a constant factor.

## What it does
Compares each written gradient with the true one.  Where a single positive factor, the same in every recorded
step, turns one into the other, and the factor differs from that of the other parameters, it says so.

## Why it hurts
It usually does not: the parameter only learns at another rate than the rest.  A dropout mask without its
scale, a mean taken twice, or a missing 2 from the square are the common causes.

## Example
    layer_1 *= dropout_mask * 2
    ...
    layer_1_delta *= dropout_mask          # the backward pass forgets the * 2

## Use instead
    layer_1_delta *= dropout_mask * 2

## Fix safety
Review: the direction was right, so the learning rate that you tuned belongs to the factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("G102", "gradient-scale", "note", needs=("gradients",), factors=("equal-rates",))
def gradient_scale(trace: Trace) -> Iterator[Sighting]:
    """Gradients that are right up to a constant."""
    for gradient in trace.gradients:
        reason = gradient.scale_explanation
        apart = reason is not None or gradient.status == "scaled"
        if not apart or gradient.status not in ("scaled", "wrong"):
            continue
        yield Sighting(
            message=f"{gradient.parameter} learns at {gradient.scale:.3g} times the rate of the last layer"
            f"{f': {reason.text}' if reason else ''}",
            span=reason.span if reason else gradient.span,
            evidence=(f"one factor, {gradient.scale:.3g}, in all of {gradient.steps} steps",),
            factor="equal-rates",
        )
