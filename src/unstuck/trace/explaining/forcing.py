"""Teacher forcing: take an error that the script computed as given, and ask whether the rest follows from it.

Where no altered rule reproduces a wrong backward pass, its written error may still stand in for the true
one at some value of the forward pass.  If everything upstream then agrees, the fault lies before that place and
nothing is wrong behind it; and if another fault follows, it can be searched for with the forced error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, Search, label, other_edges, value_of
from unstuck.trace.explaining.macros import Forward

MOST_TRIALS = 120
Place = tuple[
    Span | None, str
]  # of the source, and the operation: what makes corresponding values in every step


def forced(search: Search) -> Iterator[Hypothesis]:
    """The script's errors in order of time, each as that of every forward value that it may belong to."""
    number = next((n for n, forward in search.passes.items() if _targets(search, forward)), None)
    if number is None:
        return
    forward = search.passes[number]
    targets = _targets(search, forward)
    trials = 0
    for place, written in _errors(forward).items():
        for target in targets:
            values = targets[target]
            if len(values) != len(written) or np.shape(values[0].value) != np.shape(written[0].value):
                continue
            for sign in (1.0, -1.0):
                if trials < MOST_TRIALS:
                    trials += 1
                    yield _forcing(search, target, place, sign, values[0])


def _targets(search: Search, forward: Forward) -> dict[Place, list[Node]]:
    """The values of the forward pass through which only wrong gradients get their error."""
    found: dict[Place, list[Node]] = defaultdict(list)
    for node in sorted(forward.upstream, key=lambda item: -item.id):
        consumed = any(node in other.parents() for other in forward.nodes)
        if consumed and np.size(node.value) > 1 and search.may_alter(forward, node):
            found[node.span, node.op].append(node)
    return found


def _errors(forward: Forward) -> dict[Place, list[Node]]:
    """What the backward pass computes, in order of time, without the forward pass and the parameters."""
    step = forward.step
    ends = {update.after for update in step.updates.values()}
    found: dict[Place, list[Node]] = defaultdict(list)
    for node in step.nodes:
        inside = node in step.backward and node in step.tainted and node not in forward.nodes
        if inside and node not in ends and node.span is not None and np.size(node.value) > 1:
            found[node.span, node.op].append(node)
    return found


def _forcing(search: Search, target: Place, place: Place, sign: float, sample: Node) -> Hypothesis:
    def alter(number: int) -> Altered:
        forward = search.passes[number]
        values, written = _targets(search, forward).get(target, []), _errors(forward).get(place, [])
        shapes = [np.shape(node.value) for node in values]
        if not values or shapes != [np.shape(node.value) for node in written]:
            return {}
        made: Altered = {}
        for node, error in zip(values, written, strict=True):
            made |= _given(node, sign * value_of(error), forward)
        return made

    text = (
        f"the error of {label(sample)} that is computed here is not the derivative of the loss by it "
        "(all that follows from it is right)"
    )
    return Hypothesis("error-wrong", text, alter, place=place[0])


def _given(node: Node, error: Array, forward: Forward) -> Altered:
    """Rules under which the cotangent of a value is this error, whatever arrives at what consumes it."""
    consumers: Sequence[Node] = [other for other in forward.nodes if node in other.parents()]
    made: Altered = {}
    for index, consumer in enumerate(consumers):
        passed = error if index == 0 else np.zeros(np.shape(error))
        made[consumer] = [(node, _constant(passed)), *other_edges(consumer, node, forward)]
    return made


def _constant(value: Array) -> Callable[[Array], Array]:
    return lambda g: value
