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
from unstuck.trace.tape.layout import NUMBERS, flat_indices, is_table, is_tracked, owner_of, position

SMALL = 4096  # elements; a larger array that nobody read is not copied before it is overwritten
LARGE = 2_000_000  # elements; the same for an array that was not made under our eyes
WIDE = 200_000  # elements; a larger view stands for itself instead of being gathered from its owner
MANY = 4096  # numbers; in a longer list those that were never seen are taken for constants


class Buffer:
    """The memory of one owning array: its current node, its version and the views met so far."""

    __slots__ = ("aliases", "cells", "live", "node", "root", "version", "written")

    def __init__(self, root: Array) -> None:
        self.root = root
        self.version = 0
        self.written = False
        self.node: Node | None = None
        self.aliases: dict[int, tuple[Array, Node, int]] = {}
        self.live: list[Node] = []  # nodes whose value still aliases this memory
        self.cells: Cells | None = None  # what `node` does not hold yet


class Cells:
    """Elements that were written one by one, by their place in C order, and the last statement that did so.

    Whole arrays need not be kept for each of them: what nobody reads between two writes is no value of the program.
    """

    __slots__ = ("made", "span", "target")

    def __init__(self) -> None:
        self.made: dict[int, Node] = {}
        self.span: Span | None = None
        self.target = ""


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
            buffer = self._buffers.get(id(owner_of(value)))
            if buffer is None:
                return None
            return self._current(buffer, value)
        entry = self._scalars.get(id(value))
        if entry and is_table(value) and not np.array_equal(entry[1].value, value.to_numpy(), equal_nan=True):
            return None  # pandas has written into it
        return entry[1] if entry else None

    def follows(self, array: Array) -> bool:
        """Is this an array of numbers, or one of objects that was computed from some?"""
        return array.dtype.kind in NUMBERS or (array.dtype.kind == "O" and self.known(array) is not None)

    def is_wide_view(self, array: Any) -> bool:
        """Is this a large part of another array, yet unseen, that one would not want to gather?"""
        if not isinstance(array, np.ndarray) or array.base is None or array.size <= WIDE:
            return False
        buffer = self._buffers.get(id(owner_of(array)))
        return buffer is None or id(array) not in buffer.aliases

    def operand(self, value: Any, new: bool = True) -> Any:
        """A node for a tracked value; any other value unchanged.

        A value that was never seen becomes a leaf, if `new`; in a long list it is a constant.
        """
        if isinstance(value, np.ndarray):
            if not self.follows(value):
                return value
            node = self.array(value)
            self._read.add(node.id)
            return node
        if is_tracked(value):
            return self.known(value) or (self.leaf(value) if new else value)
        if isinstance(value, list | tuple) and any(map(_may_track, value)):
            new = new and _count(value) <= MANY
            return [self.operand(item, new) for item in value]
        return value

    def array(self, array: Array) -> Node:
        """The node of an array, made on first sight: a view is gathered from the array that owns its memory."""
        node = self.known(array)
        if node is None and array.base is not None and array.size <= WIDE:
            owner = owner_of(array)
            if owner is not array and owner.dtype == array.dtype and owner.size:
                self.leaf(owner)
                node = self.known(array)
        return node or self.leaf(array)

    def numbers(self, op: str, fn: Any, args: tuple[Any, Any], value: Any, span: Span) -> None:
        """The same as `add` for two single numbers that gave another; whole ones are no nodes."""
        scalars = self._scalars
        operands = []
        for arg in args:
            entry = None if type(arg) is int else scalars.get(id(arg))
            operands.append(entry[1] if entry else arg if type(arg) is int else self.leaf(arg))
        node = Node(len(self.nodes), op, fn, tuple(operands), {}, value, span, context=self.context)
        self.nodes.append(node)
        scalars[id(value)] = (value, node)

    def leaf(self, value: Any) -> Node:
        """A node for a value that was not made under our eyes."""
        return self.add("leaf", None, (), {}, value, None)

    def _current(self, buffer: Buffer, array: Array) -> Node:
        """The node of an array in a known buffer; views that are out of date are read anew."""
        if buffer.cells is not None:
            self._join(buffer)
        if array is buffer.root and buffer.node is not None:
            return buffer.node
        alias = buffer.aliases.get(id(array))
        if alias and alias[2] == buffer.version:
            return alias[1]
        if buffer.node is None:
            buffer.node = self._whole(buffer)
        flat = flat_indices(buffer.root, array)
        if flat is None:  # the same bytes as other element types
            return self.add("opaque", None, (buffer.node,), {}, array, None)
        return self.add("gather", None, (buffer.node, flat), {}, array, None)

    def _whole(self, buffer: Buffer) -> Node:
        """The node of an array of which only views were met: a leaf, with what is known of it filled in."""
        node = self._append(buffer, "leaf", None, (), {}, buffer.root, None)
        for view, known, version in list(buffer.aliases.values()):
            flat = flat_indices(buffer.root, view)
            if flat is not None and version == buffer.version:
                node = self._append(buffer, "scatter", None, (node, flat, known), {}, buffer.root, known.span)
        return node

    # ----- Single elements ----------------------------------------------------------------------------------

    def reads_element(self, array: Array, index: Any, value: Any, span: Span) -> bool:
        """The element `value` was read from an array that is filled one by one: it is known; False for all others."""
        buffer = self._buffers.get(id(array))
        flat = position(array, index) if buffer is not None and buffer.cells is not None else None
        if buffer is None or buffer.cells is None or flat is None:
            return False
        made = buffer.cells.made.get(flat)
        if made is None:
            self.add("getitem", None, (buffer.node, index), {}, value, span)
        else:
            self._scalars[id(value)] = (value, made)
        return True

    def takes_element(self, array: Array, index: Any, value: Any) -> bool:
        """May this element be written by itself?  Of an array of zeros that was made in this very round of a loop."""
        buffer = self._buffers.get(id(array))
        if buffer is None or type(value) not in (float, np.float64) or position(array, index) is None:
            return False
        if buffer.cells is None and self._is_empty(buffer, array):
            self.before_write(array)
            buffer.cells, buffer.written = Cells(), True
        return buffer.cells is not None

    def _is_empty(self, buffer: Buffer, array: Array) -> bool:
        node = buffer.node
        if node is None or node.op != "leaf" or node.span is None or buffer.written or buffer.aliases:
            return False
        depth = len(node.context)
        in_round = depth > 0 and node.context == self.context[:depth]
        return in_round and array.dtype == np.float64 and array.flags.c_contiguous and not array.any()

    def wrote_element(self, array: Array, index: Any, made: Node, span: Span, target: str) -> None:
        """The element has just been written."""
        cells, flat = self._buffers[id(array)].cells, position(array, index)
        assert cells is not None
        assert flat is not None
        cells.made[flat], cells.span, cells.target = made, span, target

    def _join(self, buffer: Buffer) -> None:
        """The array is read as a whole: its elements are collected, beside those that nobody wrote."""
        cells, buffer.cells = buffer.cells, None
        if cells is None or not cells.made:
            return
        flat = sorted(cells.made)
        values = buffer.root.reshape(-1)[flat]
        every = [cells.made[place] for place in flat]
        joined = Node(len(self.nodes), "array", None, (every,), {}, values, cells.span, context=self.context)
        self.nodes.append(joined)
        whole, shape = buffer.node, buffer.root.shape
        buffer.version += 1
        op, args = (
            ("reshape", (joined, shape))
            if len(flat) == buffer.root.size
            else ("scatter", (whole, np.array(flat), joined))
        )
        buffer.node = self._append(buffer, op, None, args, {}, buffer.root, cells.span)
        buffer.node.names.append(cells.target)

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
            return node
        self._scalars[id(value)] = (value, node)
        if is_table(value):
            node.value = value.to_numpy(copy=True)  # pandas may write into its memory unseen
            self.held += node.value.nbytes
            self._register(value.to_numpy(), node)
        return node

    def _register(self, array: Array, node: Node) -> Buffer:
        owner = owner_of(array)
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
        buffer = self._buffers[id(owner_of(array))]
        if buffer.node is None:
            buffer.node = self._whole(buffer)
        for node in buffer.live:
            unread = node.value.size > (LARGE if node.op == "leaf" else SMALL) and node.id not in self._read
            if unread:
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
        owner = owner_of(array)
        buffer = self._buffers[id(owner)]
        whole = buffer.node
        buffer.version += 1
        buffer.written = True
        node = self._append(buffer, op, fn, args, kwargs, array, span)
        if array is owner:
            buffer.node = node
            return node
        buffer.aliases[id(array)] = (array, node, buffer.version)
        flat = flat_indices(owner, array)
        if flat is not None:
            buffer.node = self._append(buffer, "scatter", None, (whole, flat, node), {}, owner, span)
        else:  # seen through other element types: what the whole is now depends on both
            buffer.node = self._append(buffer, "opaque", None, (whole, node), {}, owner, span)
        return node

    def _append(
        self,
        buffer: Buffer,
        op: str,
        fn: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        value: Array,
        span: Span | None,
    ) -> Node:
        """Append a node whose value lies in this buffer."""
        node = Node(len(self.nodes), op, fn, args, kwargs, value, span, context=self.context)
        self.nodes.append(node)
        buffer.live.append(node)
        return node

    def reshaped(self, array: Array, shape: Any, span: Span | None) -> None:
        """array.shape = shape: nodes that hold the array keep their own shape, in a view."""
        old = self.array(array)
        for node in self._buffers[id(owner_of(array))].live:
            if node.value is array:
                node.value = array.view()
        array.shape = shape
        self.add("reshape", np.reshape, (old, array.shape), {}, array, span)

    def forget(self, array: Any) -> None:
        """The array changed behind our back: from here on it is a fresh leaf."""
        if isinstance(array, np.ndarray):
            buffer = self._buffers.pop(id(owner_of(array)), None)
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


def _count(value: Any) -> int:
    """How many numbers a nested list holds; an array counts as one."""
    return sum(map(_count, value)) if isinstance(value, list | tuple) else 1


def _may_track(value: Any) -> bool:
    return isinstance(value, np.ndarray | list | tuple | float | complex | np.generic)
