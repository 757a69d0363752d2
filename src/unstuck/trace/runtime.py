"""The object that instrumented programs call `__u__`: it runs every operation and notes what happened.

Each hook does exactly what the original syntax did, on the real objects, and returns the real result; only
then, and only while `on` is true, does it append a node to the tape.  When recording itself cannot follow (an
unknown callable), the result becomes an "opaque" node: still known to depend on its arguments, but without a
derivative, so that later floors say "cannot tell" instead of something false.
"""

from __future__ import annotations

import builtins
import math
import operator
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Span
from unstuck.trace.instrument import Site
from unstuck.trace.memory import SCALARS, Memory

OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "true_divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "mod": operator.mod,
    "power": operator.pow,
    "matmul": operator.matmul,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "negative": operator.neg,
    "positive": operator.pos,
    "invert": operator.invert,
}
INPLACE: dict[str, Callable[..., Any]] = {
    "add": operator.iadd,
    "subtract": operator.isub,
    "multiply": operator.imul,
    "true_divide": operator.itruediv,
    "floor_divide": operator.ifloordiv,
    "mod": operator.imod,
    "power": operator.ipow,
    "matmul": operator.imatmul,
    "bitwise_and": operator.iand,
    "bitwise_or": operator.ior,
    "bitwise_xor": operator.ixor,
}
COPIES = {
    "array",
    "asarray",
    "asanyarray",
    "copy",
    "astype",
    "float",
    "ascontiguousarray",
    "float64",
    "float32",
}
SHAPED = {
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
}  # the argument lends its shape, not its values
WRITERS = {
    "shuffle",
    "fill",
    "sort",
    "put",
    "partition",
    "copyto",
    "fill_diagonal",
    "place",
    "putmask",
    "resize",
}
RENAMED = {
    "absolute": "absolute",
    "abs": "absolute",
    "pow": "power",
    "amax": "max",
    "amin": "min",
    "divide": "true_divide",
}
MATH = {
    name: getattr(math, name)
    for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "log1p", "expm1", "pow")
}


class Runtime:
    """Hooks over one Memory.  `on` switches recording; `clock` is told about loops."""

    def __init__(self, sites: list[Site], clock: Any, user_files: Mapping[str, str]) -> None:
        self.on = False
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

    # ----- Plain operations ---------------------------------------------------------------------------------

    def bin(self, site: int, op: str, a: Any, b: Any, /) -> Any:
        """a + b, a @ b, a >= b, ..."""
        result = OPERATORS[op](a, b)
        if self.on and _tracked(result):
            self.arithmetic += 1
            self._note(op, OPERATORS[op], (a, b), {}, result, site)
        return result

    def un(self, site: int, op: str, a: Any, /) -> Any:
        """-a, +a, ~a"""
        result = OPERATORS[op](a)
        if self.on and _tracked(result):
            self._note(op, OPERATORS[op], (a,), {}, result, site)
        return result

    def transpose(self, site: int, a: Any, /) -> Any:
        """a.T, whatever a is"""
        result = a.T
        if self.on and isinstance(a, np.ndarray) and _tracked(result):
            self._note("transpose", np.transpose, (a,), {}, result, site)
        return result

    def get(self, site: int, owner: Any, index: Any, /) -> Any:
        """owner[index]"""
        result = owner[index]
        if (
            self.on
            and isinstance(owner, np.ndarray)
            and _tracked(result)
            and self.memory.known(result) is None
        ):
            memory, span = self.memory, self.sites[site].span
            memory.add(
                "getitem", None, (memory.operand(owner), _frozen(index)), self._chosen(index), result, span
            )
        return result

    def iterate(self, site: int, iterable: Any, /) -> Any:
        """The iterable of a for loop: its length is noted, and elements of a 1-D array one by one."""
        self.iterated(iterable)
        return self._watched(site, iterable)

    def _watched(self, site: int, iterable: Any) -> Any:
        if self.on and isinstance(iterable, np.ndarray) and iterable.ndim == 1 and iterable.dtype.kind == "f":
            return self._elements(site, iterable)
        return iterable

    def _elements(self, site: int, array: Any) -> Iterator[Any]:
        for index in range(len(array)):
            yield self.get(site, array, index)

    # ----- Stores -------------------------------------------------------------------------------------------

    def name(self, site: int, value: Any, /) -> Any:
        """target = value: remember what the script calls it"""
        if self.on and _tracked(value):
            node = self.memory.known(value)
            if node is not None:
                node.names.append(self.sites[site].target)
        return value

    def set(self, site: int, value: Any, owner: Any, index: Any, /) -> None:
        """owner[index] = value"""
        if not (self.on and isinstance(owner, np.ndarray) and owner.dtype.kind in "fiub"):
            owner[index] = value
            self.name(site, value)
            return
        memory = self.memory
        operand = memory.operand(value)
        old = memory.array(owner)
        memory.before_write(owner)
        owner[index] = value
        self._wrote(owner, "setitem", None, (old, _frozen(index), operand), self._chosen(index), site)

    def iop(self, site: int, op: str, target: Any, value: Any, /) -> Any:
        """target += value; gives back what the name is bound to afterwards"""
        if not self.on:
            return INPLACE[op](target, value)
        if not (isinstance(target, np.ndarray) and target.dtype.kind in "fiub"):
            result = INPLACE[op](target, value)
            if _tracked(result) and result is not target:
                self.arithmetic += 1
                self._note(op, OPERATORS[op], (target, value), {}, result, site)
                self.name(site, result)
            return result
        self.arithmetic += 1
        memory = self.memory
        operands = (memory.operand(target), memory.operand(value))
        memory.before_write(target)
        result = INPLACE[op](target, value)
        self._wrote(target, op, OPERATORS[op], operands, {}, site)
        return result

    def aug_attr(self, site: int, op: str, owner: Any, name: str, value: Any, /) -> None:
        """owner.name += value"""
        setattr(owner, name, self.iop(site, op, getattr(owner, name), value))

    def aug_item(self, site: int, op: str, owner: Any, index: Any, value: Any, /) -> None:
        """owner[index] += value"""
        result = self.iop(site, op, self.get(site, owner, index), value)
        if (
            self.on
            and isinstance(owner, np.ndarray)
            and isinstance(result, np.ndarray)
            and result.base is owner
        ):
            owner[index] = result  # the same memory: nothing new to note
        else:
            self.set(site, result, owner, index)

    def dirty(self, target: Any, /) -> None:
        """A tuple assignment wrote into this array."""
        if self.on:
            self.memory.forget(target)

    def _wrote(
        self, array: Any, op: str, fn: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], site: int
    ) -> Node:
        place = self.sites[site]
        node = self.memory.written(array, op, fn, args, kwargs, place.span)
        if place.target:
            node.names.append(place.target)
        return node

    # ----- Calls --------------------------------------------------------------------------------------------

    def call(self, site: int, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """function(*args, **kwargs)"""
        if not self.on or self._is_users(function):
            return function(*args, **kwargs)
        name, receiver = _identity(function)
        if receiver is not None:
            args = (receiver, *args)
            plain: Callable[..., Any] = _unbound(function)
        else:
            plain = function
        out = _output_of(function, args, kwargs)
        if out is not None:
            return self._into(site, name, function, args, kwargs, out)
        if name.endswith(".at") and isinstance(args[0], np.ndarray):
            return self._scattered(site, name, function, args)
        if name in WRITERS:
            return self._writer(plain, receiver, args, kwargs)
        if function is builtins.sum:
            return self._sum(site, *args, **kwargs)
        if function in (zip, enumerate, list, tuple):
            return function(*[self._watched(site, item) for item in args], **kwargs)
        before = self._copies_of(args) if name == "opaque" else ()
        result = plain(*args, **kwargs)
        for array, copy in before:
            if not np.array_equal(array, copy, equal_nan=copy.dtype.kind == "f"):
                self.memory.forget(array)
        self._called(site, name, function, args, kwargs, result)
        return result

    def _called(self, site: int, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Note the result of a call that changed none of its arguments."""
        if not self.on or not _tracked(result) or self.memory.known(result) is not None:
            return
        if name == "random":
            self.memory.add("leaf", None, (), {}, result, self.sites[site].span)
            return
        if name in COPIES:
            self._note(_copy_kind(args[0], result), None, args[:1], {}, result, site)
            return
        self.arithmetic += name != "opaque"
        self._note(name, function, args, kwargs, result, site)

    def _sum(self, site: int, items: Any, *start: Any) -> Any:
        """The builtin sum: its items are noted as one array that is summed over its first axis."""
        items = [*start, *self._watched(site, items)]
        result = sum(items[1:], items[0]) if start else sum(items)
        if self.on and _tracked(result) and self.memory.known(result) is None:
            span = self.sites[site].span
            stacked = self.memory.add(
                "array", None, (self.memory.operand(items),), {}, np.array(items, float), span
            )
            self.memory.add("sum", np.sum, (stacked,), {"axis": 0}, result, span)
        return result

    def _into(self, site: int, name: str, function: Any, args: Any, kwargs: Any, out: Any) -> Any:
        """A NumPy function that writes its result into `out`."""
        inputs = [item for item in args if item is not out] or list(args)
        nin = getattr(function, "nin", len(inputs))
        operands = tuple(self.memory.operand(item) for item in list(args)[:nin])
        self.memory.before_write(out)
        result = function(*args, **kwargs)
        kept = {key: value for key, value in kwargs.items() if key != "out"}
        self._wrote(out, name, function, operands, kept, site)
        return result

    def _scattered(self, site: int, name: str, function: Any, args: Any) -> None:
        """np.add.at(array, index, values) and its kin"""
        array, index, *values = args
        old = self.memory.operand(array)
        operands = tuple(self.memory.operand(value) for value in values)
        self.memory.before_write(array)
        function(*args)
        self._wrote(array, name, function, (old, _frozen(index), *operands), {}, site)

    def _writer(self, plain: Callable[..., Any], receiver: Any, args: Any, kwargs: Any) -> Any:
        """A call that is known to overwrite its first argument (the receiver, or a.fill's a)."""
        target = next((item for item in args[:2] if isinstance(item, np.ndarray)), None)
        if target is not None:
            self.memory.before_write(target)
        result = plain(*args, **kwargs)
        self.memory.forget(target)
        return result

    def _copies_of(self, args: Any) -> tuple[tuple[Any, Any], ...]:
        """Copies of small known arrays, to notice a library function that writes into its arguments."""
        arrays = [a for a in args if isinstance(a, np.ndarray) and a.size <= 65536 and self.memory.known(a)]
        for array in arrays:
            self.memory.before_write(array)
        return tuple((array, array.copy()) for array in arrays)

    def _is_users(self, function: Any) -> bool:
        """Is this callable the user's own code, whose inside is instrumented too?"""
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        if code is not None:
            return code.co_filename in self._user_files
        owner = function if isinstance(function, type) else type(function)
        if owner.__module__ in ("builtins", "numpy") or isinstance(
            function, np.ufunc | types.BuiltinFunctionType
        ):
            return False
        method = getattr(owner, "__init__" if isinstance(function, type) else "__call__", None)
        code = getattr(method, "__code__", None)
        return code is not None and (code.co_filename in self._user_files or isinstance(function, type))

    # ----- Noting -------------------------------------------------------------------------------------------

    def _note(self, op: str, fn: Any, args: Any, kwargs: Mapping[str, Any], result: Any, site: int) -> None:
        """Append the node of a finished operation, unless its result is one of its own arguments."""
        if any(result is item for item in args):
            return
        memory = self.memory
        operands = tuple(memory.operand(item) for item in args)
        named = {key: memory.operand(value) for key, value in kwargs.items()}
        if op in SHAPED or not any(map(_holds_node, (*operands, *named.values()))):
            op, fn, operands, named = "leaf", None, (), {}
        memory.add(op, fn, operands, named, result, self.sites[site].span)

    def _chosen(self, index: Any) -> dict[str, Any]:
        """Nodes of the arrays inside an index: a mask such as z <= 0 is part of the data flow."""
        parts = index if isinstance(index, tuple) else (index,)
        nodes = [self.memory.known(part) for part in parts if isinstance(part, np.ndarray)]
        found = [node for node in nodes if node is not None]
        return {"index": found} if found else {}


def _tracked(value: Any) -> bool:
    return isinstance(value, SCALARS) or (isinstance(value, np.ndarray) and value.dtype.kind in "fiub")


def _holds_node(value: Any) -> bool:
    return isinstance(value, Node) or (isinstance(value, list) and any(map(_holds_node, value)))


def _copy_kind(source: Any, result: Any) -> str:
    """array() of a list stacks; a cast from float to integer truncates and has no derivative."""
    if isinstance(source, list | tuple):
        return "array"
    from_float = getattr(getattr(source, "dtype", None), "kind", "f") == "f"
    return "trunc" if from_float and np.asarray(result).dtype.kind in "iub" else "copy"


def _frozen(index: Any) -> Any:
    """An index that later writes of the script cannot change."""
    if isinstance(index, np.ndarray):
        return index.copy()
    if isinstance(index, tuple):
        return tuple(_frozen(part) for part in index)
    return list(index) if isinstance(index, list) else index


def _identity(function: Any) -> tuple[str, Any]:
    """The canonical name of a library callable, and the array it is bound to if it is a method."""
    if isinstance(function, np.ufunc):
        return RENAMED.get(function.__name__, function.__name__), None
    name = getattr(function, "__name__", "")
    receiver = getattr(function, "__self__", None)
    if isinstance(receiver, np.ndarray | np.generic):
        return RENAMED.get(name, name), receiver
    if isinstance(receiver, np.ufunc):
        return (
            f"{receiver.__name__}.at"
            if name == "at"
            else {"add": "sum", "multiply": "prod", "maximum": "max"}.get(receiver.__name__, "opaque")
        ), None
    if isinstance(receiver, np.random.RandomState | np.random.Generator):
        return ("shuffle" if name == "shuffle" else "random"), None
    if MATH.get(name) is function:
        return RENAMED.get(name, name), None
    if function is float:
        return "float", None
    if getattr(builtins, name, None) is function and name in ("abs", "pow"):
        return RENAMED[name], None
    module = getattr(function, "__module__", None) or ""
    if module.startswith("numpy") and isinstance(function, type) and issubclass(function, np.floating):
        return "float64", None
    if module.startswith(("numpy", "scipy.special")) and name:
        return RENAMED.get(name, name), None
    return "opaque", None


def _unbound(function: Any) -> Callable[..., Any]:
    """The bound method as a function whose first argument is the receiver (which it ignores)."""
    return lambda _receiver, *args, **kwargs: function(*args, **kwargs)


def _output_of(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The array that a call writes its result into: out=, or a ufunc's argument after its inputs."""
    out = kwargs.get("out")
    if out is None and isinstance(function, np.ufunc) and len(args) > function.nin:
        out = args[function.nin]
    if isinstance(out, tuple):
        out = out[0] if out else None
    return out if isinstance(out, np.ndarray) else None
