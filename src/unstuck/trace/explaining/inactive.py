"""Derivatives of activations that the forward pass does not have: `(o - t) * o * (1 - o)` where o is linear.

A network for classes that is turned into one for numbers often keeps the derivative of the sigmoid it no longer has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from unstuck.autodiff.activations import ACTIVATIONS, Elementwise
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Rule
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import (
    Altered,
    Group,
    Hypothesis,
    Search,
    Unaltered,
    groups,
    label,
    value_of,
)
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.judging.statements import statement_of

KIND = "activation-derivative-extra"
BOUNDED = ("sigmoid", "tanh")  # of others the output itself may be meant, as with a loss of its positive part


def about_linear_outputs(search: Search) -> Iterator[Hypothesis]:
    """The derivative of an activation at values that none follows, at all of them, at one place, and at one layer."""
    found = groups(
        search.passes,
        lambda forward: [node for node in _without_activation(forward) if search.may_alter(forward, node)],
        (
            lambda forward, node: "all",
            lambda forward, node: node.span,
            lambda forward, node: forward.owner(node),
        ),
    )
    for group in found:
        first = next(iter(group.values()))[0]
        for name in BOUNDED:
            activation = ACTIVATIONS[name]
            text = f"the error is multiplied by the {name} derivative, but {label(first)} has no {name}"
            yield _with_slope(text, activation.derivative, group, search)
            if activation.from_output is not None:
                yield _with_slope(text, activation.from_output, group, search)


def _without_activation(forward: Forward) -> Iterator[Node]:
    """What linear layers put out, with the bias, where it goes to no activation."""
    activated = {piece.z for piece in forward.activated}
    for piece in forward.linear:
        node = piece.y
        added = [each for each in forward.consumers.get(node, ()) if each.op == "add"]
        node = added[0] if len(added) == 1 else node
        if node not in activated and piece.y not in activated:
            yield node


def _with_slope(text: str, slope: Elementwise, group: Group[Node], search: Search) -> Hypothesis:
    def alter(number: int) -> Altered:
        forward = search.passes[number]
        return {node: list(_scaled(node, slope(value_of(node)), forward)) for node in group.get(number, ())}

    first = statement_of(next(iter(group.values()))[0])
    return Hypothesis(KIND, text, alter, also=(first,) if first is not None else ())


def _scaled(node: Node, factor: Array, forward: Forward) -> Iterator[Rule]:
    """The true rules from a value to its operands, after its error was multiplied by a factor."""
    for operand in dict.fromkeys(node.parents()):
        if operand in forward.upstream:
            yield operand, _after(factor, Unaltered(node, operand))


def _after(factor: Array, rule: Unaltered) -> Callable[[Array], Array]:
    return lambda g: rule(np.multiply(g, factor))
