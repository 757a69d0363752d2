"""A node of the tape: one recorded operation, in the order in which the script ran them.

A node knows which function ran on which values, what came out, and the exact source span that asked for it.
Its `value` is what the operation produced *then*: the recorder copies an array before the script overwrites
it.  A leaf has no function; it is a value that the recorder met without having seen it made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from unstuck.facts import Span


@dataclass(eq=False, slots=True)
class Node:
    """One recorded operation.

    id      position on the tape, increasing with time
    op      canonical name: a NumPy function ("add", "dot", "maximum", "exp", "sum", "where", "reshape", ...),
            or one of "leaf", "opaque" (not differentiable by us), "copy" (value passed through unchanged,
            casts included), "array" (np.array of a nested list of nodes), "getitem" (x, index),
            "setitem" (x, index, value: x after x[index] = value),
            "gather" (x, flat: x.ravel()[flat]; has the shape of flat),
            "scatter" (x, flat, value: x after x.ravel()[flat] = value)
    fn      the callable that ran (np.add, math.exp, ...); None for leaves and structural ops
    args    its arguments: Node for every recorded operand, plain objects for the rest, nested in lists and
            tuples
    kwargs  likewise
    value   the result: ndarray, NumPy scalar or Python float
    span    where the script asked for it
    names   what the script called the result, oldest first ("layer_1", "self.W", "params['W1']")
    bound   the statements that gave it these names
    passed  (how many nodes there were then, the place) where a function gave it back as it was
    context the loops around it: ((loop id, iteration), ...) from the outermost in
    roving  is this a part of an array, written to another place from round to round?  (See `reading.roving`.)
    moved   is this a leaf that the statement which moves parameters starts from?  (See `reading.chains`.)
    """

    id: int
    op: str
    fn: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    value: Any
    span: Span | None
    names: list[str] = field(default_factory=list)
    context: tuple[tuple[int, int], ...] = ()
    bound: list[Span] = field(default_factory=list)
    passed: list[tuple[int, Span]] = field(default_factory=list)
    roving: bool = False
    moved: bool = False
    _parents: tuple[Node, ...] | None = field(default=None, init=False)

    def parents(self) -> tuple[Node, ...]:
        """Every node among the arguments, nested ones included; found once, since every walk asks for them."""
        if self._parents is None:
            self._parents = tuple(self._operands() if self.kwargs else self._positional())
        return self._parents

    def _positional(self) -> Iterable[Node]:
        """The same where all are positional, most of them plain: the last argument first, as there."""
        found: list[Node] = []
        for item in reversed(self.args):
            kind = type(item)
            if kind is Node:
                found.append(item)
            elif (kind is tuple or kind is list) and not all(type(part) is int for part in item):
                return self._operands()
        return found

    def _operands(self) -> Iterator[Node]:
        stack: list[Any] = [*self.args, *self.kwargs.values()]
        while stack:
            item = stack.pop()
            if isinstance(item, Node):
                yield item
            elif isinstance(item, list | tuple):
                stack.extend(item)

    def __repr__(self) -> str:
        label = self.names[-1] if self.names else self.op
        return f"<{self.id} {label}>"
