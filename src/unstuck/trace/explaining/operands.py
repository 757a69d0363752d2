"""Values that a forward pass uses like parameters although no recorded update belongs to them.

Such a value is older than the step, and it stands where a parameter stands: it is multiplied with the input of a
layer, added to the product of one, or looked up row by row.  Its partner is the parameter of the same layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Gradient, Span
from unstuck.trace.judging.statements import item_at, operand_at, statement_about
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.views import CONTRACTIONS, LOOKUPS, untransposed
from unstuck.trace.reading.written import Step

Role = Literal["matrix", "bias", "table", "element"]


@dataclass(frozen=True, eq=False)
class Operand:
    """`base` takes part in `y` like a parameter; `other` is what it meets there (nothing in a lookup).

    Of a table rows are looked up, of an array whose numbers are used one by one an element.
    """

    base: Node
    y: Node
    role: Role
    position: int
    other: Node | None = None

    @property
    def place(self) -> tuple[Span | None, int, tuple[int, ...]]:
        """What identifies it from step to step: the operation, its operand and the shape."""
        return self.y.span, self.position, np.shape(self.base.value)

    @property
    def names(self) -> tuple[str, ...]:
        """What the script calls it, where it was made and where it is used."""
        used = ""
        if self.y.span is not None:
            used = item_at(self.y.span) if self.other is None else operand_at(self.y.span, self.position)
        if self.role == "element":
            return (used,) if used else ()
        return tuple(dict.fromkeys([*self.base.names[-1:], *([used] if used else [])]))

    @property
    def update(self) -> Span | None:
        """The statement of the source that makes its new value from the old one, if there is one."""
        if self.y.span is None:
            return None
        places = (statement_about(self.y.span, name, changing=True) for name in self.names)
        return next((place for place in places if place is not None), None)

    @property
    def title(self) -> str:
        """The script's name for it, if possible one without a variable in it, or where it is used."""
        if self.names:
            return min(self.names, key=lambda name: "{" in name)
        return f"the value used at line {self.y.span.line}" if self.y.span is not None else "a value"


def operands(step: Step, loss: Candidate, *, of_others: bool = False) -> Iterator[Operand]:
    """Every such value of one step, at each of its uses, in the order of the forward pass.

    of_others  those that another training on the tape updates as well
    """
    start = step.nodes[0].id
    known = frozenset(update.before for update in step.updates.values()) if of_others else step.ends
    for y in forward(step, loss):
        values = [arg for arg in y.args if isinstance(arg, Node)]
        if y.op in LOOKUPS and values and y.args[0] is values[0]:
            values = values[:1]
        elif len(values) != 2:
            continue
        for position, own in enumerate(values):
            base = untransposed(own)
            other = values[1 - position] if len(values) == 2 else None
            if base.id >= start or base in known or (other is not None and other in known):
                continue
            if other is not None and untransposed(other) in known:
                continue
            role = _role(base, other, y)
            if role is not None:
                yield Operand(base, y, role, position, other)


def forward(step: Step, loss: Candidate) -> list[Node]:
    """What the loss of a step is computed from, in order."""
    roots = [node for node, _ in step.losses[loss].seeds]
    behind = ancestors(roots, oldest=step.nodes[0].id, stop=step.ends)
    return sorted(behind, key=lambda node: node.id)


def partner(operand: Operand, step: Step, children: dict[Node, list[Node]]) -> str | None:
    """The name of the trained parameter that makes one layer with this value, if there is one."""
    names = {update.before: name for name, update in step.updates.items()}
    if operand.role == "bias" and operand.other is not None:
        parents = product(operand.other).parents() if product(operand.other).op in CONTRACTIONS else ()
    elif operand.role == "matrix":
        sums = [each for each in children.get(operand.y, ()) if each.op == "add"]
        parents = tuple(parent for each in sums for parent in each.parents())
    else:
        return None
    return next((names[base] for parent in parents if (base := untransposed(parent)) in names), None)


def product(node: Node) -> Node:
    """The contraction behind views of it and a change of sign, or else what is there."""
    inner = untransposed(node)
    if inner.op == "negative" and isinstance(inner.args[0], Node):
        return product(inner.args[0])
    return inner


def _role(base: Node, other: Node | None, y: Node) -> Role | None:
    size, shape = np.size(base.value), np.shape(base.value)
    if not np.issubdtype(np.asarray(base.value).dtype, np.floating):
        return None  # indices, labels
    if y.op in LOOKUPS and np.ndim(y.value) == 0:
        return "element" if size > 1 else None
    if y.op in LOOKUPS:
        return "table" if len(shape) == 2 and np.ndim(y.value) >= 1 and size > 1 else None
    if y.op in CONTRACTIONS:
        return "matrix" if size > 1 and len(shape) in (1, 2) else None
    if y.op not in ("add", "subtract") or other is None or np.size(other.value) != np.size(y.value):
        return None
    if y.op == "subtract" and size == np.size(y.value):
        return None  # a target
    return "bias" if product(other).op in CONTRACTIONS and sum(side > 1 for side in shape) <= 1 else None


def told(operand: Operand, place: Span, steps: Sequence[Step], reason: str) -> Gradient:
    """A Gradient about a value with none: what could not be told of it, and why."""
    zeros = np.zeros(np.shape(operand.base.value))
    return Gradient(
        parameter=operand.title,
        span=place,
        status="cannot-tell",
        cosine=float("nan"),
        scale=0.0,
        residual=1.0,
        steps=len(steps),
        written=zeros,
        exact=zeros,
        reason=reason,
    )
