"""Parameters that a step moves now and then: rows of an embedding, numbers of a recommender, neurons as objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judged import judged

from unstuck.facts import Span
from unstuck.trace.judging.matching import Match, match
from unstuck.trace.judging.numbers import Number
from unstuck.trace.judging.together import together

RIGHT = Path(__file__).parents[1] / "scripts" / "purposes"
FAULTS = [
    ("matrix_factor_pure", "e * qik - reg * puk", "e * puk - reg * puk", "P[", 38),
    ("matrix_factor_pure", "bi[i] += lr * (e - reg", "bi[i] -= lr * (e - reg", "bi", 35),
    ("bpr_shop", "s * (hi - hj)", "s * (hi + hj)", "U", 33),
    ("bpr_shop", "-s * wu", "s * wu", "I", 35),
    ("neuron_objects", "back * nrn.output * (1 - nrn.output)", "back * nrn.output", "self.weights", 46),
    ("neuron_objects", "+= rate * self.delta * x", "+= rate * self.delta", "self.weights", 26),
    ("dqn_grid", "dh[self.h <= 0] = 0", "dh[dh <= 0] = 0", "q.params[0]", 39),
    ("poisson_claims", "dh[hidden <= 0] = 0", "pass", "theta['A']", 24),
]


@pytest.mark.parametrize(("script", "old", "new", "parameter", "line"), FAULTS)
def test_fault_is_told(script: str, old: str, new: str, parameter: str, line: int, tmp_path: Path) -> None:
    text = (RIGHT / f"{script}.py").read_text()
    assert text.count(old) == 1
    program = tmp_path / "program.py"
    program.write_text(text.replace(old, new))
    wrong = [gradient for gradient in judged(program).gradients if gradient.status == "wrong"]
    assert any(gradient.parameter.startswith(parameter) for gradient in wrong)
    places = [gradient.span for gradient in wrong]
    places += [g.explanation.span for g in wrong if g.explanation is not None]
    assert any(abs(place.line - line) <= 1 for place in places)


def _moved(factors: dict[int, float]) -> dict[int, Match]:
    """The matches of a number that these factors of its gradient move, by step."""
    return {step: match(np.array(factor * step), np.array(float(step))) for step, factor in factors.items()}


@pytest.mark.parametrize(("rates", "residual"), [((0.1, 0.1, 0.1, 0.1), 0.0), ((0.1, 0.2, 0.3, 0.4), None)])
def test_numbers_that_share_no_step_are_not_compared(
    rates: tuple[float, ...], residual: float | None
) -> None:
    steps = dict(enumerate(rates, 1))
    tables = {name: _moved(steps) for name in ("a", "b", "c")}
    tables["d"] = _moved({step: 0.1 * step for step in (11, 12)} if residual is None else {11: 0.1, 12: 0.1})
    numbers = {
        step: {name: Number(Span("p.py", 1, 1, 1, 9), 1.0) for name in tables if step in tables[name]}
        for step in (1, 2, 3, 4, 11, 12)
    }
    found, groups = together(tables, numbers)
    assert groups["a"].agreeing >= 3
    if residual is None:  # the rate changes, and no step tells what it was for d
        assert all(each.vacuous for each in found["d"].values())
    else:
        assert [each.residual for each in found["d"].values()] == pytest.approx([residual] * 2)
