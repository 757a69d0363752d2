"""Squared error trains a classifier.

## What it does
Infers the loss from the updates.  Where a network that predicts classes descends the squared error of
indicator targets, the study retrains it with softmax and cross-entropy.

## Why it hurts
Squared error also punishes answers that are right and confident, and its plane through the indicator targets
can mask a class that lies between two others.

## Example
    delta = output - onehot                 # output = hidden.dot(w2)

## Use instead
    e = np.exp(output - output.max(axis=1, keepdims=True))
    delta = e / e.sum(axis=1, keepdims=True) - onehot

## Fix safety
Review: behind a linear output the update keeps its form, but the printed error becomes another quantity.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unstuck.checks.registry import Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace


@check("L301", "squared-error", "warning", needs=("recipe", "classes"), factors=("cross-entropy",))
def squared_error(trace: Trace) -> Iterator[Sighting]:
    """Classifiers that descend squared error."""
    recipe = trace.recipe
    if recipe is None or recipe.loss != "squared":
        return
    span = trace.recipe_spans.get("loss") or (trace.loss.span if trace.loss else None)
    classes = trace.data.classes if trace.data else 0
    same = "softmax and cross-entropy change the output line and the loss, not the error sent back"
    yield Sighting(
        message=f"squared error on {classes} classes",
        span=span,
        evidence=(same,) if recipe.output == "linear" else (),
        factor="cross-entropy",
    )
