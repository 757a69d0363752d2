"""A Trace survives the way to disk and back."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unstuck.facts import (
    Data,
    Edit,
    Gradient,
    Init,
    Loss,
    Outcome,
    Parameter,
    Recipe,
    Source,
    Span,
    Trace,
    Witness,
)
from unstuck.problems import Problem
from unstuck.trace.job import Job, from_json, to_json
from unstuck.trace.store import load, save

SPAN = Span("s.py", 1, 2, 3, 4)


def trace(array: np.ndarray[Any, Any], number: float = 0.5) -> Trace:
    """A trace that fills every kind of field."""
    witness = Witness((0, 1), number, 2.0, None)
    gradient = Gradient("W", SPAN, "wrong", 0.9, 0.5, number, 12, array, array, witness)
    recipe = Recipe((2, 3, 1), init=(Init("uniform", -0.1, 0.1),), layer_rates=(1.0, 0.5))
    return Trace(
        sources=(Source("s.py", "x = 1\n# naïve ☃\n"),),
        argv=("a", "--b"),
        framework="numpy",
        status="wrong",
        reason="",
        parameters=(Parameter("W", "weight", SPAN, array),),
        steps=12,
        loss=Loss("squared", "half the squared error", SPAN),
        gradients=(gradient,),
        recipe=recipe,
        recipe_spans={"rate": SPAN},
        data=Data(array, array, array, array, 4),
        curve=((1.0, 0.5), (2.0, number)),
        printed={"Test-Acc": number, "__array__": 3.0},
        outcome=Outcome(0, True, 1.5, ("last line",)),
        notes=("a note",),
    )


def same(one: Any, other: Any) -> bool:
    """Equal in type, dtype, shape and value, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if is_dataclass(one):
        return all(same(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))
    return bool(one == other)


SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
DTYPES = st.sampled_from([np.dtype(name) for name in ("f8", "f4", "i8", "u1", "?", "<U3")])


@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)), st.floats())
def test_load_inverts_save(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray[Any, Any], number: float
) -> None:
    """Every field comes back with its type, shape and exact value."""
    folder = tmp_path_factory.mktemp("store")
    save(trace(array, number), folder)
    assert same(load(folder), trace(array, number))


def test_saving_again_replaces_the_old_trace(tmp_path: Path) -> None:
    """A folder holds one trace, and no file of the one before."""
    for steps in (1, 2):
        save(replace(trace(np.ones(3)), steps=steps), tmp_path / "deep" / "er")
    assert load(tmp_path / "deep" / "er").steps == 2
    assert len(list((tmp_path / "deep" / "er").iterdir())) == 2


def test_a_failed_save_leaves_the_old_trace(tmp_path: Path) -> None:
    """What cannot be stored raises TypeError and the trace before it stays readable."""
    save(trace(np.ones(3)), tmp_path)
    with pytest.raises(TypeError):
        save(trace(np.array([object()])), tmp_path)
    assert load(tmp_path).steps == 12


@pytest.mark.parametrize(
    "damage", ["{", "{}", '{"schema": 99}', '{"schema": 1, "arrays": "no.npz", "trace": {}}']
)
def test_damage_is_a_problem(tmp_path: Path, damage: str) -> None:
    """A damaged recording is reported as such, a missing one as missing."""
    with pytest.raises(FileNotFoundError):
        load(tmp_path)
    (tmp_path / "trace.json").write_text(damage)
    with pytest.raises(Problem):
        load(tmp_path)


def test_jobs_travel_as_text() -> None:
    """A job equals what its JSON form is read back as."""
    job = Job("s.py", ("a",), seed=3, edits=(Edit(SPAN, ">"),), purpose="verify", run_seconds=1.5)
    assert from_json(to_json(job)) == job
