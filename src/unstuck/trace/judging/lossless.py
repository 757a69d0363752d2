"""What can be said of updates where no loss is found at all: faults whose proof needs none.

An output that is compared with the targets of all rows is wrong whatever is meant.  So is a parameter that moves by the
same number in every step, while the gradient that the step works out for it is used for nothing.  And so is a network
that works out output minus target in every step, uses it for nothing, and moves by what has no target in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Gradient, Span
from unstuck.trace.judging.broadcast import silent_broadcast
from unstuck.trace.judging.lost import lets_gradient_go
from unstuck.trace.judging.statements import same_function, statement_of
from unstuck.trace.judging.updates import SCALING, update_faults
from unstuck.trace.reading.meetings import Meetings
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

LEAST_STEPS = 3


def faults_without_loss(
    steps: Sequence[Step], spans: Mapping[str, Span], reason: str
) -> tuple[Gradient, ...]:
    """A Gradient for each parameter if one of them is proven wrong: "wrong", or else "cannot-tell" with the reason."""
    spread = silent_broadcast(steps)
    whole = spread or _error_let_go(steps)
    faults = dict.fromkeys(spans, whole) if whole is not None else _unmoved_by_gradient(steps)
    return tuple(
        _noun(name, span, faults.get(name), len(steps), reason) for name, span in spans.items() if faults
    )


def _error_let_go(steps: Sequence[Step]) -> Explanation | None:
    """The difference of output and target that every step works out and uses for nothing."""
    found = [_unused_error(step) for step in steps]
    errors = [node for node in found if node is not None]
    if len(errors) < max(len(found), LEAST_STEPS) or len({node.span for node in errors}) > 1:
        return None
    place, step, error = statement_of(errors[-1]), steps[-1], errors[-1]
    passed_back = step.backward & step.tainted
    instead = next((node for node in step.nodes if node.id > error.id and node in passed_back), None)
    if place is None or instead is None:
        return None
    text = (
        f"the error of the output, worked out at {line_in_words(place)}, is used for nothing: "
        "what moves the parameters has no target in it"
    )
    handed = [span for _, span in instead.passed[:1]]
    later = (node for node in step.nodes if node.id >= instead.id and node in passed_back and node.bound)
    named = [statement_of(node) for node in later if same_function(node.bound[-1], place)][:1]
    told = dict.fromkeys((*named, *handed, statement_of(instead)))
    uses = [span for span in told if span not in (None, place)]
    return Explanation("gradient-missing", text, place, tuple(span for span in uses if span is not None))


def _unused_error(step: Step) -> Node | None:
    """The last difference of an output and a target, scaled or not, from which nothing else is computed.

    None where an update takes anything of the data that the target is taken from: it may descend a loss of its own.
    """
    meetings, users = Meetings(step.tainted), {parent for node in step.nodes for parent in node.parents()}
    differences: set[Node] = set()
    for node in step.nodes:
        scales = node.op in SCALING and any(parent in differences for parent in node.parents())
        if any(np.size(pair.target) > 1 for pair in meetings.at(node)) or scales:
            differences.add(node)
    ends = {update.after for update in step.updates.values()}
    unused = [node for node in differences - ends if node not in users and node.span is not None]
    last = max(unused, key=lambda node: node.id, default=None)
    if last is None:
        return None
    used = ancestors(ends, stop=step.ends - ends)
    target = _target_of(last, step)
    return last if target and target.isdisjoint(used) else None


def _target_of(difference: Node, step: Step) -> set[Node]:
    """What stands beside the output in a difference, scaled or not, and what it alone was made of.

    (The rows of a batch are chosen by the same numbers for the inputs as for the targets.)
    """
    while difference.op in SCALING and (outputs := step.tainted.intersection(difference.parents())):
        difference = next(iter(outputs))
    made = {*difference.parents()}
    return ancestors(made - step.tainted) - ancestors(made & step.tainted)


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
