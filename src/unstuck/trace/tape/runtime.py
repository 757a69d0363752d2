"""The object that instrumented programs call `__u__`: it runs every operation and notes what happened.

Each hook does exactly what the original syntax did, on the real objects, and returns the real result; only
then, and only while `on` is true, does it append a node to the tape.  When recording itself cannot follow (an
unknown callable), the result becomes an "opaque" node: still known to depend on its arguments, but without a
derivative, so that later floors say "cannot tell" instead of something false.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Set
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.trace.tape import calls, frames
from unstuck.trace.tape.functions import INPLACE, OPERATORS, SHAPED, is_users
from unstuck.trace.tape.layout import is_strange, is_table, is_tracked, meaning, same_memory
from unstuck.trace.tape.memory import Memory
from unstuck.trace.tape.sites import Site
from unstuck.trace.tape.stores import Owner, Part

__warningregistry__ = None  # what is warned about here belongs to the user: see unstuck.trace.tape.warned


class Runtime:
    """Hooks over one Memory.  `on` switches recording; `clock` is told about loops."""

    def __init__(self, sites: list[Site], clock: Any, user_files: Mapping[str, str]) -> None:
        self.on = False
        self.deaf: Set[int] = frozenset()  # loops of which only what was written runs
        self.memory = Memory()
        self.sites = sites
        self.arithmetic = 0  # operations seen that could belong to a network
        self.enter, self.tick, self.leave, self.iterated = (
            clock.enter,
            clock.tick,
            clock.leave,
            clock.iterated,
        )
        self.slice = slice
        self._user_files = user_files

    def __reduce__(self) -> tuple[Any, ...]:
        """A function that the script sends to another process takes hooks along that sleep."""
        return asleep, ()

    def wake(self) -> None:
        """Record from here on."""
        self.on, self.deaf = True, frozenset()

    def sleep(self, deaf: Set[int]) -> None:
        """Stop recording; the loops `deaf` run as written, without a word to the clock."""
        self.on, self.deaf = False, deaf

    def probe(self, number: int, /) -> None:
        """Evaluate the probe of this number here; unstuck.trace.tape.probes does it where there are any."""

    # ----- Plain operations ---------------------------------------------------------------------------------

    def bin(self, site: int, op: str, a: Any, b: Any, /) -> Any:
        """a + b, a @ b, a >= b, ..."""
        result = OPERATORS[op](a, b)
        if self.on and (is_tracked(result) or self.of_objects(result, (a, b))):
            self.arithmetic += 1
            self._operated(site, op, (a, b), result)
        return result

    def un(self, site: int, op: str, a: Any, /) -> Any:
        """-a, +a, ~a"""
        result = OPERATORS[op](a)
        if self.on and is_tracked(result):
            self._operated(site, op, (a,), result)
        return result

    def of_objects(self, result: Any, operands: tuple[Any, ...]) -> bool:
        """Is this an array of objects that was computed from followed values?"""
        if not isinstance(result, np.ndarray) or result.dtype.kind != "O":
            return False
        return any(_holds_node(self.memory.operand(item, new=False)) for item in operands)

    def _operated(self, site: int, op: str, operands: tuple[Any, ...], result: Any) -> None:
        if type(result) in SINGLE and _are_numbers(operands):
            if result is not operands[0] and result is not operands[1]:
                self.memory.numbers(op, OPERATORS[op], operands, result, self.sites[site].span)
            return
        named = meaning(op, operands, result)
        if named != "opaque" or self.memory.known(result) is None:  # else the operator was the user's own
            self.note(named, OPERATORS[op], operands, {}, result, site)

    def transpose(self, site: int, a: Any, /) -> Any:
        """a.T, whatever a is"""
        result = a.T
        if self.on and (isinstance(a, np.ndarray) or is_table(a)) and is_tracked(result):
            self.note("transpose", np.transpose, (a,), {}, result, site)
        return result

    def get(self, site: int, owner: Any, index: Any, /) -> Any:
        """owner[index]"""
        result = owner[index]
        if self.on and is_tracked(result):
            if isinstance(owner, np.flatiter):
                self._flat_read(site, owner, index, result)
            elif isinstance(owner, np.ndarray) and not self.seen(result, site):
                span = self.sites[site].span
                if not self.memory.reads_element(owner, index, result, span):
                    operands = (self.memory.operand(owner), calls.frozen(index))
                    self.memory.add("getitem", None, operands, self._chosen(index), result, span)
            elif id(owner) in calls.JOINERS:
                calls.joined(self, site, owner, index, result)
        return result

    def iterate(self, site: int, iterable: Any, /) -> Any:
        """The iterable of a for loop: its length is noted, and its elements are seen"""
        self.iterated(iterable)
        return self.elements(site, iterable)

    def elements(self, site: int, values: Any, /) -> Any:
        """Something that is iterated over: of a 1-D array each element is noted; rows are known by their memory."""
        if self.on and isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "fc":
            return self._elements(site, values)
        return values

    def rounds(self, number: int, iterable: Any, /) -> Any:
        """What a comprehension goes over; each element is announced as a round of a loop."""
        return self._rounds(number, iterable) if self.on else iterable

    def _rounds(self, number: int, iterable: Any) -> Iterator[Any]:
        self.enter(number)
        self.iterated(iterable)
        for element in iterable:
            self.tick(number)
            yield element
        self.leave(number)

    def _elements(self, site: int, array: Any) -> Iterator[Any]:
        for index in range(len(array)):
            yield self.get(site, array, index)

    def _flat_read(self, site: int, flat: Any, index: Any, result: Any) -> None:
        positions = np.arange(flat.base.size)[index]
        operand = self.memory.operand(flat.base)
        self.memory.add("gather", None, (operand, positions), {}, result, self.sites[site].span)

    # ----- Stores -------------------------------------------------------------------------------------------

    def name(self, site: int, value: Any, /) -> Any:
        """target = value: remember what the script calls it"""
        if self.on and is_tracked(value):
            node = self.memory.known(value)
            if node is not None:
                place = self.sites[site]
                node.names.append(place.target)
                node.bound.append(place.span)
        return value

    def passed(self, site: int, value: Any, /) -> Any:
        """return value, where the value has been made elsewhere: remember that it came by"""
        if self.on and is_tracked(value):
            node = self.memory.known(value)
            if node is not None:
                node.passed.append((len(self.memory.nodes), self.sites[site].span))
        return value

    def owner(self, site: int, owner: Any, /) -> Any:
        """owner[index] = value, owner.shape = value: what stands for the owner while recording"""
        return Owner(self, site, owner) if self.on else owner

    def set(self, site: int, value: Any, owner: Any, index: Any, /) -> None:
        """owner[index] = value"""
        array = owner.base if isinstance(owner, np.flatiter) else owner
        if not (self.on and isinstance(array, np.ndarray) and self.memory.follows(array)):
            owner[index] = value
            self.name(site, value)
            return
        memory = self.memory
        operand = memory.operand(value)
        if array is owner and memory.takes_element(array, index, value):
            owner[index] = value
            memory.wrote_element(array, index, operand, self.sites[site].span, self.sites[site].target)
            return
        old = memory.array(array)
        memory.before_write(array)
        owner[index] = value
        if array is not owner:
            where = np.unravel_index(np.arange(array.size)[index], array.shape)
            self.wrote(array, "setitem", None, (old, where, operand), {}, site)
            return
        self.wrote(array, "setitem", None, (old, calls.frozen(index), operand), self._chosen(index), site)

    def set_attribute(self, site: int, owner: Any, name: str, value: Any, /) -> None:
        """owner.name = value, where an array changes in place by it"""
        memory = self.memory
        if not (self.on and isinstance(owner, np.ndarray) and self.memory.follows(owner)):
            setattr(owner, name, value)
        elif name == "shape":
            memory.reshaped(owner, value, self.sites[site].span)
        else:
            operands = (memory.operand(owner), memory.operand(value))
            memory.before_write(owner)
            setattr(owner, name, value)
            self.wrote(owner, "opaque", None, operands, {}, site)

    def iop(self, site: int, op: str, target: Any, value: Any, /) -> Any:
        """target += value; gives back what the name is bound to afterwards"""
        if not self.on:
            return INPLACE[op](target, value)
        if is_table(target):
            return frames.changed(self, site, op, target, value)
        if not (isinstance(target, np.ndarray) and self.memory.follows(target)):
            result = INPLACE[op](target, value)
            if is_tracked(result) and result is not target:
                self.arithmetic += 1
                self._operated(site, op, (target, value), result)
                self.name(site, result)
            return result
        self.arithmetic += 1
        memory = self.memory
        operands = (memory.operand(target), memory.operand(value))
        memory.before_write(target)
        result = INPLACE[op](target, value)
        if result is target:
            self.wrote(target, meaning(op, (target, value), result), OPERATORS[op], operands, {}, site)
        return result

    def part(self, site: int, kind: str, owner: Any, key: Any, /) -> Part:
        """The old value of `owner.key op= ...` or `owner[key] op= ...`, fetched before the operand is evaluated"""
        return Part(owner, key, kind, getattr(owner, key) if kind == "attr" else self.get(site, owner, key))

    def update(self, site: int, op: str, part: Part, value: Any, /) -> None:
        """owner.key op= value or owner[key] op= value"""
        owner, key, old = part.owner, part.key, part.value
        result = self.iop(site, op, old, value)
        if part.kind == "attr":
            setattr(self.owner(site, owner) if key == "shape" else owner, key, result)
        elif result is old and isinstance(owner, np.ndarray) and same_memory(owner, result):
            owner[key] = result  # nothing new to note
        else:
            self.set(site, result, owner, key)

    def wrote(
        self, array: Any, op: str, fn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], site: int
    ) -> None:
        """The array has just been overwritten by op(args)."""
        place = self.sites[site]
        op = "opaque" if array.dtype.kind == "O" else op
        node = self.memory.written(array, op, fn, args, kwargs, place.span)
        if place.target:
            node.names.append(place.target)

    # ----- Calls --------------------------------------------------------------------------------------------

    def call(self, site: int, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """function(*args, **kwargs)"""
        if not self.on:
            return function(*args, **kwargs)
        while type(function) is functools.partial and _PLACEHOLDER not in map(type, function.args):
            function, args, kwargs = function.func, (*function.args, *args), function.keywords | kwargs
        if is_users(function, self._user_files):
            return function(*args, **kwargs)
        return calls.run(self, site, function, args, kwargs)

    # ----- Noting -------------------------------------------------------------------------------------------

    def note(self, op: str, fn: Any, args: Any, kwargs: Mapping[str, Any], result: Any, site: int) -> None:
        """Append the node of a finished operation, unless its result is one of its own arguments."""
        if id(result) in map(id, args):
            return
        memory = self.memory
        if any(map(is_table, (result, *args))):
            op, fn, kwargs = frames.as_numpy(op, args, kwargs, result)
        operands = tuple(map(memory.operand, args))
        named = {key: memory.operand(value) for key, value in kwargs.items()}
        if op in SHAPED or not any(map(_holds_node, (*operands, *named.values()))):
            if not isinstance(result, np.ndarray):
                return  # a number from outside: it becomes a leaf when it is used
            op, fn, operands, named = "leaf", None, (), {}
        elif any(map(is_strange, (result, *args))):
            op = "opaque"
        memory.add(op, fn, operands, named, result, self.sites[site].span)

    def seen(self, value: Any, site: int) -> bool:
        """Is the value on the tape?  Also, from now on, if it is a part of an array that is."""
        memory = self.memory
        if memory.is_wide_view(value):
            return False
        count = len(memory.nodes)
        node = memory.known(value)
        if node is not None and len(memory.nodes) > count:
            node.span = self.sites[site].span  # it was read just here
        return node is not None

    def _chosen(self, index: Any) -> dict[str, Any]:
        """Nodes of the arrays inside an index: a mask such as z <= 0 is part of the data flow."""
        parts = index if isinstance(index, tuple) else (index,)
        if not any(isinstance(part, np.ndarray) for part in parts):
            return {}
        nodes = [self.memory.known(part) for part in parts if isinstance(part, np.ndarray)]
        found = [node for node in nodes if node is not None]
        return {"index": found} if found else {}


class _Deaf:
    """A clock that does not care."""

    def enter(self, number: int, /) -> None: ...

    tick = leave = enter

    def iterated(self, iterable: object) -> None: ...


def asleep() -> Runtime:
    """Hooks that record nothing."""
    return Runtime([], _Deaf(), {})


_PLACEHOLDER = type(getattr(functools, "Placeholder", ...))


SINGLE = {float, np.float64}


def _are_numbers(operands: tuple[Any, ...]) -> bool:
    """Are these two single numbers, not both of them whole?"""
    if len(operands) != 2:
        return False
    left, right = map(type, operands)
    return (left in SINGLE and (right in SINGLE or right is int)) or (left is int and right in SINGLE)


def _holds_node(value: Any) -> bool:
    return isinstance(value, Node) or (isinstance(value, list) and any(map(_holds_node, value)))
