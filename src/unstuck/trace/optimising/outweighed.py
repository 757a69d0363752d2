"""Right gradients of which little arrives: a penalty outweighs them, or most of their elements are cut off.

Both are a matter of size, and there is no size that is wrong.  But where it is so in every recorded step, what moves
the parameter is hardly its gradient, and nothing can be said about the step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Array
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import Match, match
from unstuck.trace.reading.readings import PENALTIES
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
PENALTY = "its penalty is larger than its gradient in every recorded step"
CUT = "most elements of its gradient are cut off in every recorded step"


def outweighed(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> str:
    """Why the steps of a parameter are hardly made of its gradient; else empty."""
    telling = verdicts.telling(name)
    told = [(step, telling[step.number]) for step in steps if step.number in telling]
    if len(told) < LEAST_STEPS:
        return ""
    if all(_penalty_is_larger(step, name, truth, tolerance) for step, truth in told):
        return PENALTY
    return CUT if all(_is_mostly_cut(step, name) for step, _ in told) else ""


def _penalty_is_larger(step: Step, name: str, truth: Match, tolerance: float) -> bool:
    whole = step.written[name]["whole"]
    if _fits(whole, truth, tolerance):
        return False
    bare = (step.written[name][kind] for kind in PENALTIES if kind in step.written[name])
    return any(
        _fits(each, truth, tolerance) and np.linalg.norm(whole - each) > np.linalg.norm(each) for each in bare
    )


def _fits(written: Array, truth: Match, tolerance: float) -> bool:
    found = match(written, truth.true)
    return found.scale > 0 and found.residual <= tolerance


def _is_mostly_cut(step: Step, name: str) -> bool:
    """Does the update go through a clip that alters most of what is not zero?"""
    update, start = step.updates[name], step.nodes[0].id
    shape = np.shape(update.after.value)
    behind = ancestors([update.after], oldest=start, stop=step.ends - {update.after})
    clips = [node for node in behind if node.op == "clip" and np.shape(node.value) == shape]
    return any(_share_cut(node) > 0.5 for node in clips)


def _share_cut(clip: Node) -> float:
    inner = clip.args[0]
    if not isinstance(inner, Node) or not np.any(inner.value):
        return 0.0
    before = np.asarray(inner.value, float)
    return float(np.mean((np.asarray(clip.value, float) != before)[before != 0]))
