"""Teacher forcing: take an error that the script computed as given, and ask whether the rest follows from it.

Where no altered rule reproduces a wrong backward pass, its written error may still stand in for the true
one at some value of the forward pass.  If everything upstream then agrees, the fault lies before that place and
nothing is wrong behind it; and if another fault follows, it can be searched for with the forced error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, Search, label, other_edges, value_of
from unstuck.trace.explaining.macros import Forward

MOST_TRIALS = 120
# In the source, the operation, and which of the shapes that it makes there (all of them together: None).
Place = tuple[Span | None, str, int | None]
Found = Callable[[int], dict[Place, list[Node]]]  # by step number


@dataclass(frozen=True, eq=False)
class Forced(Hypothesis):
    """The hypothesis that the values written at one place stand for the errors of the values of another, up to a sign.

    pairs  (value of the forward pass, what the script computed as its error) by step number
    of_itself  is it mended by a function of what stands there alone?
    lent   is it told by an operation that is mended with a true error?  (With that, it could be for any loss.)
    """

    sign: float = 1.0
    pairs: Callable[[int], Sequence[tuple[Node, Node]]] = lambda number: ()
    lent: bool = False
    of_itself: bool = False


def forced(search: Search) -> Iterator[Forced]:
    """The script's errors in order of time, each as that of every forward value that it may belong to."""
    number = next((n for n, forward in search.passes.items() if _targets(search, forward)), None)
    if number is None:
        return
    passes = search.passes  # a step that shows no loss has none

    @cache
    def targets(number: int) -> dict[Place, list[Node]]:
        return _targets(search, passes[number]) if number in passes else {}

    @cache
    def errors(number: int) -> dict[Place, list[Node]]:
        return _errors(passes[number]) if number in passes else {}

    trials = 0
    for place, written in errors(number).items():
        for target, values in targets(number).items():
            if [np.shape(node.value) for node in values] != [np.shape(node.value) for node in written]:
                continue
            for sign in (1.0, -1.0):
                if trials < MOST_TRIALS:
                    trials += 1
                    yield _forcing(search, (targets, target), (errors, place), sign, values[0])


def _targets(search: Search, forward: Forward) -> dict[Place, list[Node]]:
    """The values of the forward pass through which only wrong gradients get their error."""
    inner = sorted(forward.upstream, key=lambda item: -item.id)
    return _placed(node for node in inner if search.may_alter(forward, node))


def _errors(forward: Forward) -> dict[Place, list[Node]]:
    """What the backward pass computes, in order of time, without the forward pass and the parameters."""
    step = forward.step
    ends = {update.after for update in step.updates.values()}
    inside = step.backward & step.tainted - forward.nodes - ends
    return _placed(
        node for node in step.nodes if node in inside and node.op != "copy" and node.span is not None
    )


def _placed(nodes: Iterable[Node]) -> dict[Place, list[Node]]:
    """Values by their place; where one place makes several shapes, as for each layer, by shape as well.

    The number of a shape is that of its first appearance: batches may differ in length.  A place makes more than one
    number in a step: a number alone would stand for any other.
    """
    found: dict[Place, list[Node]] = defaultdict(list)
    shapes: dict[tuple[Span | None, str], dict[tuple[int, ...], int]] = defaultdict(dict)
    for node in nodes:
        numbers = shapes[node.span, node.op]
        number = numbers.setdefault(np.shape(node.value), len(numbers))
        for which in (None, number):
            found[node.span, node.op, which].append(node)
    return {
        place: group
        for place, group in found.items()
        if (place[2] is None or len(shapes[place[:2]]) > 1) and sum(np.size(node.value) for node in group) > 1
    }


def _forcing(
    search: Search, target: tuple[Found, Place], error: tuple[Found, Place], sign: float, sample: Node
) -> Forced:
    def pairs(number: int) -> Sequence[tuple[Node, Node]]:
        values, written = (found(number).get(place, []) for found, place in (target, error))
        shapes = [[np.shape(node.value) for node in nodes] for nodes in (values, written)]
        return list(zip(values, written, strict=True)) if shapes[0] == shapes[1] else []

    def alter(number: int) -> Altered:
        made: Altered = {}
        for node, written in pairs(number):
            made |= given(node, sign * value_of(written), search.passes[number])
        return made

    parameter = any(
        sample is update.before for step in search.passes.values() for update in step.step.updates.values()
    )
    what = f"the gradient of {label(sample)}" if parameter else f"the error of {label(sample)}"
    text = f"{what} that is computed here is not the derivative of the loss by it"
    if not parameter:
        text += " (all that follows from it is right)"
    return Forced("error-wrong", text, alter, place=error[1][0], sign=sign, pairs=pairs)


def given(node: Node, error: Array, forward: Forward) -> Altered:
    """Rules under which the cotangent of a value is this error, whatever arrives at what consumes it."""
    consumers = forward.consumers.get(node, ())
    made: Altered = {}
    for index, consumer in enumerate(consumers):
        passed = error if index == 0 else np.zeros(np.shape(error))
        made[consumer] = [(node, _constant(passed)), *other_edges(consumer, node, forward)]
    if not consumers and (edges := other_edges(node, node, forward)):  # the output itself
        made[node] = [(parent, _instead(rule, error)) for parent, rule in edges]
    return made


def _constant(value: Array) -> Callable[[Array], Array]:
    return lambda g: value


def _instead(rule: Callable[[Array], Array], error: Array) -> Callable[[Array], Array]:
    return lambda g: rule(error)
