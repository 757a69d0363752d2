"""A gradient in the backward pass differs from the true one.

## What it does
Records training steps, differentiates the recorded forward pass automatically and compares the result with
the gradient by which your code moves each parameter.  A constant factor is allowed; what is left after the
best factor is the residual.  The loss is the one whose gradient explains the other parameters.

## Why it hurts
The network does not descend its loss.  It may still learn something, because the last layer is often right
and because many wrong directions go partly downhill.  That is why such faults survive for years.

## Example
    delta1 = delta2.dot(w2)              # the error goes back through w2 instead of its transpose
    w1 -= rate * x.T.dot(delta1)

## Use instead
    delta1 = delta2.dot(w2.T) * (h > 0)
    w1 -= rate * x.T.dot(delta1)

## Fix safety
Safe when a patch of the blamed line passes the gradient check on steps and seeds that did not guide the
search; otherwise no patch is offered and the line is only named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.gradients import sightings_of, wrong_gradients
from unstuck.checks.registry import Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("G100", "wrong-gradient", "error", needs=("gradients",), factors=("derivative",))
def wrong_gradient(trace: Trace) -> Iterator[Sighting]:
    """Every wrong gradient whose explanation no other check claims."""
    yield from sightings_of(trace, wrong_gradients(trace, activation=False))
