"""Calls of library functions: run them, and note what they made of their arguments.

Most functions just return something new.  The others are those that write into an argument (`out=`, `shuffle`,
`np.add.at`), that go over the elements of an array (`zip`, `sum`, `map`), and those that nobody knows: their
results are "opaque", and the arrays given to them are compared before and after.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.tape import optimisers
from unstuck.trace.tape.functions import COPIES, WRITING_FUNCTIONS, WRITING_METHODS, identity, output_of
from unstuck.trace.tape.layout import is_tracked
from unstuck.trace.tape.memory import MANY

if TYPE_CHECKING:
    from unstuck.trace.tape.runtime import Runtime

__warningregistry__ = None  # what is warned about here belongs to the user: see unstuck.trace.tape.warned
COMPARED = 65536  # elements; larger arguments of unknown functions are taken for unchanged


def run(recorder: Runtime, site: int, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """function(*args, **kwargs), recorded."""
    special = SPECIAL.get(id(function))
    if special is not None:
        return special(recorder, site, function, args, kwargs)
    if optimisers.is_optimiser(function):
        return optimisers.run(recorder, site, function, args, kwargs)
    name, receiver = identity(function)
    operands = args if receiver is None else (receiver, *args)
    out = output_of(function, name, operands, kwargs)
    if out is not None:
        return _into(recorder, site, name, function, args, operands, kwargs, out)
    if name.endswith(".at") and len(args) > 1 and isinstance(args[0], np.ndarray):
        return _at(recorder, site, name, function, args)
    writers = WRITING_METHODS if receiver is not None else WRITING_FUNCTIONS
    if name in writers or (name == "nan_to_num" and kwargs.get("copy") is False):
        return _writer(recorder, site, name, function, args, operands, kwargs)
    compared = _Compared(recorder, (*args, *kwargs.values())) if name == "opaque" else None
    result = function(*args, **kwargs)
    if recorder.on:
        if compared:
            compared.forget_changed(site)
        _made(recorder, site, name, function, operands, kwargs, result)
    return result


def _made(
    recorder: Runtime, site: int, name: str, function: Any, args: Any, kwargs: dict[str, Any], result: Any
) -> None:
    """Note the result of a call that changed none of its arguments."""
    if isinstance(result, list | tuple):
        _made_several(recorder, site, name, function, args, result)
        return
    if not (is_tracked(result) or recorder.of_objects(result, args)) or recorder.seen(result, site):
        return
    if name == "random":
        drawn_from = [recorder.memory.known(item) for item in args if is_tracked(item)]
        if any(node is not None and node.op != "leaf" for node in drawn_from):
            recorder.note("opaque", function, args, {}, result, site)
        else:
            recorder.memory.add("leaf", None, (), {}, result, recorder.sites[site].span)
    elif name in COPIES and args:
        recorder.note(_copy_kind(args[0], result), None, args[:1], {}, result, site)
    else:
        recorder.arithmetic += name != "opaque"
        recorder.note(name, function, args, _explicit(name, function, args, kwargs), result, site)


def _explicit(name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keywords with what a kind of call implies: np.add.reduce sums over the first axis, np.sum over all."""
    if getattr(function, "__name__", "") == "reduce" and len(args) < 2:
        kwargs = {"axis": 0} | kwargs
    if (
        args
        and isinstance(args[0], np.matrix)
        and name in _REDUCTIONS
        and (len(args) > 1 or "axis" in kwargs)
    ):
        kwargs = kwargs | {"keepdims": True}  # a matrix stays two-dimensional
    return kwargs


_REDUCTIONS = {"sum", "mean", "max", "min", "prod", "std", "var"}


def _made_several(recorder: Runtime, site: int, name: str, function: Any, args: Any, result: Any) -> None:
    """Several results: numbers of `tolist` are elements, those of other functions of NumPy are opaque."""
    if name == "tolist" and isinstance(args[0], np.ndarray) and args[0].size <= MANY:
        owner = recorder.memory.operand(args[0])
        for index in np.ndindex(args[0].shape):
            value = functools.reduce(lambda part, i: part[i], index, result)
            if is_tracked(value):
                recorder.memory.add("getitem", None, (owner, index), {}, value, recorder.sites[site].span)
    elif name not in ("opaque", "random", "tolist"):
        for item in result:
            if is_tracked(item) and recorder.memory.known(item) is None:
                kind = getattr(getattr(item, "dtype", None), "kind", "f")
                recorder.note("opaque" if kind in "fc" else "int", function, args, {}, item, site)


def _copy_kind(source: Any, result: Any) -> str:
    """array() of a list stacks; a cast from float to integer truncates and has no derivative."""
    if isinstance(source, list | tuple):
        return "array"
    from_float = getattr(getattr(source, "dtype", None), "kind", "f") == "f"
    return "trunc" if from_float and np.asarray(result).dtype.kind in "iub" else "copy"


def joined(recorder: Runtime, site: int, joiner: Any, index: Any, result: Any) -> None:
    """np.r_[a, b] and np.c_[a, b]; with ranges or text in the brackets the result is new data."""
    parts = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(part, slice | str) for part in parts):
        name = JOINERS[id(joiner)]
        recorder.note(name, getattr(np, name), (list(parts),), {}, result, site)


JOINERS = {id(np.r_): "hstack", id(np.c_): "column_stack"}


# ----- Functions that write into an argument ------------------------------------------------------------


def _into(
    recorder: Runtime, site: int, name: str, function: Any, args: Any, operands: Any, kwargs: Any, out: Array
) -> Any:
    """A function of NumPy that writes its result into `out`."""
    inputs = operands if "out" in kwargs else tuple(item for item in operands if item is not out) or operands
    if isinstance(function, np.ufunc):
        inputs = operands[: function.nin]
    elif "out" not in kwargs:
        position = next(index for index in range(len(operands) - 1, -1, -1) if operands[index] is out)
        inputs = operands[:position]
    memory = recorder.memory
    nodes = tuple(memory.operand(item) for item in inputs)
    kept = {key: memory.operand(value) for key, value in kwargs.items() if key != "out"}
    if not memory.follows(out):
        return function(*args, **kwargs)
    memory.before_write(out)
    result = function(*args, **kwargs)
    if name == "random":
        memory.forget(out)
    else:
        recorder.wrote(out, name, function, nodes, kept, site)
    return result


def _at(recorder: Runtime, site: int, name: str, function: Any, args: Any) -> None:
    """np.add.at(array, index, values) and its kin"""
    array, index, *values = args
    memory = recorder.memory
    old = memory.operand(array)
    operands = tuple(memory.operand(value) for value in values)
    memory.before_write(array)
    function(*args)
    recorder.wrote(array, name, function, (old, frozen(index), *operands), {}, site)


def _writer(
    recorder: Runtime, site: int, name: str, function: Any, args: Any, operands: Any, kwargs: Any
) -> Any:
    """A call that is known to overwrite an array: its receiver or first argument."""
    target = operands[0] if operands else None
    if not isinstance(target, np.ndarray) or not recorder.memory.follows(target):
        return function(*args, **kwargs)
    memory = recorder.memory
    old = memory.operand(target)
    values = tuple(memory.operand(item) for item in operands[1:])
    memory.before_write(target)
    result = function(*args, **kwargs)
    if name in ("fill", "copyto") and len(values) == 1 and not kwargs:
        recorder.wrote(target, "setitem", None, (old, Ellipsis, values[0]), {}, site)
    elif old.op == "leaf":  # data are shuffled, not computed
        memory.forget(target)
    else:
        recorder.wrote(target, "opaque", function, (old, *values), {}, site)
    return result


class _Compared:
    """Copies of small known arrays, to notice a library function that writes into its arguments."""

    def __init__(self, recorder: Runtime, values: tuple[Any, ...]) -> None:
        self._recorder = recorder
        self._copies: list[tuple[Array, Array, Node]] = []
        for value in values:
            for array in value if isinstance(value, list | tuple) else (value,):
                if isinstance(array, np.ndarray) and array.size <= COMPARED:
                    node = recorder.memory.known(array)
                    if node is not None:
                        self._copies.append((array, array.copy(), node))

    def forget_changed(self, site: int) -> None:
        """An array that changed without our having seen how depends on what it was, in an unknown way."""
        memory = self._recorder.memory
        for array, old, node in self._copies:
            unseen = memory.known(array) is node
            if unseen and not np.array_equal(array, old, equal_nan=old.dtype.kind in "fc"):
                new = array.copy()
                array[...] = old
                memory.before_write(array)
                array[...] = new
                self._recorder.wrote(array, "opaque", None, (node,), {}, site)


def frozen(index: Any) -> Any:
    """An index that later writes of the script cannot change."""
    if isinstance(index, np.ndarray):
        return index.copy()
    if isinstance(index, tuple):
        if all(type(part) is int or type(part) is slice for part in index):
            return index
        return tuple(frozen(part) for part in index)
    return list(index) if isinstance(index, list) else index


# ----- Functions that go over elements ------------------------------------------------------------------


def _over_elements(recorder: Runtime, site: int, function: Any, args: Any, kwargs: Any) -> Any:
    """zip, list, max(x), ...: what they hand on are the very elements, if the elements of an array are seen."""
    if function in (max, min) and len(args) > 1:
        return function(*args, **kwargs)
    return function(*[recorder.elements(site, item) for item in args], **kwargs)


def _map(recorder: Runtime, site: int, function: Any, args: Any, kwargs: Any) -> Any:
    """map: the function is called through the hook"""
    if len(args) < 2:
        return function(*args, **kwargs)
    called = functools.partial(recorder.call, site, args[0])
    return function(called, *[recorder.elements(site, item) for item in args[1:]], **kwargs)


def _reduce(recorder: Runtime, site: int, function: Any, args: Any, kwargs: Any) -> Any:
    """functools.reduce: likewise"""
    if len(args) < 2:
        return function(*args, **kwargs)
    called = functools.partial(recorder.call, site, args[0])
    return function(called, recorder.elements(site, args[1]), *args[2:], **kwargs)


def _sum(recorder: Runtime, site: int, function: Any, args: Any, kwargs: Any) -> Any:
    """The builtin sum: its items are noted as one array that is summed over its first axis."""
    if not args:
        return function(*args, **kwargs)
    items: list[Any] = [*args[1:], *kwargs.values()]
    result = function(_kept(recorder.elements(site, args[0]), items), *args[1:], **kwargs)
    known = is_tracked(result) and recorder.memory.known(result) is not None
    if not recorder.on or not is_tracked(result) or known or not any(map(is_tracked, items)):
        return result
    memory, span = recorder.memory, recorder.sites[site].span
    if len(items) > MANY or any(np.shape(item) != np.shape(result) for item in items):
        recorder.note("opaque", function, (items,), {}, result, site)
        return result
    stacked = memory.add("array", None, (memory.operand(items),), {}, np.array(items), span)
    memory.add("sum", np.sum, (stacked,), {"axis": 0}, result, span)
    return result


def _kept(iterable: Any, items: list[Any]) -> Iterator[Any]:
    """The items of an iterable one by one; they are collected on the way, up to a number."""
    for item in iterable:
        if len(items) <= MANY:
            items.append(item)
        yield item


def _from_iterator(recorder: Runtime, site: int, function: Any, args: Any, kwargs: Any) -> Any:
    """np.fromiter"""
    if not args:
        return function(*args, **kwargs)
    items: list[Any] = []
    result = function(_kept(recorder.elements(site, args[0]), items), *args[1:], **kwargs)
    if recorder.on and len(items) == len(result):
        recorder.note("array", None, (items,), {}, result, site)
    return result


Special = Callable[[Any, int, Any, Any, Any], Any]
SPECIAL: Mapping[int, Special] = (
    {
        id(function): _over_elements
        for function in (zip, enumerate, list, tuple, set, max, min, sorted, filter)
    }
    | {id(sum): _sum, id(math.fsum): _sum, id(map): _map}
    | {id(functools.reduce): _reduce, id(np.fromiter): _from_iterator}
)  # by identity: these functions live for ever
