"""Gradients that have another source than the error of the loss that explains the others.

A second loss on a shared trunk, a penalty on what a hidden layer puts out, an actor beside its critic, a branch that is
held constant: none of them shows in the one loss that was found.  What a wrong gradient takes from elsewhere may be
meant, so its difference proves nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.linearity import mistreats
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.meetings import Meetings
from unstuck.trace.reading.pairs import Pair, are_views
from unstuck.trace.reading.views import CONTRACTIONS, untransposed, whole_of
from unstuck.trace.reading.written import Step

TESTED = 4
SUMS = {"add", "subtract"}
JOINED = "its error has a part that does not come from the loss: another loss or penalty, or a mistake"
ONCE = "its gradient goes back through one of several uses only, as where a branch is held constant"
APART = "its gradient comes from another error than that of the loss which explains the others"


class Sources:
    """Where the errors of a few steps come from.

    loss  the one that explains other gradients
    """

    def __init__(self, steps: Sequence[Step], loss: Candidate) -> None:
        self._loss = loss
        self._steps = [step for step in steps if loss in step.losses][:TESTED]
        self._met = {step.number: list(_met(step)) for step in self._steps}

    def joined(self, name: str, unsure: bool) -> bool:
        """Is something added to the error, on its way to this gradient, that does not come from the loss?

        unsure  also where it is not known which difference is that of the loss: then each may be
        """
        return self._always(name, lambda step, each: self._joins(step, each, unsure))

    def apart(self, name: str) -> bool:
        """Does the gradient come from the error of another output, or from no error at all?"""
        return self._always(name, self._is_apart)

    def mistreated(self, name: str, verdicts: Verdicts) -> bool:
        """Is what the gradient makes of the error of the loss wrong, whatever else is added to it?"""
        telling = verdicts.telling(name)

        def shows(step: Step, each: str) -> bool:
            errors = self._errors(step)[0] & _made(step, each)
            return step.number not in telling or mistreats(
                step, each, errors, self._loss, telling[step.number].true
            )

        return any(step.number in telling for step in self._steps) and self._always(name, shows)

    def computed_once(self, name: str) -> bool:
        """Is the gradient worked out once in a step, and nothing like it that could have been lost?"""
        return self._always(name, _is_computed_once)

    def _always(self, name: str, shows: Callable[[Step, str], bool]) -> bool:
        mine = [step for step in self._steps if name in step.updates]
        return bool(mine) and all(shows(step, name) for step in mine)

    def _errors(self, step: Step) -> tuple[set[Node], set[Node]]:
        """The differences of this loss, and those of other outputs."""
        met = self._met[step.number]
        outputs = {pair.output for pair in step.losses[self._loss].pairs}
        behind = set[Node]()
        if not self._loss.by_pairs:  # what the computed value compares
            outputs = set[Node]()
            seeds = [node for node, _ in step.losses[self._loss].seeds]
            behind = ancestors(seeds, oldest=step.nodes[0].id, stop=step.ends)
            used = behind | {parent for node in behind for parent in node.parents()}
            whole = [
                (node, pairs) for node, pairs in met if {*node.parents()} <= used and not _is_held(pairs)
            ]
            for _, pairs in whole or [each for each in met if not _is_held(each[1])]:
                outputs |= {pair.output for pair in pairs} & used
        own = {
            node
            for node, pairs in met
            if node.span == self._loss.span
            or node in behind
            or (not _is_held(pairs) and any(pair.output in outputs for pair in pairs))
            or any(are_views(pair, other) for pair in pairs for other in step.losses[self._loss].pairs)
        }
        forward = ancestors(outputs, oldest=step.nodes[0].id, stop=step.ends)
        return own, {node for node, _ in met} - forward - own - _follow(own, step)

    def _joins(self, step: Step, name: str, unsure: bool) -> bool:
        own, others = self._errors(step)
        made = _made(step, name)
        alike = defaultdict(set)
        for node in others & made if unsure and not own else ():
            alike[node.span].add(node)
        errors = [_follow(each, step) for each in (alike.values() if not own else [own])]
        return any(_joins(node, error, step, name) for error in errors for node in made)

    def _is_apart(self, step: Step, name: str) -> bool:
        own, others = self._errors(step)
        made = _made(step, name)
        if own and others & made:
            return True
        return own.isdisjoint(made) and _after_others(step, name)


def _follow(own: Collection[Node], step: Step) -> set[Node]:
    """These errors and what is computed from them before a parameter has moved."""
    return {*own, *descendants(own, [node for node in step.nodes if node not in step.ends])}


def _after_others(step: Step, name: str) -> bool:
    """Has another part been put to work again after its update, to work out this gradient?

    Then a product takes a parameter that has moved, as the forward pass has taken it before.  (A way back through it
    takes its transpose.)
    """
    made = _made(step, name)
    return any(
        node.op in CONTRACTIONS and (update.after in node.parents()) == direct and _takes(node, update.after)
        for other, update in step.updates.items()
        if other != name and (direct := _taken_directly(step, update.before)) is not None
        for node in made
    )


def _takes(node: Node, parameter: Node) -> bool:
    return any(untransposed(each) is parameter for each in node.parents())


def _taken_directly(step: Step, parameter: Node) -> bool | None:
    """Is the parameter itself, not its transpose, what the first product takes of it?  None without a product."""
    products = [node for node in step.takers[parameter] if node.op in CONTRACTIONS]
    first = min(products, key=lambda node: node.id, default=None)
    return parameter in first.parents() if first is not None else None


def _made(step: Step, name: str) -> set[Node]:
    """What the update of a parameter is made of in a step, without the parameters."""
    after = step.updates[name].after
    return ancestors([after], oldest=step.nodes[0].id, stop=step.ends - {after}) - step.ends


def _is_computed_once(step: Step, name: str) -> bool:
    made, size = _made(step, name), np.size(step.updates[name].before.value)
    places = Counter((node.span, node.op) for node in step.nodes if node in step.tainted)
    forming = [node for node in made if np.size(node.value) == size and node.op in CONTRACTIONS]
    lost = [
        node
        for node in step.nodes
        if node.op in CONTRACTIONS
        and np.size(node.value) == size
        and node not in made
        and node in step.backward
    ]
    return bool(forming) and not lost and all(places[node.span, node.op] == 1 for node in forming)


def _is_held(pairs: Collection[Pair]) -> bool:
    return all(pair.held for pair in pairs)


def _met(step: Step) -> Iterator[tuple[Node, list[Pair]]]:
    """The differences of outputs and targets in the backward pass, with what they compare."""
    meetings = Meetings(step.tainted)
    for node in step.nodes:
        if node in step.tainted:
            pairs = meetings.at(node)
            if pairs and node in step.backward and np.size(node.value) > 1 and not _is_shift(node, step):
                yield node, pairs


def _is_shift(node: Node, step: Step) -> bool:
    """Is something made of a value taken off that value itself, as its mean, or one part of a parameter off another?"""
    first, *rest = node.parents() or (None,)
    if first is None or len(rest) != 1:
        return False
    if all(whole_of(each) in step.ends for each in (first, *rest)):
        return True
    oldest = step.nodes[0].id
    return any(
        one in ancestors([other], oldest=oldest, stop=step.ends)
        for one, other in ((first, rest[0]), (rest[0], first))
    )


def _joins(node: Node, error: Collection[Node], step: Step, name: str) -> bool:
    """Is this the sum of an error and of something else that depends on the parameters?  (No penalty of this one.)"""
    if node.op not in SUMS or not np.ndim(node.value):
        return False
    operands = [parent for parent in node.parents() if np.ndim(parent.value)]
    beside = [
        each for each in operands if each not in error and each in step.tainted and each not in step.ends
    ]
    if not beside or not any(each in error for each in operands):
        return False
    before = step.updates[name].before
    return any(each.id >= step.nodes[0].id and not _is_of(each, before, step) for each in beside)


def _is_of(node: Node, parameter: Node, step: Step) -> bool:
    """Is this made of the parameter alone, element by element, as its own penalty is?"""
    made = ancestors([node], oldest=parameter.id, stop={parameter})
    return parameter in made and all(np.size(each.value) in (1, np.size(parameter.value)) for each in made)
