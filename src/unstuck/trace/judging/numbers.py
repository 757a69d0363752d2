"""Parameters that are single numbers: what one step does to each of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Span
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.rates import rate_of
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.written import Step


class Number(NamedTuple):
    """A parameter that is a single number in one step.

    span   where it is updated
    rate   what its gradient is multiplied by there
    fixed  does the step not depend on the parameters, as where a gradient is cut to a bound?
    """

    span: Span
    rate: float
    fixed: bool = False


def numbers_of(step: Step, loss: Candidate) -> dict[str, Number]:
    """The parameters of a step that are single numbers, by name."""
    singles = {name: each for name, each in step.updates.items() if np.size(each.before.value) == 1}
    if not singles or loss not in step.losses:
        return {}
    seeds = [node for node, _ in step.losses[loss].seeds]
    forward = ancestors(seeds, oldest=step.nodes[0].id, stop=step.ends)
    data = frozenset(parent for node in forward for parent in node.parents())
    return {
        name: Number(update.after.span, rate_of(update, data, step.tainted), _is_fixed(update, step))
        for name, update in singles.items()
        if update.after.span is not None
    }


def _is_fixed(update: Update, step: Step) -> bool:
    return not any(term.node in step.tainted for term in update.terms if term.node is not update.before)
