"""Right programs are judged right, however they are written; a single mutation is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from judged import judged, wrong
from mlp_programs import FORWARD, MUTATIONS, OUTPUTS, Program
from unusual_programs import PROGRAMS

from unstuck.trace.judging.matching import match

# A bias before a normalisation has no gradient, so nothing can be said about it.
SILENT = {"bias before a normalisation": {"b1"}}
QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
programs = st.builds(
    Program,
    layers=st.lists(st.sampled_from([3, 4, 6]), min_size=1, max_size=3).map(tuple),
    activation=st.sampled_from(sorted(FORWARD)),
    output=st.sampled_from(OUTPUTS),
    bias=st.booleans(),
    batch=st.sampled_from([0, 1, 8, 16]),
    style=st.sampled_from(["in-place", "rebind", "loop", "momentum"]),
    mean=st.booleans(),
    dropout=st.booleans(),
    decay=st.booleans(),
    seed=st.integers(0, 10**6),
)


def written(program: Program, folder: Path) -> Path:
    """The program as a file."""
    path = folder / "program.py"
    path.write_text(program.text())
    return path


@pytest.mark.parametrize("name", PROGRAMS)
def test_unusual_but_right_program_is_judged_right(name: str, tmp_path: Path) -> None:
    """Clipping, decay, ascent, kinks, normalisation and the like are never called wrong."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAMS[name])
    trace = judged(path)
    assert trace.status == "exact"
    assert {g.parameter for g in trace.gradients if g.status != "exact"} == SILENT.get(name, set())


@QUICK
@given(program=programs)
def test_random_network_is_exact(program: Program, tmp_path: Path) -> None:
    """A random network with a right backward pass is exact, whatever its depth, functions and style."""
    trace = judged(written(program, tmp_path))
    assert trace.status == "exact"
    assert len(trace.parameters) == (len(program.layers) + 1) * (1 + program.bias)


@QUICK
@given(program=programs, mutation=st.sampled_from(MUTATIONS[1:]), layer=st.integers(0, 2))
def test_mutated_network_is_wrong(program: Program, mutation: str, layer: int, tmp_path: Path) -> None:
    """One mutation of the backward pass or of an update is found, explained, and placed inside the loop."""
    mutated = program.mutated(mutation, 1 + layer % len(program.layers))
    assume(mutated.differs())
    trace = judged(written(mutated, tmp_path))
    assert trace.status == "wrong"
    assert all(gradient.explanation is not None for gradient in wrong(trace))


def test_numbers_that_end_are_no_verdict(tmp_path: Path) -> None:
    """A program that overflows at once cannot be judged, and the reason names the line where it began."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAMS["falling rate"].replace("x @ W1 + b1", "np.sqrt(x @ W1 - 9 + b1)"))
    trace = judged(path)
    assert trace.status == "cannot-tell"
    assert {g.status for g in trace.gradients} == {"cannot-tell"}
    assert "beginning at line 18 (sqrt)" in trace.gradients[0].reason


@given(scale=st.floats(1e-6, 1e6), size=st.floats(-140, 140))
def test_match_measures_the_factor(scale: float, size: float) -> None:
    """The best factor of an exact multiple is found at any magnitude, with nothing left over."""
    true = np.array([[1.0, -2.0], [0.5, 4.0]]) * 10.0**size
    found = match(scale * true, true)
    assert found.vacuous or (found.scale == pytest.approx(scale) and found.residual < 1e-12)


def test_match_does_not_accept_the_opposite() -> None:
    """The negative of a gradient leaves everything over, and is recognised as its mirror image."""
    true = np.array([1.0, -2.0, 3.0])
    found = match(-2 * true, true)
    assert (found.residual, found.mirrored, found.scale) == (1.0, 0.0, pytest.approx(-2.0))


def test_noise_says_nothing() -> None:
    """A gradient that rounding alone can explain is no evidence, however different it looks."""
    assert match(np.array([1e-17, -3e-17]), np.array([2e-17, 1e-17]), floor=1e-15).vacuous
    assert not match(np.array([1e-3, -3e-3]), np.array([2e-17, 1e-17]), floor=1e-15).vacuous
