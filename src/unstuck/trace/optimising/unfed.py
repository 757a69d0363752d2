"""Memories of an optimiser that are none: nothing of the gradient goes into them, or what is made of them is not kept.

Of the first, what they hold follows from plain numbers alone.  The second are the zeros that they were at the
beginning, in every step: the new value goes elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation
from unstuck.trace.judging.memories import Kept, Memory
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3


def unfed(name: str, steps: Sequence[Step], kept: Kept) -> Explanation | None:
    """The explanation of an update that uses, in every step, a fading memory into which plain numbers alone go."""
    found = [_unfed(step, name, kept[step.number]) for step in steps]
    if len(found) < LEAST_STEPS or not all(found) or found[-1] is None or found[-1].span is None:
        return None
    text = f"a memory that the steps of {name} are made with takes in nothing of the gradient: only plain numbers"
    after = steps[-1].updates[name].after.span
    return Explanation("optimiser", text, found[-1].span, (after,) if after is not None else ())


def unkept(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of an update that takes a share, in every step, of zeros that stay zeros."""
    found = [_unkept(step, name) for step in steps]
    if len(found) < LEAST_STEPS or not all(found) or found[-1] is None or found[-1].span is None:
        return None
    text = f"a memory that the steps of {name} are made with is zero in every step: what becomes of it is not kept"
    after = steps[-1].updates[name].after.span
    return Explanation("optimiser", text, found[-1].span, (after,) if after is not None else ())


def _unkept(step: Step, name: str) -> Node | None:
    """Where zeros from before this step are multiplied with a share.  (A number that is zero may be anything.)"""
    update, start = step.updates[name], step.nodes[0].id
    shape = np.shape(update.after.value)
    if not shape:
        return None
    for node in ancestors([update.after], oldest=start, stop=step.ends - {update.after}):
        zeros = [each for each in node.parents() if each.op == "leaf" and each.id < start]
        whole = [each for each in zeros if np.shape(each.value) == shape and not np.any(each.value)]
        numbers = [_number(argument) for argument in node.args if argument not in whole]
        if node.op == "multiply" and len(whole) == 1 and len(numbers) == 1 and 0 < numbers[0] < 1:
            return node
    return None


def _number(argument: object) -> float:
    value = argument.value if isinstance(argument, Node) else argument
    return float(value) if isinstance(value, int | float | np.number) else 0.0


def _unfed(step: Step, name: str, kept: Sequence[Memory]) -> Node | None:
    update, start = step.updates[name], step.nodes[0].id
    behind = ancestors([update.after], oldest=start, stop=step.ends - {update.after})
    for memory in kept:
        if not 0 < memory.share < 1 or memory.new in step.tainted or memory.new not in behind:
            continue
        if np.shape(memory.new.value) != np.shape(update.after.value):
            continue
        made = ancestors([memory.new], oldest=start, stop={memory.old}) - {memory.old}
        if all(
            np.ndim(node.value) == 0 and node not in step.tainted
            for node in made
            if not _holds(node, memory.old)
        ):
            return memory.new
    return None


def _holds(node: Node, old: Node) -> bool:
    """Is this made from the old value?"""
    return old in ancestors([node], oldest=old.id)
