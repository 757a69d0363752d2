"""Updates at which nothing of the gradient arrives: it is used for nothing, cleared too early, or always 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Array, Explanation, Span
from unstuck.trace.judging.statements import calls_of
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.still import meant
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
MOST_CALLS = 1  # of the function that clears a gradient, the last ones: they may come too early
CONSTANT = {"leaf", "constant"}
TINY = 1e-12
ADDING = {"add", "subtract", "scatter", "setitem", "add.at"}


def never_stored(name: str, steps: Sequence[Step]) -> Explanation | None:
    """Every update was only meant: the program makes none."""
    updates = [step.updates[name] for step in steps]
    span = updates[-1].after.span
    if span is None or any(update.after.fn is not meant for update in updates):
        return None
    bound = updates[-1].after.names[-1:]
    if bound and bound[0] != name:
        text = (
            f"the new value of {name} is bound to the name {bound[0]} and to nothing else: "
            "the array that the network uses stays as it was"
        )
    else:
        text = (
            f"the gradient of {name} is computed in every step and used for nothing: "
            f"nothing updates {name} in the loop"
        )
    return Explanation("parameter-never-updated", text, span)


def without_gradient(name: str, steps: Sequence[Step]) -> Explanation | None:
    """In every step what is added to the parameter is a number, or zeros: the gradient does not come into it.

    Or it is so in the last steps, where another optimiser has taken over.
    """
    lost = [not _gets_anything(name, step) for step in steps]
    first = len(lost) - lost[::-1].index(False) if False in lost else 0
    last = steps[first:]
    if len(last) < LEAST_STEPS:
        return None
    added = [node for step in last for node in _added(name, step)]
    span = last[-1].updates[name].after.span
    if any(np.any(node.value) for node in added):
        if not _are_alike([_amount(name, step) for step in last]):
            return None  # what stands in the data: a sample that is on the wrong side of a margin
        when = f"from step {last[0].number + 1} on " if first else ""
        text = f"{when}{name} moves by the same amount whatever the error is: its gradient is missing in the update"
        made = next((node.span for node in added[::-1] if node.id >= last[-1].nodes[0].id), None)
        places = [each for each in dict.fromkeys((made, span)) if each is not None]
        return Explanation("gradient-missing", text, places[0], tuple(places[1:])) if places else None
    if first:  # a unit that is switched off from now on, say
        return None
    made = added[-1].span
    text = f"what is added to {name} are zeros: its gradient is cleared before it is used, or never added up"
    beside = _added_beside(steps[-1], added[-1])
    callers = calls_of(made)[:MOST_CALLS] if made is not None and beside is None else ()
    places = [each for each in (beside, made, *callers, span) if each is not None]
    return Explanation("gradient-missing", text, places[0], tuple(places[1:])) if places else None


def _added(name: str, step: Step) -> list[Node]:
    """What a step adds to a parameter."""
    update = step.updates[name]
    return [term.node for term in update.terms if term.node is not update.before and term.coefficient]


def _amount(name: str, step: Step) -> Array:
    update = step.updates[name]
    parts = [
        t.coefficient * np.asarray(t.node.value, float) for t in update.terms if t.node is not update.before
    ]
    return np.asarray(sum(parts, np.zeros(np.shape(update.before.value))))


def _are_alike(amounts: Sequence[Array]) -> bool:
    """Are these the same numbers in every step, up to a rate that only falls or only rises?"""
    first = amounts[0]
    factors = [float(np.sum(first * each)) / max(float(np.sum(first**2)), TINY) for each in amounts]
    same = all(np.allclose(factor * first, each) for factor, each in zip(factors, amounts, strict=True))
    changes = np.diff(factors)
    return same and min(factors) > 0 and bool(np.all(changes <= TINY) or np.all(changes >= -TINY))


def _gets_anything(name: str, step: Step) -> bool:
    """Is more added to the parameter than numbers and zeros, beside what was left behind by earlier steps?"""
    fresh = [node for node in _added(name, step) if node.op == "leaf" or node.id >= step.nodes[0].id]
    return not fresh or not all(_is_constant(node, step) for node in fresh)


def made_of_itself(name: str, steps: Sequence[Step]) -> Explanation | None:
    """In every step what is added to the weights of a layer is made of their old value alone, and of plain numbers."""
    made = [_of_old_value(step, step.updates[name]) if step.multiplies(name) else None for step in steps]
    if len(made) < LEAST_STEPS or not all(made) or made[-1] is None or made[-1].span is None:
        return None
    after = steps[-1].updates[name].after.span
    text = f"what is added to {name} is made of {name} itself alone: its gradient does not come into it"
    uses = (after,) if after not in (None, made[-1].span) else ()
    return Explanation("gradient-missing", text, made[-1].span, uses)


def _of_old_value(step: Step, update: Update) -> Node | None:
    """The first operation on the old value from which the whole increment is made; None where more goes into it."""
    start, before = step.nodes[0].id, update.before
    sources = [term.node for term in update.terms if term.node is not before]
    if not sources:  # `w -= rate * w`
        return update.after
    fresh = [node for node in sources if node.id >= start and np.any(node.value)]
    behind = ancestors(fresh, oldest=start, stop={before}) - {before}
    tainted = [node for node in behind if node in step.tainted]
    operands = {parent for node in tainted for parent in node.parents()}
    alone = all(parent in {before, *tainted} or np.size(parent.value) == 1 for parent in operands)
    if not tainted or len(fresh) < len(sources) or not alone:
        return None
    alike = all(np.shape(node.value) == np.shape(before.value) for node in tainted)
    return min(tainted, key=lambda node: node.id) if alike else None


def _added_beside(step: Step, zeros: Node) -> Span | None:
    """Where something is later added to other zeros of the same statement, as it should be to these."""
    later = (node for node in step.nodes if node.id > zeros.id and node.op in ADDING)
    alike = (node for node in later if any(_is_made_with(parent, zeros) for parent in node.parents()))
    return next((node.span for node in alike if zeros.span is not None), None)


def _is_made_with(node: Node, zeros: Node) -> bool:
    return node.op == zeros.op == "leaf" and node.span == zeros.span


def of_itself(name: str, steps: Sequence[Step]) -> Explanation | None:
    """In every step nothing is added to the parameter, because a value is subtracted from itself on the way."""
    places = []
    for step in steps:
        update = step.updates[name]
        behind = ancestors([update.after], oldest=step.nodes[0].id, stop=step.ends - {update.after})
        same = [node for node in behind if node.op == "subtract" and _twice_the_same(node)]
        if not same or not np.array_equal(update.after.value, update.before.value):
            return None
        zeros = sorted((node for node in behind if not np.any(node.value)), key=lambda node: node.id)
        if descendants(same, zeros).isdisjoint(term.node for term in update.terms):
            return None  # what is made of it is not zero: a shift of the largest logit, say
        places.append(max(same, key=lambda node: node.id))
    last = places[-1]
    if len(places) < LEAST_STEPS or last.span is None:
        return None
    named = last.args[0].names[-1:] or ["a value"]
    return Explanation(
        "wrong-operand", f"{named[0]} is subtracted from itself: the error is always 0", last.span
    )


def comes_to_nothing(name: str, steps: Sequence[Step]) -> Explanation | None:
    """What is added is zero in every step, and so is what it is made of, down to a value of the step before."""
    mine = [step for step in steps if name in step.updates]
    found = [_zeros(step, step.updates[name]) for step in mine]
    places = [node.span for node in found[-1] if node.span is not None] if len(found) >= LEAST_STEPS else []
    if not all(found) or not places:
        return None
    after = mine[-1].updates[name].after.span
    uses = dict.fromkeys(place for place in (*places[1:2], after) if place not in (None, places[0]))
    text = f"the steps of {name} are zero, because what this makes stays zero: its gradient does not come into it"
    return Explanation(
        "gradient-missing", text, places[0], tuple(place for place in uses if place is not None)
    )


def _zeros(step: Step, update: Update) -> list[Node]:
    """The zeros that end in this update, each made of the one before."""
    start, shape = step.nodes[0].id, np.shape(update.after.value)
    if not np.array_equal(update.after.value, update.before.value):
        return []
    pending, found = [update.after], []
    while pending:
        node = pending.pop()
        found += [node] if node is not update.after else []
        zeros = [each for each in node.parents() if np.shape(each.value) == shape and not np.any(each.value)]
        pending = [each for each in zeros if each.id >= start][:1]
    return found[::-1]


def _twice_the_same(node: Node) -> bool:
    return isinstance(node.args[0], Node) and node.args[0] is node.args[1]


def _is_constant(node: Node, step: Step) -> bool:
    """Is this one number for all elements of an array, which does not depend on the parameters: a rate, say?"""
    number = np.ndim(node.value) == 0 and node not in step.tainted
    stored = node.args[2] if node.op == "setitem" else None
    cleared = isinstance(stored, Node) and stored.op in CONSTANT and np.ndim(stored.value) == 0
    return bool(np.ptp(node.value) == 0) and (node.op in CONSTANT or number or cleared)


def nothing_moves(steps: Sequence[Step]) -> bool:
    """Does no update of any step change anything?"""
    updates = [update for step in steps for update in step.updates.values()]
    return all(np.array_equal(update.after.value, update.before.value) for update in updates)


def lets_gradient_go(name: str, steps: Sequence[Step]) -> bool:
    """Does each step work out, from the parameters, an array of this one's shape, and use it for nothing?"""
    mine = [step for step in steps if name in step.updates]
    return bool(mine) and all(_has_loose_end(step, step.updates[name]) for step in mine)


def _has_loose_end(step: Step, update: Update) -> bool:
    shape, used = np.shape(update.before.value), {parent for node in step.nodes for parent in node.parents()}
    return len(shape) > 0 and any(
        np.shape(node.value) == shape and node not in used and node not in step.ends
        for node in step.nodes
        if node in step.tainted
    )
