"""The slope of the binary cross-entropy written out: `-y / p + (1 - y) / (1 - p)`, which is (p - y) / (p (1 - p)).

No difference of output and target stands there, yet it is where they meet.  What a script multiplies it by next says
which loss is meant: p (1 - p) makes p - y of it, for a sigmoid and, element by element, for a softmax as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.reading.pairs import Pair

DEEPEST = 3  # signs, factors and shapes between a quotient and the sum of two
PASSED = {"negative", "positive", "copy", "multiply", "true_divide", "reshape"}
CLOSE = 1e-9


def met_in_odds(node: Node, tainted: Collection[Node]) -> Iterator[Pair]:
    """The output and the target of a sum of two quotients, of which one is that of the complements of the other."""
    if node.op not in ("add", "subtract") or len(node.args) != 2:
        return
    quotients = [found for arg in node.args if (found := _quotient(arg, tainted)) is not None]
    if len(quotients) != 2:
        return
    for one, other in (quotients, quotients[::-1]):
        output, complement = one.args[1], other.args[1]
        if isinstance(complement, Node) and _is_complement(complement, output):
            target, rest = _numbers(one.args[0]), _numbers(other.args[0])
            shape = np.shape(output.value)
            if target.size == np.size(output.value) == rest.size and np.allclose(
                target + rest, 1.0, atol=CLOSE
            ):
                yield Pair(output, target.reshape(shape))
                return


def _quotient(argument: Any, tainted: Collection[Node]) -> Node | None:
    """The quotient of a constant by an output that one side of the sum is, up to signs and factors."""
    for _ in range(DEEPEST + 1):
        if not isinstance(argument, Node) or argument not in tainted:
            return None
        if (
            argument.op == "true_divide"
            and isinstance(argument.args[1], Node)
            and argument.args[1] in tainted
        ):
            return None if argument.args[0] in tainted else argument
        if argument.op not in PASSED:
            return None
        argument = next((part for part in argument.args if isinstance(part, Node) and part in tainted), None)
    return None


def _is_complement(node: Node, output: Node) -> bool:
    """Is this 1 - output, or that with a small number added?"""
    value, rest = np.asarray(output.value, float), np.asarray(node.value, float)
    return (
        node.op in ("subtract", "add")
        and output in _behind(node)
        and np.allclose(value + rest, 1.0, atol=1e-6)
    )


def _behind(node: Node) -> set[Node]:
    parents = set(node.parents())
    return parents | {each for parent in parents for each in parent.parents()}


def _numbers(value: Any) -> Array:
    return np.asarray(value.value if isinstance(value, Node) else value, dtype=np.float64)
