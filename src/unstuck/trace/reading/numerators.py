"""What is inside a step that is no plain multiple of a gradient: clipping, and the numerators of adaptive steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.trace.reading.terms import STORED, Entry, Stored, Term, plain_number, terms_of

CLIPS = {"clip", "nan_to_num"}
BOUNDS = {"minimum", "maximum"}


def terms_inside(node: Node, stop: Callable[[Node], bool]) -> tuple[list[Term] | None, bool]:
    """The terms inside clipping, or inside the numerator of an adaptive step; None when there is no inside.

    A root from which the gradient itself is made is that of a length by which a forward pass divides.
    """
    if (clipped := _clipped(node)) is not None:
        return terms_of(clipped, stop), False
    if node.op == STORED:
        return _inside_stored(node, stop)
    if node.op in ("true_divide", "multiply") and len(node.args) == 2:
        for numerator, other in (node.args, node.args[::-1])[: 1 if node.op == "true_divide" else 2]:
            if not isinstance(numerator, Node) or not isinstance(other, Node):
                continue
            power = 1 if node.op == "true_divide" else -1
            of_elements = np.ndim(other.value) > 0 or np.ndim(numerator.value) == 0  # no norm of an array
            root = _root(other, power) if of_elements else None
            if root is not None and root not in ancestors([numerator], oldest=root.id):
                return terms_of(numerator, stop), True
    return None, False


def _inside_stored(node: Node, stop: Callable[[Node], bool]) -> tuple[list[Term] | None, bool]:
    """The same of what was added to elements, one by one."""
    entries: Sequence[Entry] = node.kwargs["entries"]
    found = [terms_inside(entry.value, stop) for entry in entries]
    if all(inner is None for inner, _ in found):
        return None, False
    anew = Stored()
    for entry, (inner, _) in zip(entries, found, strict=True):
        for term in [Term(1.0, entry.value)] if inner is None else inner:
            anew.add(STORED, Entry(entry.factor * term.coefficient, entry.write, term.node))
    return anew.terms(), any(rescaled for _, rescaled in found)


def _clipped(node: Node) -> Node | None:
    """What is kept between bounds here, by a function for it or by a number other than 0; else None."""
    if node.op in CLIPS:
        return node.args[0] if isinstance(node.args[0], Node) else None
    if node.op in BOUNDS and len(node.args) == 2:
        for inner, bound in (node.args, node.args[::-1]):
            if isinstance(inner, Node) and plain_number(bound):
                return inner
    return None


def _root(node: Node, power: int, depth: int = 0) -> Node | None:
    """The root in sqrt(v) + epsilon, the denominator of Adagrad, RMSprop and Adam, or (power -1) in one over it."""
    if node.op == "sqrt" or (node.op == "power" and node.args[1] in (0.5, -0.5)):
        exponent = 1 if node.op == "sqrt" or node.args[1] == 0.5 else -1
        return node if exponent == power else None
    if depth >= 4 or node.op not in ("add", "true_divide", "multiply", "maximum"):
        return None
    powers = (power, -power) if node.op == "true_divide" else (power, power)
    parts = [(part, each) for part, each in zip(node.args, powers, strict=False) if isinstance(part, Node)]
    found = (_root(part, each, depth + 1) for part, each in parts)
    return next((root for root in found if root is not None), None)
