"""What can be said of updates where no loss is found at all: faults whose proof needs none.

An output that is compared with the targets of all rows is wrong whatever is meant.  So is a parameter that moves by the
same number in every step, while the gradient that the step works out for it is used for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unstuck.facts import Explanation, Gradient, Span
from unstuck.trace.judging.broadcast import silent_broadcast
from unstuck.trace.judging.lost import lets_gradient_go
from unstuck.trace.judging.updates import update_faults
from unstuck.trace.reading.written import Step


def faults_without_loss(
    steps: Sequence[Step], spans: Mapping[str, Span], reason: str
) -> tuple[Gradient, ...]:
    """A Gradient for each parameter if one of them is proven wrong: "wrong", or else "cannot-tell" with the reason."""
    spread = silent_broadcast(steps)
    faults = dict.fromkeys(spans, spread) if spread is not None else _unmoved_by_gradient(steps)
    return tuple(
        _noun(name, span, faults.get(name), len(steps), reason) for name, span in spans.items() if faults
    )


def _unmoved_by_gradient(steps: Sequence[Step]) -> dict[str, Explanation]:
    return {
        name: fault
        for name, fault in update_faults(steps).items()
        if fault.kind == "gradient-missing" and lets_gradient_go(name, steps)
    }


def _noun(name: str, span: Span, fault: Explanation | None, steps: int, reason: str) -> Gradient:
    nothing, nan = np.zeros(0), float("nan")
    return Gradient(
        parameter=name,
        span=span,
        status="wrong" if fault is not None else "cannot-tell",
        cosine=nan,
        scale=nan,
        residual=nan,
        steps=steps,
        written=nothing,
        exact=nothing,
        explanation=fault,
        reason="" if fault is not None else reason,
    )
