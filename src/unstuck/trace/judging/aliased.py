"""Sums of gradients that are the parameter itself: `db = b`, `db += ...` in a loop, and then `b -= rate * db`.

What is added up moves the parameter, as it is and upwards, and the update takes off it a share of itself.  Three things
prove it, each alone: the share is the rate by which other parameters are moved in the same step, for no weight decay is
as large as that; the statement that moves other parameters by their gradients moves this one by nothing but itself; or
an array that a plain assignment has given a second name climbs the loss by its gradients as they are, at a rate of 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Explanation, Span
from unstuck.trace.judging.statements import is_second_name, operand_at
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2
SAME_RATE = 1e-9
WHOLE = 1e-6  # distance of a factor from 1 within which it is none
IN_PLACE = {"add", "subtract", "clip", "setitem", "scatter"}  # what an array may go through and stay the same


def aliased(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a gradient that is collected in the array of the parameter; None without that proof."""
    mine = [step for step in steps if name in step.updates]
    if not mine or not all(_takes_off_itself(name, step) for step in mine):
        return None
    update = mine[-1].updates[name]
    if len(mine) < LEAST_STEPS and not update.before.bound:
        return None
    made = update.after.args[0]
    added = made.span if isinstance(made, Node) else None
    return _explanation(name, (*update.before.bound[-1:], added, update.after.span))


def shared_text(name: str) -> str:
    """What to say of a sum of gradients that is the parameter."""
    return (
        f"{name} is the array that the network computes with, under another name: what is added up in it changes "
        "that array, and is then taken off itself"
    )


def _explanation(name: str, places: Sequence[Span | None]) -> Explanation | None:
    told = list(dict.fromkeys(each for each in places if each is not None))
    return Explanation("aliasing", shared_text(name), told[0], tuple(told[1:])) if told else None


def _takes_off_itself(name: str, step: Step) -> bool:
    """Is the new value a sum that was made in this step less, at the rate of others, that very sum?"""
    update = step.updates[name]
    made = update.after.args[0] if update.after.op == "subtract" else None
    if not isinstance(made, Node) or made is update.before or made.id < step.nodes[0].id:
        return False
    terms = terms_of(update.after, stop=lambda node: node is made)
    share = 1.0 - sum(term.coefficient for term in terms)
    rates = [rate for other, rate in step.rates.items() if other != name]
    return all(term.node is made for term in terms) and any(abs(share - rate) < SAME_RATE for rate in rates)


# ----- Arrays with a second name ------------------------------------------------------------------------


def moved_by_itself(steps: Sequence[Step]) -> tuple[str, Explanation] | None:
    """An array that every step adds up in and then moves by itself, where others are moved by their gradients."""
    found = [shown for step in steps for shown in [next(_moved_by_itself(step), None)] if shown is not None]
    if len(found) < max(len(steps), 1):
        return None
    origin, made, after = found[-1]
    name = origin.names[-1]
    told = _explanation(name, (*origin.bound[-1:], made.span, after.span))
    return (name, told) if told is not None else None


def _moved_by_itself(step: Step) -> Iterator[tuple[Node, Node, Node]]:
    """The array as it got its second name, its last sum, and what the update makes of that."""
    start = step.nodes[0].id
    updating = {update.after.span for update in step.updates.values()}
    taken = {untransposed(each) for node in step.nodes for each in node.parents() if not _stays(node, each)}
    for after in step.nodes:
        made = after.args[0] if after.op in ("add", "subtract") and after.span in updating else None
        if not isinstance(made, Node) or made.id < start or made.op not in IN_PLACE:
            continue
        origin = _origin(made, lambda node: node.id < start)
        if origin.bound and origin.id < start and origin.names and origin in taken:
            moving = ancestors(after.parents(), oldest=start, stop={made})
            if moving & step.tainted <= descendants({made}, step.nodes) | {made}:
                yield origin, made, after


def _stays(node: Node, operand: Node) -> bool:
    """May the operation have been done in place, in the array of this operand?"""
    return node.op in IN_PLACE and node.args[0] is operand


def _origin(node: Node, stop: Callable[[Node], bool]) -> Node:
    """The array before what was done to it in place, as far back as that."""
    while node.op in IN_PLACE and isinstance(node.args[0], Node) and not stop(node):
        node = node.args[0]
    return node


def climbs_as_it_is(name: str, steps: Sequence[Step], scales: Mapping[int, float]) -> Explanation | None:
    """The explanation of an array with two names that climbs by its whole gradients; `scales` are their factors."""
    mine = [step for step in steps if name in step.updates and step.number in scales]
    told = [scales[step.number] for step in mine]
    whole = [
        scale for scale in told if abs(scale + 1.0) <= WHOLE
    ]  # in others, the array was also taken off itself
    if len(whole) < max(LEAST_STEPS, len(told) / 2) or max(told) >= 0:
        return None
    update = mine[0].updates[name]
    origin = _origin(update.before, lambda node: bool(node.bound))
    place, updated = origin.bound[-1] if origin.bound else None, update.after.span
    if place is None or updated is None or update.after.op != "add":
        return None
    collected = operand_at(updated, 0)  # `self.gW += ...`: under that name, which another has given it
    return _explanation(name, (place, updated)) if collected and is_second_name(place, collected) else None
