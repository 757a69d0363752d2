"""Which node made this value?  The recorder's map from live Python objects to nodes on the tape.

Scalars are found by identity (the map keeps them alive, so an id is never reused).  Arrays are found by the
*memory* they use: every array belongs to the buffer of the array that owns its memory, so a row taken while
iterating, a slice kept in a variable or `W.T` are recognised as parts of a known array although nobody
announced them.  A buffer has a version that grows with every write; a view whose node is older than the last
write is read again from the whole (a "gather"), and a write into a view becomes a "scatter" into the whole.

Node values alias the script's memory until it is about to be overwritten; then they are copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span

SCALARS = (float, np.floating)
SMALL = 4096  # elements; a larger array that nobody read is not copied before it is overwritten
WIDE = 200_000  # elements; a larger view stands for itself instead of being gathered from its owner


class Buffer:
    """The memory of one owning array: its current node, its version and the views met so far."""

    __slots__ = ("aliases", "live", "node", "root", "version", "written")

    def __init__(self, root: Array) -> None:
        self.root = root
        self.version = 0
        self.written = False
        self.node: Node | None = None
        self.aliases: dict[int, tuple[Array, Node, int]] = {}
        self.live: list[Node] = []  # nodes whose value still aliases this memory


class Memory:
    """The tape under construction and the map from objects to its nodes."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.context: tuple[tuple[int, int], ...] = ()
        self.held = 0  # bytes of arrays on the tape
        self._read: set[int] = set()  # nodes whose value some operation has used
        self._scalars: dict[int, tuple[Any, Node]] = {}
        self._buffers: dict[int, Buffer] = {}

    # ----- Reading ------------------------------------------------------------------------------------------

    def known(self, value: Any) -> Node | None:
        """The node that made this object, or None; never makes a leaf."""
        if isinstance(value, np.ndarray):
            buffer = self._buffers.get(id(_owner(value)))
            if buffer is None:
                return None
            return self._current(buffer, value)
        entry = self._scalars.get(id(value))
        return entry[1] if entry else None

    def operand(self, value: Any) -> Any:
        """A node for a tracked value (a new leaf if it was never seen); any other value unchanged."""
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "fiub":
                return value
            node = self.array(value)
            self._read.add(node.id)
            return node
        if isinstance(value, SCALARS):
            return self.known(value) or self.leaf(value)
        if isinstance(value, list | tuple) and len(value) <= 4096 and any(map(_may_track, value)):
            return [self.operand(item) for item in value]
        return value

    def array(self, array: Array) -> Node:
        """The node of an array, made on first sight: a view is gathered from the array that owns its memory."""
        node = self.known(array)
        if node is None and array.base is not None and array.size <= WIDE:
            owner = _owner(array)
            if owner is not array and flat_indices(owner, array[:0]) is not None:
                self.leaf(owner)
                node = self.known(array)
        return node or self.leaf(array)

    def leaf(self, value: Any) -> Node:
        """A node for a value that was not made under our eyes."""
        return self.add("leaf", None, (), {}, value, None)

    def _current(self, buffer: Buffer, array: Array) -> Node | None:
        """The node of an array in a known buffer; views that are out of date are read anew."""
        alias = buffer.aliases.get(id(array))
        if alias and alias[2] == buffer.version:
            return alias[1]
        if array is buffer.root and buffer.node is not None:
            return buffer.node
        if buffer.node is None:
            buffer.node = self._whole(buffer)
        flat = flat_indices(buffer.root, array)
        if flat is None:
            return None
        return self.add("gather", None, (buffer.node, flat), {}, array, None)

    def _whole(self, buffer: Buffer) -> Node:
        root = buffer.root
        node = Node(len(self.nodes), "leaf", None, (), {}, root, None, context=self.context)
        self.nodes.append(node)
        buffer.live.append(node)
        return node

    # ----- Writing ------------------------------------------------------------------------------------------

    def add(
        self,
        op: str,
        fn: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        value: Any,
        span: Span | None,
    ) -> Node:
        """Append a node and make it the maker of `value`."""
        node = Node(len(self.nodes), op, fn, args, kwargs, value, span, context=self.context)
        self.nodes.append(node)
        if isinstance(value, np.ndarray):
            self._register(value, node)
            self.held += value.nbytes if value.base is None else 0
        else:
            self._scalars[id(value)] = (value, node)
        return node

    def _register(self, array: Array, node: Node) -> Buffer:
        owner = _owner(array)
        buffer = self._buffers.get(id(owner))
        if buffer is None:
            buffer = self._buffers[id(owner)] = Buffer(owner)
        buffer.live.append(node)
        if array is owner:
            buffer.node = node
        else:
            buffer.aliases[id(array)] = (array, node, buffer.version)
        return buffer

    def before_write(self, array: Array) -> None:
        """Save the values of all nodes that still alias this array's memory."""
        self.array(array)
        buffer = self._buffers[id(_owner(array))]
        for node in buffer.live:
            if node.value.size > SMALL and node.id not in self._read:
                node.value = np.broadcast_to(np.array(np.nan), node.value.shape)
            else:
                node.value = node.value.copy()
                self.held += node.value.nbytes
        buffer.live.clear()

    def written(
        self,
        array: Array,
        op: str,
        fn: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        span: Span | None,
    ) -> Node:
        """The array has just been overwritten in place by op(args): a new node, a new version of the buffer."""
        owner = _owner(array)
        buffer = self._buffers[id(owner)]
        whole = buffer.node
        buffer.version += 1
        buffer.written = True
        node = Node(len(self.nodes), op, fn, args, kwargs, array, span, context=self.context)
        self.nodes.append(node)
        buffer.live.append(node)
        if array is owner:
            buffer.node = node
            return node
        buffer.aliases[id(array)] = (array, node, buffer.version)
        flat = flat_indices(owner, array)
        if flat is not None and whole is not None:
            buffer.node = Node(
                len(self.nodes), "scatter", None, (whole, flat, node), {}, owner, span, context=self.context
            )
            self.nodes.append(buffer.node)
            buffer.live.append(buffer.node)
        return node

    def forget(self, array: Any) -> None:
        """The array changed behind our back: from here on it is a fresh leaf."""
        if isinstance(array, np.ndarray):
            buffer = self._buffers.pop(id(_owner(array)), None)
            for node in buffer.live if buffer else ():
                node.value = node.value.copy()

    def seal(self, keep: int) -> None:
        """Recording pauses here: whatever the script does next must not change the tape.

        Values that alias memory are copied, except those of more than `keep` elements in buffers that were
        never written while we watched (the training data).
        """
        for buffer in self._buffers.values():
            for node in buffer.live:
                if buffer.written or node.value.size <= keep:
                    node.value = node.value.copy()
        self._scalars.clear()
        self._buffers.clear()
        self._read.clear()


def flat_indices(owner: Array, view: Array) -> Array | None:
    """Positions of the view's elements in `owner.ravel()`, with the view's shape.

    None when the owner is not C-contiguous or the element types differ, where positions are not defined.
    """
    if not owner.flags.c_contiguous or owner.dtype != view.dtype:
        return None
    size = owner.itemsize
    start = view.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    flat = np.array(start // size)
    for length, stride in zip(view.shape, view.strides, strict=True):
        flat = flat[..., None] + np.arange(length) * (stride // size)
    return flat


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _may_track(value: Any) -> bool:
    return isinstance(value, np.ndarray | list | tuple | float | np.generic)
