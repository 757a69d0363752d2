"""Nouns to plain JSON and back."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unstuck.codec import decode, encode
from unstuck.facts import Estimate, Recipe, Span

NAMES = st.one_of(st.text(max_size=8), st.just("__type__"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ARRAYS = hnp.arrays(
    st.sampled_from(["f8", "f4", "i8", "u1", "?", "<U3"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


def through_text(value: Any) -> Any:
    """Encoded, written as JSON, read and decoded."""
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


@given(VALUES)
def test_plain_values_come_back(value: Any) -> None:
    """Nested tuples, mappings with any keys, texts and numbers come back equal."""
    assert through_text(value) == value


@given(ARRAYS)
def test_arrays_come_back(array: np.ndarray[Any, Any]) -> None:
    """Arrays come back with the same dtype, shape and elements, NaN and infinities included."""
    back = through_text(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


def test_nouns_come_back() -> None:
    """Dataclasses come back as themselves, numpy numbers as numbers."""
    assert through_text(Recipe(layers=(2, 3), init=())) == Recipe(layers=(2, 3))
    assert through_text((Span("a", 1, 2, 3, 4),)) == (Span("a", 1, 2, 3, 4),)
    back = through_text(Estimate(np.float64(0.5), -math.inf, math.nan, np.int64(3)))  # type: ignore[arg-type]
    assert (back.mean, back.low, back.n) == (0.5, -math.inf, 3)
    assert math.isnan(back.high)


@pytest.mark.parametrize("value", [object(), {1: 2}, np.array([None]), np.array([1j]), {1, 2}])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    """Other objects are an error at once, not a surprise when the file is read."""
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    "stored", [{"__type__": "Nonsense"}, {"__type__": "Span"}, {"__type__": "float", "value": "big"}]
)
def test_foreign_text_is_refused(stored: Any) -> None:
    """Text that does not fit the nouns raises ValueError."""
    with pytest.raises(ValueError, match="not a stored"):
        decode(stored)
