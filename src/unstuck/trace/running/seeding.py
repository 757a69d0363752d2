"""Make all randomness of a script depend on one number, so that a second, independent run is possible.

Global generators are seeded before the script starts; where the script itself fixes a seed k, it gets a seed
derived from k and our number instead.  Only calls from the user's own files are changed: scikit-learn also
builds a RandomState(k) inside, and its data sets and splits must stay the same.
"""

from __future__ import annotations

import functools
import itertools
import random
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from unstuck.trace.running.modules import from_unstuck

Owns = Callable[[str], bool]
_FUNCTIONS = ((np.random, "seed"), (np.random, "default_rng"), (random, "seed"))
_CLASSES = ((np.random, "RandomState"), (np.random, "PCG64"), (np.random, "MT19937"), (random, "Random"))
_SEEDS = (int, float, str, bytes, list, tuple, np.ndarray, np.generic, type(None))


def seed_everything(seed: int, owns: Owns) -> None:
    """Seed the global generators and divert the seeds that files with `owns(filename)` choose themselves.

    Changes the modules `random` and `numpy.random` for good; meant for a process that runs one script.
    """
    np.random.seed(_derived(0, seed))
    random.seed(_derived(0, seed))
    unnamed = itertools.count()

    def divert(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = [*args, *keywords.values()]
        if len(given) > 1 or not all(isinstance(item, _SEEDS) for item in given) or not _called_by(owns):
            return args, keywords  # such as a generator that the script hands on
        chosen = given[0] if given and given[0] is not None else f"unnamed {next(unnamed)}"
        return (_derived(chosen, seed),), {}

    for module, name in _FUNCTIONS:
        setattr(module, name, _function(getattr(module, name), divert))
    for module, name in _CLASSES:
        setattr(module, name, _stand_in(getattr(module, name), divert))


def _derived(chosen: object, seed: int) -> int:
    """A 32-bit seed that depends on the script's choice and on ours."""
    value = chosen.tolist() if isinstance(chosen, np.ndarray | np.generic) else chosen
    return zlib.crc32(f"{value!r} {seed}".encode())


def _called_by(owns: Owns) -> bool:
    """Does the nearest caller outside unstuck belong to the user?"""
    frame = sys._getframe(1)
    while frame.f_back is not None and from_unstuck(frame.f_code.co_filename):
        frame = frame.f_back
    return owns(frame.f_code.co_filename)


def _function(original: Callable[..., Any], divert: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def seeded(*args: Any, **keywords: Any) -> Any:
        args, keywords = divert(args, keywords)
        return original(*args, **keywords)

    return seeded


def _stand_in(original: type, divert: Callable[..., Any]) -> type:
    """A class that makes instances of `original` with a diverted seed and passes every test for it."""

    class Meta(type(original)):  # type: ignore[misc]
        def __call__(cls, *args: Any, **keywords: Any) -> Any:
            if cls is not stand_in:  # a subclass of the user's
                return super().__call__(*args, **keywords)
            args, keywords = divert(args, keywords)
            return original(*args, **keywords)

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, original) if cls is stand_in else super().__instancecheck__(value)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, original) if cls is stand_in else super().__subclasscheck__(other)

    stand_in = Meta(original.__name__, (original,), {"__module__": original.__module__})
    return stand_in
