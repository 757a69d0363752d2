"""The derivative of an activation function is wrong.

## What it does
Runs the automatic reverse pass again with the derivative of one activation altered (taken as 1, omitted,
applied twice, evaluated at the wrong array, or used where the forward pass has no such function).  The alteration
that reproduces your numbers exactly, in every recorded step, is the explanation.

## Why it hurts
Error flows back through units that were off, or is scaled by the wrong slope.  With a ReLU derivative that is
always 1, the backward pass is that of a linear network, and the hidden layer learns from noise.

## Example
    def relu(x):
        return (x >= 0) * x

    def relu2deriv(output):
        return output >= 0      # `output` is already rectified: this is always True

## Use instead
    def relu2deriv(output):
        return output > 0

## Fix safety
Safe when the patched line passes the gradient check on fresh steps and seeds and no forward value changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.gradients import sightings_of, wrong_gradients
from unstuck.checks.registry import Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("G101", "activation-derivative", "error", needs=("gradients",), factors=("derivative",))
def activation_derivative(trace: Trace) -> Iterator[Sighting]:
    """Wrong gradients that an altered activation derivative reproduces."""
    yield from sightings_of(trace, wrong_gradients(trace, activation=True))
