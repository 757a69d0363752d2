"""The native engine's library: where it is, what it offers, and its structs in Python.

A plain shared library with a C interface, loaded by ctypes, which releases the interpreter lock during a call.
It is built together with the package where there is a C++ compiler; without it the NumPy engine does the work.
"""

from __future__ import annotations

import ctypes
import importlib
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_uint64
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = "libunstuck_engine.so"
MOST_MATRICES = 8  # of the deepest network that the library trains
ACTIVATIONS = ("linear", "relu", "leaky-relu", "tanh", "sigmoid", "softmax")  # in the order of abi.hpp
BACKWARDS = (
    "exact",
    "activation-derivative-one",
    "activation-derivative-squared",
    "activation-derivative-of-output",
)  # in the order of abi.hpp

OPTIMISERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")  # in the order of abi.hpp

_floats, _integers = POINTER(c_float), POINTER(c_int32)


class Population(ctypes.Structure):
    """`Population` of abi.hpp, field by field."""

    _fields_ = (
        *((name, c_int32) for name in ("matrices", "activation", "batch", "classes")),
        *((name, c_int32) for name in ("groups", "seeds", "threads", "backend")),
        *((name, c_int32) for name in ("optimiser", "decays", "clips", "unused")),
        ("rows", c_int64),
        ("test_rows", c_int64),
        ("layers", _integers),
        *((name, _floats) for name in ("x", "y", "x_test", "y_test")),
        *((name, _floats) for name in ("weights", "velocity", "square", "powers")),
        *((name, _floats) for name in ("rates", "momentum", "memory", "epsilon")),
        *((name, _floats) for name in ("coupled", "decoupled", "most", "most_norm", "has_bias", "scale")),
        *((name, _integers) for name in ("output", "canonical", "backward", "least_kept", "seed")),
    )


class Epochs(ctypes.Structure):
    """`Epochs` of abi.hpp, field by field."""

    _fields_ = (
        ("count", c_int32),
        ("first_row", c_int64),
        ("last_row", c_int64),
        ("orders", _integers),
        ("keys", POINTER(c_uint64)),
        ("schedule", _floats),
    )


@dataclass(frozen=True)
class Backend:
    """The engine for one instruction set: its number, its name, and how many networks share a register."""

    index: int
    name: str
    lanes: int


@cache
def library() -> ctypes.CDLL | None:
    """The native engine, or None where it was not built."""
    for folder in importlib.import_module("unstuck.engine").__path__:
        path = Path(folder) / "native" / FILE
        if path.exists():
            try:
                return _declared(ctypes.CDLL(str(path)))
            except (OSError, AttributeError):  # built for another machine, or another version
                continue
    return None


def _declared(found: ctypes.CDLL) -> ctypes.CDLL | None:
    """The library with the types of its functions; None when its structs are not ours."""
    found.unstuck_backend.argtypes, found.unstuck_backend.restype = (c_int, POINTER(c_int)), c_char_p
    found.unstuck_train.argtypes = (POINTER(Population), POINTER(Epochs))
    found.unstuck_score.argtypes = (POINTER(Population), POINTER(c_double))
    return found if found.unstuck_layout() == ctypes.sizeof(Population) else None


@cache
def backends() -> tuple[Backend, ...]:
    """What the library can use on this machine, the fastest first; empty without the library."""
    found: list[Backend] = []
    lanes, native = c_int(), library()
    while native is not None and (name := native.unstuck_backend(len(found), lanes)) is not None:
        found.append(Backend(len(found), name.decode(), lanes.value))
    return tuple(found)
