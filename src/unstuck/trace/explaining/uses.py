"""Where a parameter takes part in the forward pass, and hypotheses that alter only what it gets back from there.

Such a hypothesis alters single edges, from the operation that uses the parameter to the parameter, so that it
touches no other gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, Search, other_edges
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.reading.views import CONTRACTIONS

Back = Callable[[Array], Array]
"""From the cotangent of the operation to that of the parameter."""


@dataclass(frozen=True, eq=False)
class Use:
    """One operation y of the forward pass in which a parameter takes part as `operand` (itself or transposed)."""

    y: Node
    operand: Node

    @property
    def input(self) -> Node | None:
        """The other operand of a contraction."""
        others = [arg for arg in self.y.args if isinstance(arg, Node) and arg is not self.operand]
        return others[0] if self.y.op in CONTRACTIONS and len(others) == 1 else None


Formed = Callable[[int, Sequence[Use]], Sequence[Back | None]]
"""What each use passes back in the step with this number; None leaves the true rule, an empty list says nothing."""


def uses_of(search: Search, name: str) -> Mapping[int, list[Use]]:
    """Where a parameter takes part, in order of time, by step number."""
    found = {}
    for number, forward in search.passes.items():
        update = forward.step.updates.get(name)
        if update is not None:
            found[number] = _uses(forward, update.before)
    return found


def _uses(forward: Forward, parameter: Node) -> list[Use]:
    taken = forward.uses.get(parameter, [])
    return [Use(y, operand) for y, operand in taken if operand.id >= parameter.id]


def formed(search: Search, kind: str, text: str, names: Sequence[str], rule: Formed) -> Hypothesis:
    """The hypothesis that these parameters get back from every use what the rule says."""

    def alter(number: int) -> Altered:
        forward = search.passes.get(number)
        if forward is None:
            return {}
        made: Altered = {}
        for name in names:
            update = forward.step.updates.get(name)
            uses = _uses(forward, update.before) if update is not None else []
            for use, back in zip(uses, rule(number, uses), strict=False):
                if back is not None:
                    rest = made.get(use.y) or other_edges(use.y, use.operand, forward)
                    kept = [edge for edge in rest if edge[0] is not use.operand]
                    made[use.y] = [(use.operand, back), *kept]
        return made

    return Hypothesis(kind, text, alter)


def constantly(value: Array, operand: Node) -> Back:
    """The same cotangent whatever comes."""
    shaped = np.broadcast_to(value, np.shape(operand.value))
    return lambda g: shaped
