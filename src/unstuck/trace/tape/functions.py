"""What is this callable?  The canonical names of library functions, as the tape records them.

A function of NumPy is known by its name; methods, ufunc methods (`np.add.at`), `math`, `operator` and a few
builtins are translated to the same names.  Whatever is not known is "opaque".
"""

from __future__ import annotations

import math
import operator
import random
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unstuck.trace.tape.layout import is_table

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
    "left_shift": operator.lshift,
    "right_shift": operator.rshift,
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
    "left_shift": operator.ilshift,
    "right_shift": operator.irshift,
}
COPIES = {
    *("array", "asarray", "asanyarray", "asfarray", "ascontiguousarray", "asfortranarray", "matrix", "asmatrix"),
    *("copy", "astype", "float", "float64", "real", "to_numpy"),
}  # fmt: skip
SHAPED = {
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
}  # the argument lends its shape, not its values
WRITING_METHODS = {
    "fill",
    "sort",
    "partition",
    "put",
    "resize",
    "itemset",
    "byteswap",
    "setfield",
    "setflags",
}
WRITING_FUNCTIONS = {"put", "copyto", "fill_diagonal", "place", "putmask", "put_along_axis", "shuffle"}
RENAMED = {
    "abs": "absolute",
    "fabs": "absolute",
    "pow": "power",
    "amax": "max",
    "amin": "min",
    "divide": "true_divide",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "remainder": "mod",
}
CONVOLUTIONS = {
    "convolve": "convolve",
    "convolve2d": "convolve",
    "fftconvolve": "convolve",
    "oaconvolve": "convolve",
    "correlate": "correlate",
    "correlate2d": "correlate",
}  # of scipy.signal; its other functions are opaque
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logaddexp": "logsumexp"}
_MATH = (
    *("exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("asin", "acos", "atan", "fabs", "pow", "erf"),
)  # fmt: skip
_BUILTIN = {abs: "absolute", pow: "power", round: "round", float: "float"}
_KNOWN: dict[int, str] = (
    {id(function): name for name, function in OPERATORS.items()}
    | {id(getattr(math, name)): RENAMED.get(name, name) for name in _MATH}
    | {id(function): name for function, name in _BUILTIN.items()}
)  # by identity: these functions live for ever


def identity(function: Any) -> tuple[str, Any]:
    """The canonical name of a library callable, and the array it is bound to if it is a method."""
    known = _KNOWN.get(id(function))
    if known:
        return known, None
    if isinstance(function, np.ufunc):
        return RENAMED.get(function.__name__, function.__name__), None
    if isinstance(function, np.vectorize):
        return "vectorize", None
    name = getattr(function, "__name__", "")
    receiver = getattr(function, "__self__", None)
    if isinstance(receiver, np.ndarray | np.generic) or is_table(receiver):
        return RENAMED.get(name, name), receiver
    if isinstance(receiver, np.ufunc):
        at = f"{receiver.__name__}.at"
        return (
            at
            if name == "at"
            else _REDUCTIONS.get(receiver.__name__, "opaque")
            if name == "reduce"
            else "opaque"
        ), None
    if isinstance(receiver, np.random.RandomState | np.random.Generator | random.Random):
        return ("shuffle" if name == "shuffle" else "random"), None
    if isinstance(function, type) and issubclass(function, np.floating):
        return "float64", None
    module = getattr(function, "__module__", None) or ""
    if module.startswith("scipy.signal"):
        return CONVOLUTIONS.get(name, "opaque"), None
    numeric = module.startswith(("numpy", "scipy.special")) and not module.startswith("numpy.ma")
    if name and (numeric or np.__dict__.get(name) is function):  # or a library has taken NumPy's place
        return RENAMED.get(name, name), None
    return "opaque", None


def is_users(function: Any, files: Mapping[str, str]) -> bool:
    """Is this callable code of the user's files, whose inside is instrumented too?"""
    function = getattr(function, "__func__", function)
    if isinstance(function, types.FunctionType):
        return function.__code__.co_filename in files
    owner = function if isinstance(function, type) else type(function)
    if owner.__module__ in ("builtins", "numpy"):
        return False
    method = getattr(owner, "__init__" if isinstance(function, type) else "__call__", None)
    code = getattr(method, "__code__", None)
    return code is not None and (code.co_filename in files or isinstance(function, type))


def output_of(function: Any, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The array that a call writes its result into: out=, or the argument after its inputs; None without."""
    out = kwargs.get("out")
    position = function.nin if isinstance(function, np.ufunc) else _OUT_POSITION.get(name)
    if out is None and position is not None and len(args) > position:
        out = args[position]
    if isinstance(out, tuple):
        out = out[0] if len(out) == 1 else None
    return out if isinstance(out, np.ndarray) else None


_OUT_POSITION = {
    "dot": 2,
    "clip": 3,
    "outer": 2,
    "cumsum": 3,
    "sum": 3,
    "mean": 3,
    "max": 2,
    "min": 2,
    "take": 3,
}
