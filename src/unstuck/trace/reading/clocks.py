"""Values that move by themselves and make the targets: the phase of a signal that a program makes up as it goes.

They are replaced by themselves plus something in every step, and the error of the network depends on them, as it does
on parameters.  But no output does, and nothing that depends on a parameter moves them.
"""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.trace.reading.losses import HELD
from unstuck.trace.reading.pairs import Pair
from unstuck.trace.reading.written import Step


def clocks(steps: Sequence[Step]) -> set[str]:
    """The names of what moves by itself, and is a part of targets alone."""
    holding = [step for step in steps if _held(step)]
    learning = {name for step in holding for name in step.updates if _learns(name, step)}
    suspects = {name for step in holding for name in step.updates} - learning
    found = {
        name
        for name in suspects
        if any(_makes_targets(name, step) for step in holding if name in step.updates)
    }
    return found if any(step.updates.keys() - found for step in steps) else set()


def _learns(name: str, step: Step) -> bool:
    """Is it moved by something that depends on a parameter?"""
    update = step.updates[name]
    added = [term.node for term in update.terms if term.node is not update.before]
    return not step.tainted.isdisjoint({*added, *(parent for node in added for parent in node.parents())})


def _makes_targets(name: str, step: Step) -> bool:
    update = step.updates[name]
    own, oldest = {update.before, update.after}, update.before.id

    def made_of_it(node: Node | None) -> bool:
        return node is not None and not own.isdisjoint(ancestors([node], oldest=oldest))

    return any(made_of_it(_target_of(pair, step)) and not made_of_it(pair.output) for pair in _held(step))


def _held(step: Step) -> list[Pair]:
    """The outputs whose targets depend on a parameter as it seems."""
    return [pair for loss, proposal in step.losses.items() if loss.kind in HELD for pair in proposal.pairs]


def _target_of(pair: Pair, step: Step) -> Node | None:
    """The other side of the difference."""
    for node in step.nodes:
        if node.op in ("add", "subtract") and pair.output in node.parents():
            return next((parent for parent in node.parents() if parent is not pair.output), None)
    return None
