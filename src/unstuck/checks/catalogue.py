"""The list of all checks, in the order in which their findings are read: faults first, then settings.

Another package adds its own by an entry point in the group `unstuck.checks` that names a `Check`.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import entry_points

from unstuck.checks.accuracy_under_dropout import accuracy_under_dropout
from unstuck.checks.activation_derivative import activation_derivative
from unstuck.checks.dropout_strength import dropout_strength
from unstuck.checks.gradient_scale import gradient_scale
from unstuck.checks.input_scaling import input_scaling
from unstuck.checks.learning_rate import learning_rate
from unstuck.checks.missing_bias import missing_bias
from unstuck.checks.registry import Check
from unstuck.checks.squared_error import squared_error
from unstuck.checks.width import width
from unstuck.checks.wrong_gradient import wrong_gradient

BUILT_IN = (
    activation_derivative,  # always told in words: before what may be a place alone
    wrong_gradient,
    gradient_scale,
    missing_bias,
    dropout_strength,
    width,
    squared_error,
    input_scaling,
    learning_rate,
    accuracy_under_dropout,
)


@cache
def catalogue() -> tuple[Check, ...]:
    """Every check, ours first; one that another package fails to load is left out with a warning."""
    return BUILT_IN + tuple(_installed())


def lookup(name: str) -> Check | None:
    """The check with this id or slug, in any case of letters."""
    wanted = name.strip().lower()
    return next((check for check in catalogue() if wanted in (check.id.lower(), check.slug)), None)


def _installed() -> list[Check]:
    found = []
    for point in entry_points(group="unstuck.checks"):
        try:
            loaded = point.load()
        except Exception as error:  # someone else's module may fail in any way
            warnings.warn(f"the check {point.name} could not be loaded: {error}", stacklevel=3)
            continue
        if isinstance(loaded, Check):
            found.append(loaded)
        else:
            warnings.warn(f"the entry point {point.name} is not a check", stacklevel=3)
    return found
