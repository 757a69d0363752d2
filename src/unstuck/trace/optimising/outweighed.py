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
from unstuck.trace.reading.readings import PENALTIES, Readings
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
PENALTY = "its penalty, like all others, is larger than its gradient in every recorded step"
CUT = "most elements of its gradient are cut off in every recorded step"


def outweighed(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> str:
    """Why the steps of a parameter are hardly made of its gradient; else empty."""
    mine = [step for step in steps if name in step.updates and step.number in verdicts.telling(name)]
    if len(mine) < LEAST_STEPS:
        return ""
    if all(excess > 1 for excess in _excesses(name, mine, verdicts, tolerance) or [0.0]):
        # where the gradient of one layer vanishes, its penalty is larger: it must be so in all of them
        matrices = [
            other for other in verdicts.matches if verdicts.size(other) > 1 and _is_matrix(other, mine)
        ]
        found = [_excesses(other, mine, verdicts, tolerance) for other in matrices]
        if all(excess > 1 for each in found for excess in each) and not any(
            _is_squared(name, step) for step in mine
        ):
            return PENALTY
    return CUT if all(_is_mostly_cut(step, name) for step in mine) else ""


def _is_squared(name: str, step: Step) -> bool:
    """Does the program square the parameter itself, as a loss that has the penalty does?"""
    before = step.updates[name].before
    return any(
        (node.op in ("power", "square") and node.args[0] is before)
        or (node.op == "multiply" and node.args[0] is before and node.args[1] is before)
        for node in step.nodes
    )


def _is_matrix(name: str, steps: Sequence[Step]) -> bool:
    return any(np.ndim(step.updates[name].before.value) > 1 for step in steps if name in step.updates)


def _excesses(name: str, steps: Sequence[Step], verdicts: Verdicts, tolerance: float) -> list[float]:
    """How many times as large as the gradient its penalty is, by step; empty for a parameter without a penalty."""
    telling = (
        verdicts.telling(name) if verdicts.size(name) > 1 else {}
    )  # a number has its gradient's sign, or not
    shown = [step for step in steps if name in step.updates and step.number in telling]
    return [
        size for step in shown if (size := _excess(step.written[name], telling[step.number], tolerance)) > 0
    ]


def _excess(written: Readings, truth: Match, tolerance: float) -> float:
    """The length of what a reading leaves out over that of the gradient that is left; 0 where all is gradient."""
    whole = written["whole"]
    if _fits(whole, truth, tolerance):
        return 0.0
    bare = (written[kind] for kind in PENALTIES if kind in written)
    fitting = next((each for each in bare if _fits(each, truth, tolerance)), None)
    if fitting is None or not np.any(fitting):
        return 0.0
    return float(np.linalg.norm(whole - fitting) / np.linalg.norm(fitting))


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
