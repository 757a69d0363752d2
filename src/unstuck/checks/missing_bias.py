"""No layer has a bias.

## What it does
Looks for arrays that are added to a layer's weighted sum and trained.  Where there are none, the study
retrains the network with a bias on every layer.

## Why it hurts
Without biases a ReLU network is homogeneous: doubling an input doubles the output, so every region in which
one class wins is a cone with its tip at the origin.  Classes that sit one behind the other cannot be split.

## Example
    hidden = relu(x.dot(w1))

## Use instead
    hidden = relu(x.dot(w1) + b1)
    ...
    b1 -= rate * delta1.sum(axis=0)

## Fix safety
Manual: forward pass, backward pass and update change together.  Repair a wrong gradient first; a bias
trained by a wrong gradient can make matters worse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace

HOMOGENEOUS = ("relu", "leaky-relu", "linear")


@check("M201", "missing-bias", "warning", needs=("recipe",), factors=("bias",))
def missing_bias(trace: Trace) -> Iterator[Sighting]:
    """Networks in which nothing is added to a weighted sum."""
    recipe = trace.recipe
    if recipe is None or recipe.bias:
        return
    weights = [parameter.span for parameter in trace.parameters if parameter.role == "weight"]
    span = trace.recipe_spans.get("bias") or (weights[0] if weights else None)
    cones = "every region in which one class wins is a cone with its tip at the origin"
    yield Sighting(
        message="no layer has a bias",
        span=span,
        uses=tuple(weights[1:]),
        evidence=(cones,) if recipe.activation in HOMOGENEOUS else (),
        factor="bias",
    )
