"""Tables of pandas in the middle of a network: the array operation that an operation on them amounts to.

What pandas does may differ from what NumPy does (it aligns labels, its `std` divides by n - 1, its `mean` goes
over the rows), so an operation is taken for NumPy's only if NumPy gives the same numbers for the arrays that the
tables stand for; otherwise it is opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.tape.functions import INPLACE
from unstuck.trace.tape.layout import array_of, is_tracked

if TYPE_CHECKING:
    from unstuck.trace.tape.runtime import Runtime

ROUNDING = 1e-12  # relative difference of sums that are added in another order
OVER_ROWS = {"sum", "mean", "max", "min", "prod"}  # of a DataFrame: over its rows, unless an axis is given


def as_numpy(
    op: str, operands: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> tuple[str, Callable[..., Any] | None, dict[str, Any]]:
    """The function of NumPy that gives this result: its name, itself and its keywords; "opaque" if there is none."""
    arrays, named = [array_of(item) for item in operands], {k: array_of(v) for k, v in kwargs.items()}
    if op in OVER_ROWS and np.ndim(arrays[0]) == 2 and len(arrays) == 1:
        named = {"axis": 0} | named
    function = getattr(np, RENAMED.get(op, op), None)
    try:
        same = function(*arrays, **named)  # type: ignore[misc]  # what is no function raises as well
    except Exception:  # operands or keywords that only pandas knows
        return "opaque", None, {}
    return (op, function, named) if _equal(same, array_of(result)) else ("opaque", None, {})


RENAMED = {"to_numpy": "copy"}


def changed(recorder: Runtime, site: int, op: str, table: Any, value: Any) -> Any:
    """table += value, by which pandas may change the table itself; recorded, with what the name is bound to then."""
    memory = recorder.memory
    old = memory.operand(table)
    result = INPLACE[op](table, value)
    if isinstance(old, Node) and is_tracked(result):
        recorder.arithmetic += 1
        named, function, _ = as_numpy(op, (old.value, value), {}, result)
        operands = (old, memory.operand(value))
        memory.add(named, function, operands, {}, result, recorder.sites[site].span)
        recorder.name(site, result)
    return result


def _equal(one: Array, other: Array) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=ROUNDING, atol=0, equal_nan=True)
