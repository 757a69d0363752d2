"""The recorded calls on which every derivative rule is tried: operations x operand shapes x keywords."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.signal
import scipy.special


@dataclass(frozen=True)
class V:
    """A differentiable operand: random values of this shape in [low, high)."""

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0


@dataclass(frozen=True)
class Case:
    """One recorded call with its operands."""

    op: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    fn: Callable[..., Any] | None = None

    def __str__(self) -> str:
        text = ",".join(str(a.shape) if isinstance(a, V) else type(a).__name__ for a in self.args)
        return f"{self.op}-{text}-{'-'.join(self.kwargs)}"


def case(op: str, *args: Any, fn: Callable[..., Any] | None = None, **kwargs: Any) -> Case:
    return Case(op, args, kwargs, fn)


P = V((3, 4), 0.2, 2.0)  # positive
U = V((3, 4), -0.9, 0.9)  # inside the unit interval
M = V((3, 4))
N = V((3,))
S = V()
SQUARE = V((3, 3))

UNARY = [
    *[
        case(op, M)
        for op in (
            "negative",
            "exp",
            "exp2",
            "expm1",
            "square",
            "sin",
            "cos",
            "arctan",
            "sinh",
            "cosh",
            "arcsinh",
            "sinc",
            "deg2rad",
            "rad2deg",
            "radians",
            "degrees",
            "nan_to_num",
            "tanh",
            "absolute",
            "fabs",
            "positive",
        )
    ],
    *[
        case("tan", U),
        case("arcsin", U),
        case("arccos", U),
        case("arctanh", U),
        case("arccosh", V((3,), 1.2, 3.0)),
    ],
    *[case(op, P) for op in ("log", "log2", "log10", "log1p", "sqrt", "reciprocal")],
    *[case(op, S, fn=getattr(math, op)) for op in ("exp", "sin", "tanh", "fabs")],
    *[case(op, P, fn=getattr(scipy.special, op)) for op in ("expit", "log_expit", "erf", "erfc", "gammaln")],
    case("logit", V((4,), 0.1, 0.9), fn=scipy.special.logit),
    case("abs", M),
    case("real", M),
    case("exp", M, out=None),
    case("exp", M, where=True),
    case("exp", M, dtype=np.float64),
]

SHAPES = [
    (M, M),
    (M, S),
    (S, M),
    (M, V((4,))),
    (V((3, 1)), V((1, 4))),
    (V((2, 3, 1)), V((4,))),
    (S, S),
    (M, 2.0),
    (3, M),
]
BINARY = [
    *[case(op, a, b) for op in ("add", "subtract", "multiply", "maximum", "minimum") for a, b in SHAPES],
    *[
        case(op, P, V((4,), 0.5, 2))
        for op in ("true_divide", "divide", "power", "float_power", "mod", "remainder", "hypot")
    ],
    *[case(op, M, V((3, 1))) for op in ("logaddexp", "arctan2", "fmax", "fmin")],
    case("power", M, 2),
    case("power", M, 3.0),
    case("power", 2.0, M),
    case("power", P, -1.5),
    case("power", S, 2),
    case("true_divide", 1.0, P),
    case("true_divide", M, 3),
    case("xlogy", P, V((4,), 0.5, 2), fn=scipy.special.xlogy),
    case("multiply", M, np.arange(4)),
    case("multiply", M, np.array([True, False, True, True])),
]

PRODUCTS = [
    *[
        case(op, a, b)
        for op in ("dot", "matmul", "inner")
        for a, b in [(N, V((3,))), (V((2, 3)), SQUARE), (V((2, 3)), N)]
    ],
    *[case(op, N, V((3, 4))) for op in ("dot", "matmul")],
    case("dot", S, M),
    case("dot", M, S),
    case("dot", S, S),
    case("dot", 2.0, M),
    case("dot", V((2, 5, 3)), V((3, 4))),
    case("dot", V((2, 5, 3)), N),
    case("dot", N, V((2, 3, 4))),
    case("dot", V((5, 3)), V((2, 3, 4))),
    case("dot", V((2, 5, 3)), V((2, 3, 4))),
    case("matmul", V((2, 5, 3)), V((2, 3, 4))),
    case("matmul", V((2, 5, 3)), V((3, 4))),
    case("matmul", V((5, 3)), V((2, 3, 4))),
    case("matmul", V((2, 5, 3)), N),
    case("matmul", N, V((2, 3, 4))),
    case("matmul", V((2, 1, 5, 3)), V((4, 3, 2))),
    case("outer", N, V((4,))),
    case("outer", V((2, 2)), V((1, 3))),
    case("vdot", M, V((4, 3))),
    case("inner", M, V((2, 4))),
    case("tensordot", M, V((4, 2)), 1),
    case("tensordot", V((2, 3, 4)), V((4, 3, 5)), axes=([1, 2], [1, 0])),
    case("einsum", "ij,jk->ik", M, V((4, 2))),
    case("einsum", "ij->j", M),
    case("einsum", "bi,bj->bij", V((2, 3)), V((2, 4))),
    case("einsum", "ij,ij->", M, M),
    case("kron", V((2, 2)), V((2, 3))),
    case("cross", V((2, 3)), V((2, 3))),
    case("det", SQUARE, fn=np.linalg.det),
    case("inv", V((3, 3), 1, 3), fn=np.linalg.inv),
    case("solve", V((3, 3), 1, 3), V((3, 2)), fn=np.linalg.solve),
]

REDUCTIONS = [
    *[case(op, P) for op in ("sum", "mean", "max", "min", "amax", "amin", "prod", "var", "std", "cumsum")],
    *[
        case(op, P, axis=axis)
        for op in ("sum", "mean", "max", "min", "prod", "var", "std", "cumsum")
        for axis in (0, 1, -1)
    ],
    *[
        case(op, V((2, 3, 4)), axis=(0, 2), keepdims=True)
        for op in ("sum", "mean", "max", "min", "var", "std")
    ],
    *[case(op, V((2, 3, 4)), axis=(0, 2)) for op in ("sum", "mean", "max", "min", "var", "std", "prod")],
    case("sum", M, 0),
    case("sum", M, 1, None, None, True),
    case("mean", M, 0, None, None),
    case("var", M, ddof=1),
    case("std", M, 0, ddof=1),
    case("max", M, 1, None, True),
    case("sum", S),
    case("sum", [S, S, S]),
    case("mean", [S, S]),
    case("sum", a=M),
    case("mean", a=M, axis=0),
    case("max", M, axis=1, keepdims=True),
    case("norm", M, fn=np.linalg.norm),
    case("norm", M, axis=1, fn=np.linalg.norm),
    case("norm", N, fn=np.linalg.norm),
    case("norm", M, axis=1, keepdims=True, fn=np.linalg.norm),
    case("norm", M, keepdims=True, fn=np.linalg.norm),
    case("trace", SQUARE),
    case("diff", N),
    case("diff", M, axis=0),
    *[
        case("logsumexp", M, fn=scipy.special.logsumexp, **kw)
        for kw in ({}, {"axis": 1}, {"axis": 1, "keepdims": True})
    ],
    *[
        case(op, M, fn=getattr(scipy.special, op), **kw)
        for op in ("softmax", "log_softmax")
        for kw in ({}, {"axis": 1})
    ],
    case("sum", [S, S, S], fn=sum),
    case("sum", [S, S], S, fn=sum),
    case("sum", M, fn=sum),
    case("max", S, 0.0, fn=max),
    case("max", S, S, fn=max),
    case("max", [S, S, S], fn=max),
    case("min", S, S, S, fn=min),
]

REARRANGEMENTS = [
    *[
        case(op, M)
        for op in (
            "transpose",
            "ravel",
            "squeeze",
            "sort",
            "triu",
            "tril",
            "diag",
            "flip",
            "fliplr",
            "flipud",
            "rot90",
            "atleast_2d",
        )
    ],
    case("transpose", V((2, 3, 4)), (1, 2, 0)),
    case("transpose", V((2, 3, 4)), axes=(2, 0, 1)),
    case("transpose", V((2, 3, 4)), (-1, 0, 1)),
    case("transpose", V((2, 3, 4)), 2, 0, 1, fn=lambda x, *axes: x.transpose(*axes)),
    case("reshape", M, (2, 6)),
    case("reshape", M, -1),
    case("reshape", M, 2, 6, fn=lambda x, *s: x.reshape(*s)),
    case("reshape", M, (6, 2), order="F"),
    case("reshape", M, (6, 2), "F"),
    case("ravel", M, order="F"),
    case("ravel", M, "F"),
    case("flatten", M, fn=lambda x: x.flatten()),
    case("flatten", M, "F", fn=lambda x, order: x.flatten(order)),
    case("squeeze", V((3, 1)), axis=1),
    case("expand_dims", M, 1),
    case("expand_dims", M, axis=(0, 2)),
    case("atleast_1d", S),
    case("atleast_3d", M),
    case("broadcast_to", N, (4, 3)),
    case("broadcast_to", V((3, 1)), (3, 4)),
    case("swapaxes", V((2, 3, 4)), 0, 2),
    case("moveaxis", V((2, 3, 4)), 0, 2),
    case("rollaxis", V((2, 3, 4)), 2),
    case("repeat", M, 2),
    case("repeat", M, 3, axis=1),
    case("repeat", N, [1, 0, 2]),
    case("tile", M, 2),
    case("tile", N, (2, 2)),
    case("pad", M, 1),
    case("pad", M, ((1, 0), (0, 2)), "constant", constant_values=7),
    case("pad", M, 1, mode="edge"),
    case("pad", M, 1, mode="reflect"),
    case("roll", M, 1),
    case("roll", M, 1, axis=1),
    case("sort", M, axis=0),
    case("diag", N),
    case("diag", M, 1),
    case("diagflat", N),
    case("diagonal", M),
    case("take", M, [0, 2, 2]),
    case("take", M, [1, 1], axis=1),
    case("take_along_axis", M, np.array([[0], [2], [2]]), axis=1),
    case("delete", M, 1, axis=0),
    case("resize", N, (2, 4)),
    case("concatenate", [M, V((2, 4))]),
    case("concatenate", (M, V((3, 2))), axis=1),
    case("concatenate", [M, np.ones((1, 4))]),
    case("stack", [N, N]),
    case("stack", [N, N], axis=1),
    case("vstack", [N, V((2, 3))]),
    case("hstack", [N, N]),
    case("dstack", [N, N]),
    case("column_stack", [N, V((3, 2))]),
    case("append", N, V((2,))),
    case("append", M, V((1, 4)), axis=0),
    case("insert", N, 1, S),
    case("block", [[M, M], [M, M]]),
    case("array", [[S, S], [S, 1.0]]),
    case("array", [N, N]),
    case("array", M),
    case("copy", M),
    case("copy", S, fn=float),
    case("astype", M, float, fn=lambda x, t: x.astype(t)),
    case("asarray", M),
    case("ascontiguousarray", M),
    case("float", S, fn=float),
    case("item", V((1, 1)), fn=lambda x: x.item()),
    case("item", M, 1, 2, fn=lambda x, *i: x.item(*i)),
]


def getitem(x: Any, index: Any) -> Any:
    return x[index]


def setitem(x: Any, index: Any, value: Any) -> Any:
    x = np.array(x)
    x[index] = value
    return x


def gather(x: Any, flat: Any) -> Any:
    return x.ravel()[flat]


def scatter(x: Any, flat: Any, value: Any) -> Any:
    x = np.array(x)
    x.reshape(-1)[flat] = value
    return x


def at(ufunc: Any) -> Callable[..., Any]:
    def run(x: Any, index: Any, value: Any) -> Any:
        x = np.array(x)
        ufunc.at(x, index, value)
        return x

    return run


EVERY_OTHER = np.array([[True, False, True, False]] * 3)
INDICES = [
    0,
    (1, 2),
    slice(1, None),
    (slice(None), 1),
    (slice(None), None, 2),
    ...,
    [0, 2, 2],
    (np.arange(3), [1, 1, 0]),
    EVERY_OTHER,
    -1,
]
INDEXING = [
    *[case("getitem", M, index, fn=getitem) for index in INDICES],
    *[case("setitem", M, index, S, fn=setitem) for index in INDICES],
    case("setitem", M, 0, V((4,)), fn=setitem),
    case("setitem", M, 0, V((1, 4)), fn=setitem),
    case("setitem", M, [0, 2], V((4,)), fn=setitem),
    case("setitem", np.zeros((3, 4)), [0, 0], V((2, 4)), fn=setitem),
    case("setitem", M, EVERY_OTHER, V((6,)), fn=setitem),
    case("setitem", M, (slice(None), 1), V((3,)), fn=setitem),
    case("gather", M, np.array([[0, 5], [5, 11]]), fn=gather),
    case("scatter", M, np.array([1, 7]), V((2,)), fn=scatter),
    case("scatter", M, np.array([1, 1]), V((2,)), fn=scatter),
    case("add.at", M, [0, 0, 2], V((3, 4)), fn=at(np.add)),
    case("subtract.at", M, [0, 0], V((4,)), fn=at(np.subtract)),
]

KINKS = [
    case("clip", M, -0.5, 0.5),
    case("clip", M, 0.0, None),
    case("clip", M, None, 1.0),
    case("clip", M, V((4,), -2, -1), V((4,), 1, 2)),
    case("clip", M, a_min=-1, a_max=1),
    case("clip", M, a_min=V((4,), -2, -1), a_max=1),
    case("clip", M, -0.2, 0.3, out=None),
    case("where", EVERY_OTHER, M, M),
    case("where", EVERY_OTHER, M, 0.0),
    case("where", EVERY_OTHER, V((4,)), S),
]

APPLIED = [
    case("vectorize", M, fn=np.vectorize(math.tanh)),
    case("vectorize", M, V((4,)), fn=np.vectorize(lambda x, y: x * y if x > y else x * 0.1)),
    case("vectorize", S, fn=np.vectorize(math.exp)),
]

MODES = ("full", "same", "valid")
CONVOLUTIONS = [
    *[
        case(op, V((long,)), V((short,)), mode=mode)
        for op in ("convolve", "correlate")
        for mode in MODES
        for long, short in ((6, 3), (6, 4), (5, 5), (3, 6))
    ],
    *[
        case(op, a, b, mode, fn=getattr(scipy.signal, f"{op}2d"))
        for op in ("convolve", "correlate")
        for mode in MODES
        for a, b in ((V((5, 6)), V((3, 2))), (V((4, 4)), V((4, 4))))
    ],
    case("correlate", V((2, 3)), V((4, 5)), "valid", fn=scipy.signal.correlate2d),
    case("convolve", V((2, 5, 6)), V((1, 3, 3)), mode="valid", fn=scipy.signal.convolve),
    case("correlate", V((2, 5, 6)), V((2, 3, 3)), mode="same", fn=scipy.signal.correlate),
    case("convolve", V((5, 6)), V((3, 3)), fn=scipy.signal.fftconvolve),
]

CASES = [*UNARY, *BINARY, *PRODUCTS, *REDUCTIONS, *REARRANGEMENTS, *INDEXING, *KINKS, *APPLIED, *CONVOLUTIONS]
