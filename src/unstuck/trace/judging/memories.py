"""What optimisers keep from step to step: momentum, running means, sums of squares; and how that goes wrong.

A memory is a value that is made, at one place of the source, from the value that the same place made in the step
before.  A right one fades or only adds up, takes in each gradient once, and is used by the update.  Each fault has its
own proof on the tape: the memory is made anew in every step, it is never cleared, it grows, or it takes in the same
gradient twice.  (That no update looks at it is told in `idle`.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation
from unstuck.trace.judging.statements import clearing, same_function
from unstuck.trace.reading.chains import UPDATING
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import Term, opened, terms_of
from unstuck.trace.reading.views import LOOKUPS
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
SAME = 1e-9  # relative misfit within which values, and factors, are one and the same


@dataclass(frozen=True)
class Memory:
    """A value of an earlier step, its successor in this one, and the share of it that the successor keeps."""

    old: Node
    new: Node
    share: float


Kept = dict[int, list[Memory]]  # by step number
Proof = Callable[[Update, Step, Sequence[Memory]], Memory | None]


def memory_faults(steps: Sequence[Step], kept: Kept) -> Iterator[tuple[str, Explanation]]:
    """Parameters with what is wrong about the memory of their optimiser."""
    for name in dict.fromkeys(name for step in steps for name in step.updates):
        mine = [step for step in steps if name in step.updates]
        found = [_not_cleared(name, mine), _state_reset(name, mine)]
        found += [fault(name, mine, kept) for fault in (_growing, _taken_twice)]
        yield from ((name, explanation) for explanation in found if explanation is not None)


def memories(step: Step) -> Iterator[Memory]:
    """The memories that this step carries on; parameters are none."""
    start = step.nodes[0].id
    made: dict[object, list[Node]] = defaultdict(list)
    for node in step.nodes:
        if node.op in UPDATING and node not in step.ends:
            made[_place(node)].append(node)
    older = dict.fromkeys(parent for node in step.nodes for parent in node.parents() if parent.id < start)
    for old in older:
        for new in made[_place(old)] if old.op in UPDATING and old not in step.ends else ():
            share = sum(part.coefficient for part in parts(new, step) if part.node is old)
            if share:
                yield Memory(old, new, share)


def _place(node: Node) -> object:
    return node.span, node.op, np.shape(node.value)


def parts(node: Node, step: Step) -> list[Term]:
    """The sum that a value of this step is, down to parameters and what is older than the step."""
    start = step.nodes[0].id
    return terms_of(node, stop=lambda other: other.id < start or other in step.ends)


def _behind(update: Update, step: Step, kept: Sequence[Memory]) -> list[Memory]:
    """The memories of which an update is made, element by element."""
    if not kept:
        return []
    behind = ancestors([update.after], oldest=step.nodes[0].id, stop=step.ends - {update.after})
    shape = np.shape(update.after.value)
    return [each for each in kept if each.new in behind and np.shape(each.new.value) == shape]


def in_every_step(name: str, steps: Sequence[Step], kept: Kept, proof: Proof) -> list[Memory]:
    """What each step with a memory shows; nothing if one of them shows nothing, or too few have one."""
    told = [step for step in steps if kept[step.number]]
    if len(told) < LEAST_STEPS:
        return []
    found: list[Memory] = []
    for step in told:
        shown = proof(step.updates[name], step, kept[step.number])
        if shown is None:
            return []
        found.append(shown)
    return found


def _not_cleared(name: str, steps: Sequence[Step]) -> Explanation | None:
    """What the update adds is a sum that also holds, undiminished, the gradients of all earlier steps."""
    whole = [step for step in steps if any(_undiminished(step, term) for term in step.carried.get(name, ()))]
    if len(whole) < max(LEAST_STEPS, len(steps) // 2):
        return None
    text = f"the gradient of {name} still holds the sums of all earlier steps: it is "
    span = whole[-1].updates[name].after.span
    kept = {term.node.span: None for term in whole[-1].carried[name] if term.node.span is not None}
    uses = tuple(place for place in kept if place is not None)
    if span is None:
        return None
    held = [names[-1] for term in whole[-1].carried[name] if (names := term.node.names)]
    places = (place for each in held if (place := clearing(span, each)) is not None)
    cleared = next((place for place in places if same_function(place, span)), None)
    if cleared is None:
        return Explanation("gradient-not-cleared", text + "never set back to zero", span, uses)
    return Explanation(
        "gradient-not-cleared", text + "not set back to zero in every step", cleared, (span, *uses)
    )


def _undiminished(step: Step, term: Term) -> bool:
    """Does the older state come back in its own successor with the factor 1?"""
    old = term.node
    successors = [
        node for node in step.nodes if node.span == old.span and np.shape(node.value) == np.shape(old.value)
    ]
    if not successors or not np.any(old.value):
        return False
    ends = {old, *(update.before for update in step.updates.values())}
    parts = terms_of(successors[-1], stop=lambda node: node in ends or node.id < old.id)
    taken_off = any(
        _is_stored(part.node, step) and part.coefficient < 0 for part in parts
    )  # as an average does
    return not taken_off and any(part.node is old and part.coefficient == 1.0 for part in parts)


def _is_stored(node: Node, step: Step) -> bool:
    """Was this read from an array that an earlier step has left behind?"""
    whole = node.args[0] if node.op in LOOKUPS else None
    return isinstance(whole, Node) and whole.id < step.nodes[0].id and whole not in step.ends


def _state_reset(name: str, steps: Sequence[Step]) -> Explanation | None:
    """In every step the update mixes in a share of an array of zeros that was made in the same step."""
    if len(steps) < LEAST_STEPS:
        return None
    found = [_fresh_zeros(step, step.updates[name]) for step in steps]
    if not all(found) or found[-1] is None or found[-1].span is None:
        return None
    text = f"the optimiser's memory of {name} is made anew, as zeros, in every step: it remembers nothing"
    after = steps[-1].updates[name].after.span
    return Explanation("optimiser", text, found[-1].span, (after,) if after else ())


def _fresh_zeros(step: Step, update: Update) -> Node | None:
    """Zeros of this step that are scaled down before anything is added: memory, and no empty sum."""
    start = step.nodes[0].id
    zeros = {
        term.node
        for term in update.terms
        if term.node.id >= start and term.node.op == "leaf" and not np.any(term.node.value)
    }
    added = any(term.node in step.tainted and term.node is not update.before for term in update.terms)
    for node in step.nodes if zeros and added else ():
        if node.op == "multiply" and np.size(node.value) > 1:
            decayed = [arg for arg in node.args if isinstance(arg, Node) and arg in zeros]
            factors = [_number(arg) for arg in node.args if arg not in decayed]
            if decayed and len(factors) == 1 and 0 < abs(factors[0]) < 1:
                return decayed[0]
    return None


def _number(argument: object) -> float:
    value = argument.value if isinstance(argument, Node) else argument
    return float(value) if isinstance(value, int | float | np.number) else np.nan


# ----- What is kept -------------------------------------------------------------------------------------


def _growing(name: str, steps: Sequence[Step], kept: Kept) -> Explanation | None:
    """In every step the memory comes back larger than it was."""
    found = in_every_step(name, steps, kept, _grown)
    if not found or found[-1].new.span is None:
        return None
    text = (
        f"the optimiser's memory of {name} is multiplied by {found[-1].share:.4g} in every step: "
        "it grows, where it should fade"
    )
    after = steps[-1].updates[name].after.span
    return Explanation("optimiser", text, found[-1].new.span, (after,) if after else ())


def _grown(update: Update, step: Step, kept: Sequence[Memory]) -> Memory | None:
    return next((each for each in _behind(update, step, kept) if each.share > 1 + SAME), None)


# ----- What is taken in ---------------------------------------------------------------------------------


def _taken_twice(name: str, steps: Sequence[Step], kept: Kept) -> Explanation | None:
    """In every step two statements, one after the other, do the same to the memory with the same gradient."""
    found = in_every_step(name, steps, kept, _doubled)
    if not found or found[-1].new.span is None:
        return None
    text = f"the optimiser's memory of {name} takes in the same gradient twice in every step"
    after = steps[-1].updates[name].after.span
    return Explanation("optimiser", text, found[-1].new.span, (after,) if after else ())


def _doubled(update: Update, step: Step, kept: Sequence[Memory]) -> Memory | None:
    for memory in _behind(update, step, kept):
        for between in carrying(memory):
            first, second = _recipe(between, memory.old), _recipe(memory.new, between)
            if between.span != memory.new.span and _are_same(first, second):
                return memory
    return None


def carrying(memory: Memory) -> list[Node]:
    """The sums between the old value and the new one, through which the old one comes."""
    found: list[Node] = []
    pending, seen = [memory.new], {memory.new}
    while pending:
        for _, part in opened(1.0, pending.pop()) or ():
            if part.id > memory.old.id and part not in seen:
                seen.add(part)
                pending.append(part)
                if part.op in UPDATING:
                    found.append(part)
    return found


def _recipe(new: Node, old: Node) -> tuple[float, list[Term]]:
    """The share that is kept of the old value, and what is added."""
    parts = terms_of(new, stop=lambda other: other is old or other.id < old.id)
    share = sum(part.coefficient for part in parts if part.node is old)
    return share, [part for part in parts if part.node is not old]


def _are_same(one: tuple[float, list[Term]], other: tuple[float, list[Term]]) -> bool:
    """Is a part of the old value kept, and the same added to it?  (A sum that only adds up counts more, no more.)"""
    if not 0 < one[0] < 1 or abs(one[0] - other[0]) > SAME or len(one[1]) != len(other[1]) or not one[1]:
        return False
    return all(
        abs(a.coefficient - b.coefficient) <= SAME * abs(a.coefficient)
        and np.array_equal(a.node.value, b.node.value)
        and np.any(a.node.value)
        for a, b in zip(one[1], other[1], strict=True)
    )
