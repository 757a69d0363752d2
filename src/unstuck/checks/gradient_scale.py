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
from itertools import groupby
from typing import TYPE_CHECKING

from unstuck.checks.registry import Sighting, check
from unstuck.wording import listed

if TYPE_CHECKING:
    from unstuck.facts import Gradient, Trace


@check("G102", "gradient-scale", "note", needs=("gradients",), factors=("equal-rates",))
def gradient_scale(trace: Trace) -> Iterator[Sighting]:
    """Gradients that are right up to a constant; those with one cause are told together."""
    apart = [
        g
        for g in trace.gradients
        if g.status in ("scaled", "wrong") and (g.status == "scaled" or g.scale_explanation)
    ]
    layered = any(parameter.role == "weight" for parameter in trace.parameters)
    beside = "the last layer" if layered else "another parameter"
    for scale, group in groupby(sorted(apart, key=_factor), key=_factor):
        gradients = list(group)
        reason = gradients[0].scale_explanation
        verb = "learns" if len(gradients) == 1 else "learn"
        yield Sighting(
            message=f"{listed([g.parameter for g in gradients])} {verb} at {scale} times the rate of {beside}"
            f"{f': {reason.text}' if reason else ''}",
            span=reason.span if reason else gradients[0].span,
            evidence=(f"one factor in all of {gradients[0].steps} steps",),
            factor="equal-rates",
        )


def _factor(gradient: Gradient) -> str:
    return f"{gradient.scale:.3g}"
