"""Is the step of a mutant still the gradient of something?

A step that goes down *some* function of the parameters is no fault that the program itself shows: where it computes
no loss beside it, another loss may as well be meant.  A vector field is a gradient exactly where its Jacobian is
symmetric, so that central differences of the step along two directions tell:  w' J v = v' J w.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from faults.probing import Probing, steps_from
from faults.programs import Program
from faults.rails import Values

PAIRS = 3  # of random directions
REACH = 1e-5  # of the differences, relative to the parameters
SAME = 1e-3  # relative difference of two numbers that are one


def is_gradient(program: Program, texts: Mapping[str, str], at: Probing) -> bool:
    """Is the plain step of these texts a gradient field at a point?

    (That of an optimiser is none, nor is one with a rate for each parameter.)
    """
    draws = np.random.default_rng(0)
    for _ in range(PAIRS):
        first, second = (_direction(at.start, draws) for _ in range(2))
        one, other = _along(program, texts, at, (first, second))
        there, back = _product(one, second), _product(other, first)
        if not abs(there - back) <= SAME * max(abs(there), abs(back)):
            return False
    return True


def _direction(start: Values, draws: np.random.Generator) -> Values:
    """Noise as large as the parameters, or as 1 where they are zeros."""
    return {
        name: draws.normal(size=each.shape) * (np.abs(each).mean() or 1.0) for name, each in start.items()
    }


def _along(
    program: Program, texts: Mapping[str, str], at: Probing, directions: Sequence[Values]
) -> list[Values]:
    """The derivatives of the step along some directions."""
    starts = [
        {name: each + reach * direction[name] for name, each in at.start.items()}
        for direction in directions
        for reach in (REACH, -REACH)
    ]
    moved = iter(steps_from(program, texts, starts, at))
    return [
        {name: (above[name] - below[name]) / (2 * REACH) for name in at.start}
        for above, below in zip(moved, moved, strict=True)
    ]


def _product(one: Values, other: Values) -> float:
    return sum(float(np.vdot(each, other[name])) for name, each in one.items())
