"""The printed train accuracy is counted while dropout is on.

## What it does
Compares the train and test accuracy that the script prints.  Where hidden units are dropped in training and
the train accuracy lies below the test accuracy by more than three standard errors, it says so.

## Why it hurts
It does not; it only looks alarming.  The train accuracy is that of a network with units missing, the test
accuracy that of the whole network.  The two cannot be compared, and no conclusion about underfitting follows.

## Example
    layer_1 *= dropout_mask * 2
    ...
    correct += int(np.argmax(layer_2) == np.argmax(y))      # the masked network is scored

## Use instead
    score the training rows in a pass of their own, without the mask

## Fix safety
Manual: nothing in the training is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from unstuck.checks.registry import NotApplicable, Sighting, check

if TYPE_CHECKING:
    from unstuck.facts import Trace

TRAIN = re.compile(r"train\w*[\W_]*acc|\bacc\w*[\W_]*train", re.IGNORECASE)
TEST = re.compile(r"(test|val)\w*[\W_]*acc|\bacc\w*[\W_]*(test|val)", re.IGNORECASE)


@check("E601", "accuracy-under-dropout", "note", needs=("recipe", "classes"))
def accuracy_under_dropout(trace: Trace) -> Iterator[Sighting]:
    """A train accuracy that lies below the test accuracy while dropout is on."""
    recipe = trace.recipe
    if recipe is None or recipe.dropout <= 0:
        raise NotApplicable("the network has no dropout")
    train, test = _printed(trace.printed, TRAIN), _printed(trace.printed, TEST)
    if train is None or test is None or trace.data is None:
        raise NotApplicable("the script does not print both a train and a test accuracy")
    rows = len(trace.data.x_test)
    error = math.sqrt(test[1] * (1 - test[1]) / rows)
    if test[1] - train[1] <= 3 * error:
        return
    yield Sighting(
        message=f"the printed {train[0]} {train[1]:.2f} is counted with {recipe.dropout:.0%} of the hidden "
        f"units off; {test[0]} {test[1]:.2f} (±{2 * error:.2f}, {rows} rows) is not",
        span=trace.recipe_spans.get("dropout"),
        evidence=("nothing is wrong here; the two numbers describe different networks",),
    )


def _printed(printed: Mapping[str, float], label: re.Pattern[str]) -> tuple[str, float] | None:
    """The first printed number with such a label, as a fraction (percentages are divided by 100)."""
    for name, value in printed.items():
        fraction = value / 100 if 1 < value <= 100 else value
        if label.search(name) and 0 <= fraction <= 1:
            return name, fraction
    return None
