"""Which of the scalars that a script computes is the loss?  Of log p, and -log p made of it, the latter.

A scalar on the way to another one that rises when it falls would turn a network that climbs its loss into one that
descends it.  The chain is followed through functions of one scalar only, whose slope has a known sign.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span

RISING = {"copy", "positive", "log", "log1p", "log2", "log10", "exp", "sqrt", "tanh"}


def falling(node: Node, tainted: Collection[Node]) -> Iterator[Span]:
    """Where the scalars were computed that this one is made of, and that rise where it falls."""
    sign = 1.0
    link = _link(node, tainted)
    while link is not None:
        node, slope = link
        sign *= slope
        if sign < 0 and node.span is not None:
            yield node.span
        link = _link(node, tainted)


def compares_steps(node: Node, tainted: Collection[Node], late: Collection[Node]) -> bool:
    """Is this the change of a loss from one step to the next, or a function of it?  It rises where the old one falls.

    The two are made at the same place, one of them before this step or after its update.
    """
    while np.ndim(node.value) == 0:
        parts = node.parents()
        if node.op == "subtract" and len(parts) == 2:
            one, other = parts
            alike = (one.span, one.op) == (other.span, other.op)
            return alike and any((one in made) != (other in made) for made in (tainted, late))
        if len(parts) != 1:
            return False
        node = parts[0]
    return False


def _link(node: Node, tainted: Collection[Node]) -> tuple[Node, float] | None:
    """The scalar of which this one is a function, and the sign of its slope."""
    first, second = (*node.args, None, None)[:2]
    if node.op in RISING:
        found = first, 1.0
    elif node.op == "negative":
        found = first, -1.0
    elif node.op in ("add", "subtract"):
        before = isinstance(first, Node) and first in tainted and first.span != node.span
        if before:  # one that was added up before has the place of the sum
            found = (first, 1.0) if not (isinstance(second, Node) and second in tainted) else (None, 0.0)
        else:
            found = second, 1.0 if node.op == "add" else -1.0
    elif node.op in ("multiply", "true_divide"):
        if node.op == "multiply" and not (isinstance(first, Node) and first in tainted):
            first, second = second, first
        constant = not (isinstance(second, Node) and second in tainted)
        factor = second.value if isinstance(second, Node) else second
        found = (first, float(np.sign(factor))) if constant and np.ndim(factor) == 0 else (None, 0.0)
    else:
        return None
    inner, slope = found
    usable = isinstance(inner, Node) and inner in tainted and np.ndim(inner.value) == 0
    return (inner, slope) if usable else None
