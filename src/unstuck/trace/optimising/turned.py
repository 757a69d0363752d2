"""Steps that go down the loss at first, and up from a certain step on: another phase of the training has another sign.

The steps before prove which loss is descended.  In all later ones the gradient is an exact multiple of the true one as
well, but a negative one, and the update has statements in it that no step before has run.
"""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.facts import Explanation, Span
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import opened
from unstuck.trace.reading.written import Step

LEAST_BEFORE, LEAST_AFTER = 5, 2


def turned(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Explanation | None:
    """The explanation of an update that is turned round in a later phase; None without that proof."""
    telling = verdicts.telling(name)
    told = [(step, telling[step.number]) for step in steps if step.number in telling]
    down = [match.scale > 0 and match.residual <= tolerance for _, match in told]
    before = down.index(False) if False in down else len(down)
    up = [match.scale < 0 and match.mirrored <= tolerance for _, match in told[before:]]
    if before < LEAST_BEFORE or len(up) < LEAST_AFTER or not all(up) or not verdicts.is_array(name):
        return None
    known = {place for step, _ in told[:before] for place in _places(step.updates[name])}
    last = told[-1][0].updates[name]
    fresh = [place for place in _places(last) if place not in known]
    if not fresh:
        return None
    text = (
        f"from step {told[before][0].number + 1} on the steps of {name} go up the loss that those before go down: "
        "the sign is wrong"
    )
    after = last.after.span
    return Explanation("sign", text, fresh[0], (after,) if after not in (None, fresh[0]) else ())


def _places(update: Update) -> list[Span]:
    """Where the sums and factors stand that the update is made of, from the last to the first."""
    found: list[Span] = []
    pending = [update.after]
    while pending:
        node = pending.pop()
        if node.span is not None:
            found.append(node.span)
        pending += [part for _, part in opened(1.0, node) or () if part.id > update.before.id]
    return found
