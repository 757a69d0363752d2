"""Vectors that hold a whole network: the layers are views of them, and each can be judged by itself.

With all parameters in one vector, one wrong number makes the whole gradient wrong, and no loss would explain any of
it.  The views that the network takes of the vector tell which numbers belong together.  Where the network uses one
view of each part, that view is a parameter like any other: what is wrong with its gradient can be explained and placed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.autodiff.reverse import adjoints
from unstuck.facts import Array
from unstuck.trace.reading.indices import meet
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.readings import of_part
from unstuck.trace.reading.steps import Tracked, Update
from unstuck.trace.reading.terms import Term, stores_whole
from unstuck.trace.reading.views import behind
from unstuck.trace.reading.written import Step, taken

Parts = dict[str, slice]
JOINING = {"concatenate", "hstack"}


def parted(
    steps: Sequence[Step], parameters: Mapping[str, Tracked]
) -> tuple[list[Step], dict[str, Tracked]] | None:
    """The steps and parameters with every such vector taken apart; None where there is none."""
    parts = {name: found for name in parameters if (found := _parts(steps, name, parameters))}
    if not parts:
        return None
    names = {part: name for name, found in parts.items() for part in found}
    apart = {name: tracked for name, tracked in parameters.items() if name not in parts}
    apart |= {part: replace(parameters[name], name=part) for part, name in names.items()}
    return [_with_parts(step, parts) for step in steps], apart


def _parts(steps: Sequence[Step], name: str, others: Mapping[str, object]) -> Parts:
    """The stretches of a vector that are taken as they are, by the name of the view; none unless they make it up."""
    step = next((step for step in steps if name in step.updates), None)
    before = step.updates[name].before if step is not None else None
    if step is None or before is None or np.ndim(before.value) != 1:
        return {}
    views = [taker for taker in step.takers[before] if taker.op == "gather"]
    found: dict[tuple[int, int], str] = {}
    for view in views:
        if (stretch := _stretch(view)) is not None and view.names:
            found.setdefault(stretch, view.names[-1])
    ordered = sorted(found)
    whole = [start for start, _ in ordered] == [0, *(stop for _, stop in ordered[:-1])]
    if len(ordered) < 2 or not whole or ordered[-1][1] != np.size(before.value):
        return {}
    titles = [found[each] for each in ordered]
    if len({*titles}) < len(titles) or not others.keys().isdisjoint(titles):
        titles = [f"{name}[{start}:{stop}]" for start, stop in ordered]
    return {title: slice(*each) for title, each in zip(titles, ordered, strict=True)}


def _stretch(view: Node) -> tuple[int, int] | None:
    """(first, behind the last) of the elements that a view takes, all in a row."""
    index = np.ravel(view.args[1]) if isinstance(view.args[1], np.ndarray) else np.zeros(0)
    if not index.size or not np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return None
    return int(index[0]), int(index[0]) + index.size


def _with_parts(step: Step, parts: Mapping[str, Parts]) -> Step:
    """The step in which each vector is several parameters: the same update, of which a part is meant."""
    updates, written = dict(step.updates), dict(step.written)
    carried, rates = dict(step.carried), dict(step.rates)
    for name in parts.keys() & step.updates.keys():
        update, readings = updates.pop(name), written.pop(name)
        for part, where in parts[name].items():
            updates[part] = replace(update, part=where)
            written[part] = of_part(readings, where)
            carried[part], rates[part] = step.carried[name], step.rates[name]
        del carried[name], rates[name]
    return replace(step, updates=updates, written=written, carried=carried, rates=rates)


# ----- Views as parameters ------------------------------------------------------------------------------


def viewed(steps: Sequence[Step], loss: Candidate) -> list[Step]:
    """The steps in which every part of a vector is the view of it that the network uses for this loss.

    A part of which it uses several views keeps the vector as its value, for none of them has all of the gradient.
    """
    used: dict[str, set[int]] = defaultdict(set)
    for step in steps:
        if loss in step.losses:
            for name, numbers in _used(step, loss).items():
                used[name] |= numbers
    single = {name: numbers.pop() for name, numbers in used.items() if len(numbers) == 1}
    return [_with_views(step, single) for step in steps]


def _used(step: Step, loss: Candidate) -> dict[str, set[int]]:
    """Through which of its views a part of a vector gets its gradient, by their numbers."""
    views = {name: _views(step, name) for name, update in step.updates.items() if update.part is not None}
    every = [view for found in views.values() for view in found]
    back = adjoints(step.losses[loss].seeds, [*step.wrt(), *every], stop=step.ends) if every else None
    return {
        name: {number for number, view in enumerate(found) if back and np.any(back.cotangents.get(view, 0))}
        for name, found in views.items()
    }


def _views(step: Step, name: str) -> list[Node]:
    update = step.updates[name]
    part = update.part or slice(0)
    takers = [taker for taker in step.takers[update.before] if taker.op == "gather"]
    return [taker for taker in takers if _stretch(taker) == (part.start, part.stop)]


def _with_views(step: Step, numbers: Mapping[str, int]) -> Step:
    """The step with these parts as arrays of their own."""
    updates, written = dict(step.updates), dict(step.written)
    carried = dict(step.carried)
    for name in numbers.keys() & step.updates.keys():
        view = _views(step, name)[numbers[name]]
        update = updates[name]
        picked = _Picked(update.before, view)
        terms, carried[name] = (
            tuple(Term(term.coefficient, picked.of(term.node)) for term in listed)
            for listed in (update.terms, carried[name])
        )
        updates[name] = Update(view, picked.of(update.after), terms, update.closed)
        written[name] = {kind: found.reshape(picked.where.shape) for kind, found in written[name].items()}
    parameters = [update.before for update in updates.values()]
    takers, beside = taken(parameters, step.nodes)
    ends = step.ends | {*parameters}
    return replace(
        step, updates=updates, written=written, carried=carried, ends=ends, takers=takers, beside=beside
    )


class _Picked:
    """What stands at the places of one part: of the vector itself its view, of others what was written or joined there.

    Operations on single elements are those of the part alone, so that the gradients of the parts stay apart.
    """

    def __init__(self, vector: Node, view: Node) -> None:
        self.where = np.asarray(view.args[1])
        self._size = np.size(vector.value)
        self._known = {vector: view}

    def of(self, node: Node) -> Node:
        """The part of a value that has the size of the vector."""
        if node not in self._known:
            self._known[node] = self._held(node) or self._computed(node) or self._cut(node)
        return self._known[node]

    def _held(self, node: Node) -> Node | None:
        """The recorded value that was written or joined at these places, in the shape of the part, if it is one."""
        found: Any = _within(node, self.where)
        while isinstance(found, Node):
            if np.shape(found.value) == self.where.shape:
                return found.args[2] if stores_whole(found) else found
            found = _within(found, self.where)
        return None

    def _computed(self, node: Node) -> Node | None:
        """The same operation on the parts of its operands, if it goes element by element."""
        single = isinstance(getattr(np, node.op, None), np.ufunc) and not node.kwargs
        sizes = {np.size(getattr(arg, "value", arg)) for arg in node.args}
        if not single or not sizes <= {1, self._size} or not all(map(_may_be_cut, node.args)):
            return None
        args = tuple(self.of(arg) if np.size(getattr(arg, "value", arg)) > 1 else arg for arg in node.args)
        value = np.ravel(node.value)[self.where]
        return replace(node, args=args, value=value)

    def _cut(self, node: Node) -> Node:
        """These places of a value, as one operation on its own operands: it can be run again like the whole.

        (Of a node that is `vectorize`, it is its own function that is run.)
        """

        def pick(*args: Any) -> Array:
            return np.asarray(np.ravel(run(replace(node, args=args), {}))[self.where])

        value = np.ravel(node.value)[self.where]
        return Node(node.id, "vectorize", pick, node.args, {}, value, node.span, node.names, node.context)


def _may_be_cut(arg: Any) -> bool:
    return isinstance(arg, Node) or np.size(arg) == 1


def _within(node: Node, where: Array) -> Any:
    """The one operand that holds these places of a vector; None where several do, or where they are only a part."""
    if node.op == "copy":
        return node.args[0]
    if node.op == "scatter":
        whole, written, value = node.args
        if np.array_equal(np.ravel(written), np.ravel(where)):
            return value if isinstance(value, Node) and np.size(value.value) == where.size else None
        return whole if not meet(where, written) else None
    if node.op in JOINING and isinstance(node.args[0], list | tuple):
        pieces = [piece.value if isinstance(piece, Node) else piece for piece in node.args[0]]
        ends = np.cumsum([np.size(piece) for piece in pieces])
        index = int(np.searchsorted(ends, where.flat[0], side="right"))
        return node.args[0][index] if np.size(pieces[index]) == where.size else None
    inner = behind(node)  # the piece, or what was written, in the shape of the vector
    return inner if inner is not None and np.size(inner.value) == where.size else None
