"""The written gradient: what a script's own update says the derivative is.

An update is `after = before + terms`.  Terms that carry optimiser state (momentum) are set aside, clipping is
looked through, and of an adaptive step only the numerator counts; what is left, with its sign turned, is the
gradient as the script wrote it, up to one positive factor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Span
from unstuck.trace.reading.chains import UPDATING
from unstuck.trace.reading.handed import handed_over, returned_loss
from unstuck.trace.reading.losses import Candidate, Proposal, candidates, without
from unstuck.trace.reading.numerators import terms_inside
from unstuck.trace.reading.readings import Readings, of_part, readings
from unstuck.trace.reading.steps import Key, Steps, Update
from unstuck.trace.reading.terms import Term, terms_of
from unstuck.trace.reading.views import CONTRACTIONS, behind, untransposed


@dataclass(frozen=True)
class Step:
    """One training step, ready to be differentiated.

    number    counted from 0 over the whole run
    updates   by parameter
    written   readings of the written gradient, by parameter
    nodes     all nodes of the step, in order
    tainted   those that depend on the parameters
    backward  those from which the increments were computed
    losses    what the script may be descending, with the seeds of the reverse pass
    inner     where scalars are computed that are no losses, for a later one rises as they fall
    adaptive  the optimiser rescales element by element
    carried   what older optimiser state adds to each update, by parameter
    rates     the plain number that each gradient is multiplied by: learning rate, schedule, bias correction
    ends      where derivatives end: the values of all parameters, of other networks too, before and after updates
    takers    the operations that take a parameter, itself or a view of it, by the parameter's value
    beside    likewise the largest magnitude of what each of these takes beside it, at least 1
    older     ids of the state that earlier steps left behind
    """

    number: int
    key: Key
    updates: dict[str, Update]
    written: dict[str, Readings]
    nodes: Sequence[Node]
    tainted: frozenset[Node]
    backward: frozenset[Node]
    losses: dict[Candidate, Proposal]
    inner: frozenset[Span]
    adaptive: bool
    carried: dict[str, tuple[Term, ...]]
    rates: dict[str, float]
    ends: frozenset[Node]
    takers: Mapping[Node, Sequence[Node]]
    beside: Mapping[Node, Sequence[float]]
    older: frozenset[int] = frozenset()

    def wrt(self) -> list[Node]:
        """The parameters' values that the forward pass used."""
        return [update.before for update in self.updates.values()]

    def taken_with(self, parameter: Node) -> Iterator[tuple[Node, float]]:
        """The operations that take a parameter's value, each with the largest magnitude of what it takes beside."""
        return zip(self.takers[parameter], self.beside[parameter], strict=True)

    def differences(self) -> set[Node]:
        """Where outputs meet targets: the errors with which the backward pass begins."""
        met = {loss.span for loss in self.losses if loss.by_pairs}
        return {node for node in self.backward & self.tainted if node.span in met}

    def multiplies(self, name: str) -> bool:
        """Is this parameter a matrix that the step multiplies with something, as a layer does?"""
        if name not in self.updates or np.ndim(self.updates[name].before.value) < 2:
            return False
        return any(taker.op in CONTRACTIONS for taker in self.takers[self.updates[name].before])

    def of(self, names: Collection[str]) -> Step:
        """The same step with a part of its parameters."""
        chosen = {name: update for name, update in self.updates.items() if name in names}
        return replace(self, updates=chosen, written={name: self.written[name] for name in chosen})

    def without_computed(self, places: Collection[Span]) -> Step:
        """The same step without the scalars as losses that are computed at these places."""
        return replace(self, losses=without(self.losses, places))

    def with_losses(self, losses: dict[Candidate, Proposal]) -> Step:
        """The same step with a part of its candidates."""
        return replace(self, losses=losses)


def prepare(nodes: Sequence[Node], steps: Steps, first: int) -> list[Step]:
    """The steps of one window in which something was updated; `first` is the number of its first step.

    What an optimiser remembers when a window begins is unknown, unless the training begins with it.
    """
    offset = steps.offset
    return [
        _prepare(nodes, steps, key, first + offset + index)
        for index, key in enumerate(steps.keys)
        if any(key in parameter.updates for parameter in steps.parameters)
        and (not first or key not in steps.begun)
    ]


def _prepare(nodes: Sequence[Node], steps: Steps, key: Key, number: int) -> Step:
    bounds = steps.ranges[key]
    updates = {p.name: p.updates[key] for p in steps.parameters if key in p.updates}
    oldest = min([bounds.start, *(update.before.id for update in updates.values())])
    bounds = range(_start(updates, bounds), bounds.stop)
    inside = nodes[bounds.start : bounds.stop]
    before = [update.before for update in updates.values()]
    frozen = _frozen(before, nodes[oldest : bounds.start], inside)
    tape = nodes[oldest : bounds.stop]
    live = [node for node in tape if node not in frozen] if frozen else tape
    tainted = frozenset(descendants(before, live))
    written, carried, rates, sources, adaptive = {}, {}, {}, [], False
    older = frozenset(i for i in steps.state if i < bounds.start)
    for name, update in updates.items():
        terms, carried[name], rescaled = _gradient_terms(update, older)
        adaptive |= rescaled
        written[name] = handed_over(update) or readings(update, terms, tainted, bounds.start)
        rates[name] = max((abs(t.coefficient) for t in terms if t.node is not update.before), default=0.0)
        sources += [term.node for term in terms if term.node.id >= bounds.start]
    backward = frozenset(ancestors(sources, oldest=oldest))
    trained = (node for node in tape if node.id in steps.trained)
    ends = frozen.union(before, trained, _moved_before(before, inside))
    updating = ancestors([update.after for update in updates.values()], oldest=bounds.start)
    backward = backward.union(_differences(updating - ends, updates))
    updating |= _made_of_gradients(sources, inside, ends)
    late = descendants([update.after for update in updates.values()], inside)
    losses, inner = candidates(inside, tainted, backward - ends, updating, late)
    takers, beside = taken(before, tape)
    return Step(
        number,
        key,
        updates,
        written,
        inside,
        tainted,
        backward,
        returned_loss([*updates.values()]) or losses,
        inner,
        adaptive,
        carried,
        rates,
        ends,
        takers,
        beside,
        older,
    )


def _differences(nodes: Collection[Node], updates: Mapping[str, Update]) -> Iterator[Node]:
    """Differences of single numbers that an update was opened into, which are no part of the update statement.

    (Where a gradient is linear in the outputs, the error itself is no term of it.)
    """
    numbers = [update.after for update in updates.values() if not np.ndim(update.after.value)]
    places = {after.span.line for after in numbers if after.span is not None}
    for node in nodes if numbers else ():
        if node.op == "subtract" and not np.ndim(node.value) and node.span and node.span.line not in places:
            yield node


def _made_of_gradients(sources: Sequence[Node], inside: Sequence[Node], ends: Collection[Node]) -> set[Node]:
    """What a step computes from the gradients of its weights before it moves them: the norm, to clip them by."""
    products = [node for node in sources if node.op in CONTRACTIONS and np.ndim(node.value) > 1]
    return descendants(products, [node for node in inside if node not in ends]) if products else set()


def _frozen(before: Collection[Node], earlier: Sequence[Node], inside: Sequence[Node]) -> frozenset[Node]:
    """Copies that earlier steps have made of parameters which this step also uses themselves: a target network."""
    copies = [node for node in earlier if node.op == "copy" and node.args[0] in before]
    if not copies:
        return frozenset()
    used = {parent for node in inside if node.op != "copy" for parent in node.parents()}
    return frozenset(node for node in copies if node.args[0] in used)


def _moved_before(before: Collection[Node], inside: Sequence[Node]) -> set[Node]:
    """Sums of single numbers that a network of such takes from earlier steps, as it takes parameters.

    One of them may be a parameter that is moved too seldom to be known as one, and no derivative goes through its
    update.
    """
    if any(np.ndim(node.value) for node in before):
        return set()
    start = inside[0].id
    taken = {parent for node in inside for parent in node.parents() if parent.id < start}
    return {node for node in taken if node.op in UPDATING and not np.ndim(node.value)}


def reread(step: Step, name: str, after: Node, fresh: Collection[Node]) -> Readings:
    """The readings of an update of this step that ends in another value.

    fresh  what was computed anew on the way to it
    """
    before = step.updates[name].before
    update = Update(before, after, ())
    terms, _, _ = _gradient_terms(update, step.older)
    known = step.tainted | frozenset(fresh)
    found = handed_over(update) or readings(update, terms, known, step.nodes[0].id)
    return of_part(found, step.updates[name].part)


def taken(
    parameters: Sequence[Node], nodes: Sequence[Node]
) -> tuple[Mapping[Node, Sequence[Node]], Mapping[Node, Sequence[float]]]:
    """The `takers` of a step among these nodes, and what they take `beside`."""
    takers = _takers(parameters, nodes)
    return takers, {node: [_beside(node, each) for each in taking] for node, taking in takers.items()}


def _takers(parameters: Sequence[Node], nodes: Sequence[Node]) -> Mapping[Node, Sequence[Node]]:
    found: dict[Node, list[Node]] = {parameter: [] for parameter in parameters}
    seen = {parameter: parameter for parameter in parameters if behind(parameter) is None}  # and their views
    for node in nodes:
        taken = {seen[parent] for parent in node.parents() if parent in seen}
        for source in taken - {node}:
            found[source].append(node)
        if taken and (inner := behind(node)) in seen:
            seen[node] = seen[inner]
    return found


def _beside(parameter: Node, taker: Node) -> float:
    others = [_largest(parent.value) for parent in taker.parents() if untransposed(parent) is not parameter]
    return max(others, default=1.0)


def _largest(value: Any) -> float:
    """The largest magnitude of an element, at least 1."""
    return float(np.max(np.abs(np.asarray(value)), initial=1.0))


def _start(updates: Mapping[str, Update], bounds: range) -> int:
    """Where the step begins: a loop whose round updates first and then works out the next gradient begins earlier."""
    terms = [(update, term.node) for update in updates.values() for term in update.terms]
    used = [node.id for update, node in terms if node is not update.before and node.op != "leaf"]
    first = max(update.before.id for update in updates.values()) + 1
    return first if used and first <= max(used) < bounds.start else bounds.start


def _gradient_terms(update: Update, state: frozenset[int]) -> tuple[list[Term], tuple[Term, ...], bool]:
    """The terms of an update before clipping, with the numerators of adaptive steps opened.

    state  ids of the state that earlier steps left behind: its terms come second.  The third value says whether
           an adaptive optimiser's element-wise denominator was set aside.
    """
    if update.closed:
        return [*update.terms], (), False
    terms: list[Term] = []
    carried: list[Term] = []
    adaptive = False
    before = update.before

    def stop(node: Node) -> bool:
        return node is before or node.id < before.id or node.id in state

    pending = terms_of(update.after, stop)
    while pending:
        term = pending.pop()
        if term.node.id in state:
            carried.append(term)
            continue
        inner, rescaled = (None, False) if term.node is before else terms_inside(term.node, stop)
        if inner is None:
            terms.append(term)
        else:
            adaptive |= rescaled
            pending += [Term(term.coefficient * part.coefficient, part.node) for part in inner]
    return terms[::-1], tuple(carried), adaptive
