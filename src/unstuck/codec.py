"""Frozen dataclasses to plain JSON and back, without loss.

The nouns of `unstuck.facts` travel between processes, runs and machines as text that any JSON reader can
parse.  A dataclass becomes an object with its name under `__type__`; an array becomes nested lists with its
dtype and shape; a tuple becomes a list (the nouns hold no lists); NaN and the infinities become strings where
the reader knows what to expect, because JSON has no such numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from unstuck import facts

TYPES: Mapping[str, type] = {
    name: value for name, value in vars(facts).items() if isinstance(value, type) and is_dataclass(value)
}
_TAG = "__type__"
_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value: Any) -> Any:
    """Plain JSON values (dict, list, str, int, float, bool, None) that `decode` turns back into `value`.

    Raises TypeError for what the nouns cannot hold: other classes, arrays of objects or complex numbers.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_TAG: "float", "value": _spell(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, np.generic):
        return encode(value.item())
    if is_dataclass(value) and type(value).__name__ in TYPES:
        members = {item.name: encode(getattr(value, item.name)) for item in fields(value)}
        return {_TAG: type(value).__name__, **members}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        if _TAG in value:  # a label of the user's own; keep it apart from ours
            return {_TAG: "mapping", "items": [[key, encode(item)] for key, item in value.items()]}
        return {key: encode(item) for key, item in value.items()}
    raise TypeError(f"cannot be stored as JSON: {type(value).__name__}")


def decode(value: Any) -> Any:
    """The value that `encode` turned into `value`.

    Raises ValueError when the text does not fit the nouns of this version (a damaged or older file).
    """
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    tag = value.get(_TAG)
    try:
        if tag is None:
            return {key: decode(item) for key, item in value.items()}
        if tag == "float":
            return _ODD[value["value"]]
        if tag == "array":
            return _decode_array(value)
        if tag == "mapping":
            return {key: decode(item) for key, item in value["items"]}
        members = {key: decode(item) for key, item in value.items() if key != _TAG}
        return TYPES[tag](**members)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a stored {tag or 'value'}: {error}") from error


def _spell(value: float) -> str:
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def _encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    if array.dtype.kind not in "biufU" or (array.dtype.itemsize > 8 and array.dtype.kind == "f"):
        raise TypeError(f"an array of {array.dtype} cannot be stored as JSON")
    numbers = array.ravel().tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        numbers = [number if math.isfinite(number) else _spell(number) for number in numbers]
    nested = _nest(numbers, array.shape)
    return {_TAG: "array", "dtype": array.dtype.str, "shape": list(array.shape), "values": nested}


def _nest(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """A flat sequence as nested lists of this shape."""
    if not shape:
        return numbers[0]
    size = len(numbers) // shape[0] if shape[0] else 0
    return [_nest(numbers[row * size : (row + 1) * size], shape[1:]) for row in range(shape[0])]


def _decode_array(value: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    array = np.array(value["values"], dtype=np.dtype(value["dtype"]))
    return array.reshape(value["shape"])
