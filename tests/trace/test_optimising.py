"""What an optimiser makes of a right gradient: known rules are exact, unusual ones are let be, slips are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optimiser_rules
import pytest
from judged import judged, wrong
from optimiser_rules import LOOK_AHEAD, PHASES, RIGHT, UNTOLD, WRONG, program
from update_pairs import MARK

from unstuck.trace.optimising.family import known


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a program is written."""
    return tmp_path / "program.py"


@pytest.mark.parametrize("name", RIGHT)
def test_right_rules_raise_nothing(name: str, path: Path) -> None:
    """What the project knows is exact; what is merely unusual is never called wrong."""
    rule, says = RIGHT[name]
    path.write_text(program(rule))
    trace = judged(path)
    assert trace.status in says
    assert wrong(trace) == []


@pytest.mark.parametrize("text", [LOOK_AHEAD, PHASES], ids=["look ahead", "phases"])
def test_other_right_programs_are_exact(text: str, path: Path) -> None:
    """The right twins of a look ahead, and of a second phase, are exact."""
    path.write_text(text)
    assert judged(path).status in optimiser_rules.KNOWN


@pytest.mark.parametrize("name", WRONG)
def test_slips_are_found_at_their_line(name: str, path: Path) -> None:
    """A slip in an optimiser is never called right, and where one alteration mends it, its line is named."""
    text = WRONG[name].text
    path.write_text(text)
    trace = judged(path)
    if not WRONG[name].told:
        assert trace.status in ("wrong", "cannot-tell")
        return
    told = [gradient.explanation for gradient in wrong(trace) if gradient.explanation is not None]
    lines = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith(MARK)}
    assert {place.line for each in told for place in (each.span, *each.uses)} & lines


@pytest.mark.parametrize("name", UNTOLD)
def test_what_hardly_follows_the_gradient_is_not_called_right(name: str, path: Path) -> None:
    """A step that its gradient hardly moves, or a layer that is not trained, is "cannot tell"."""
    path.write_text(UNTOLD[name])
    trace = judged(path)
    assert trace.status == "cannot-tell"
    assert wrong(trace) == []


def test_a_mean_over_batches_of_other_sizes_is_scaled(path: Path) -> None:
    """A bias whose gradient is averaged, beside summed ones, is scaled, although the last batch is smaller."""
    text = program("value -= rate * slope").replace(
        "X[step % 3::3], T[step % 3::3]", "X[step % 7::7], T[step % 7::7]"
    )
    path.write_text(text.replace("d1.sum(0)", "d1.mean(0)"))
    trace = judged(path)
    assert trace.status == "scaled"
    assert wrong(trace) == []


def test_a_family_tells_its_members_apart() -> None:
    """Steps along one direction, at any rates, have its title; a sum of two directions has none."""
    rng = np.random.default_rng(1)
    gradients = [*rng.normal(size=(6, 20))]
    family = known(gradients, [0.9, 0.99], 0)
    rates = rng.uniform(0.1, 1.0, 6)
    assert family.title([-r * g for r, g in zip(rates, gradients, strict=True)]) == "the gradient"
    means = np.zeros(20)
    steps = []
    for rate, gradient in zip(rates, gradients, strict=True):
        means = 0.99 * means + 0.01 * gradient**2
        steps.append(-rate * gradient / np.sqrt(means))
    assert family.title(steps) == "the gradient over the root of mean squares 0.99"
    assert family.title([step - gradient for step, gradient in zip(steps, gradients, strict=True)]) == ""
    assert family.title([-step for step in steps]) == ""
