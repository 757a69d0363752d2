"""Weight decay, or another penalty, with the wrong sign: in every step it makes the weights larger by itself.

How strong a penalty is, and of which form, is a choice, and a loss that is shown need not contain it.  That it pulls
towards zero is none.  The proof: the gradient is the true one once the penalty is taken out, and not with it; and
what is taken out points away from zero in every element of a weight matrix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array, Explanation
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import Match, match
from unstuck.trace.reading.readings import PENALTIES, is_penalty
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3


def inflating(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> Explanation | None:
    """The explanation of a penalty that pushes the weights away from zero; None without that proof."""
    telling = verdicts.telling(name)
    told = [(step, telling[step.number]) for step in steps if step.number in telling]
    if len(told) < LEAST_STEPS or any(step.carried[name] for step, _ in told):
        return None
    if not all(_pushes_away(step, name, truth, tolerance) for step, truth in told):
        return None
    after = told[-1][0].updates[name].after.span
    made = joined(told[-1][0], name)
    span = made.span if made is not None and made.span is not None else after
    uses = (after,) if after not in (None, span) else ()
    text = f"the weight decay of {name} makes it larger in every step instead of smaller: its sign is wrong"
    return Explanation("sign", text, span, uses) if span is not None else None


def joined(step: Step, name: str) -> Node | None:
    """The sum of the penalty and the gradient of a parameter, where one is made."""
    update = step.updates[name]
    behind = ancestors([update.after], oldest=step.nodes[0].id, stop=step.ends - {update.after})
    for node in sorted(behind, key=lambda item: item.id):
        parts = [is_penalty(parent, update.before, step.tainted) for parent in node.parents()]
        if node.op in ("add", "subtract") and any(parts) and not all(parts):
            return node
    return None


def _pushes_away(step: Step, name: str, truth: Match, tolerance: float) -> bool:
    weights = np.asarray(step.updates[name].before.value, float)
    if weights.ndim < 2 or _fits(step.written[name]["whole"], truth.true, tolerance):
        return False
    bare = next((step.written[name][kind] for kind in PENALTIES if kind in step.written[name]), None)
    if bare is None or not _fits(bare, truth.true, tolerance):
        return False
    penalty = (step.written[name]["whole"] - bare) * weights
    return bool(np.all(penalty[weights != 0] < 0))


def _fits(written: Array, true: Array, tolerance: float) -> bool:
    found = match(written, true)
    return found.vacuous or (found.scale > 0 and found.residual <= tolerance)
