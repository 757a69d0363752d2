"""Training steps of a script that hands its gradient to an optimiser of SciPy.

There is no update to find: every evaluation that returned a gradient is a step, its point the parameter, and the
loss is known, because the script returns it.  (The tape's side of this is `unstuck.trace.tape.optimisers`.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.reading.losses import Candidate, Proposal
from unstuck.trace.reading.pairs import Pair
from unstuck.trace.reading.readings import Readings
from unstuck.trace.reading.steps import Steps, Tracked, Update, ranges_of, step_key
from unstuck.trace.reading.terms import Term
from unstuck.trace.tape.optimisers import handed


def handed_steps(nodes: Sequence[Node], least: int) -> list[Steps]:
    """The trainings by optimisers that evaluated at least `least` times on this tape, one for each call."""
    by_call: dict[Span | None, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.fn is handed:
            by_call[node.span].append(node)
    return [_steps(nodes, evaluations) for evaluations in by_call.values() if len(evaluations) >= least]


def _steps(nodes: Sequence[Node], evaluations: list[Node]) -> Steps:
    loop = next(number for number, _ in reversed(evaluations[0].context) if number < -1)
    updates = {}
    for node in evaluations:
        x, gradient = node.args
        key = step_key(node.context, loop)
        if key is not None:
            updates[key] = Update(x, node, (Term(1.0, x), Term(-1.0, gradient)))
    ranges = ranges_of(nodes, [evaluations], loop)
    keys = tuple(sorted(updates))
    span = evaluations[0].span
    assert span is not None
    return Steps(loop, keys, ranges, (Tracked(evaluations[0].names[-1], span, updates),), frozenset())


def handed_over(update: Update) -> Readings:
    """The gradient that an optimiser was given: there is no decay or mask to read into it; empty for other updates."""
    return {"whole": np.asarray(update.after.args[1].value, float)} if update.after.fn is handed else {}


def returned_loss(updates: Sequence[Update]) -> dict[Candidate, Proposal]:
    """The value that the script returned beside the gradient, as the one loss of a step; empty without one."""
    found: dict[Candidate, Proposal] = {}
    for update in updates:
        value = update.after.kwargs.get("objective") if update.after.fn is handed else None
        span = (value.span or update.after.span) if value is not None else None
        if value is not None and span is not None:
            whole = np.asarray(value.value, float)
            seed = whole if whole.size > 1 else np.ones(whole.shape)  # half the sum of squared residuals
            found[Candidate("returned", span)] = Proposal(
                [(value, seed)], [Pair(value, np.zeros(whole.shape))]
            )
    return found
