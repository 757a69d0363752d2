"""Networks of single floats: no number proves anything alone, but those that go together do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from judged import changed, judged, wrong

from unstuck.facts import Span
from unstuck.trace.judging.matching import Match
from unstuck.trace.judging.numbers import Number
from unstuck.trace.judging.together import Group, together

NETWORK = """
import math
import random
random.seed(4)
inner = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(3)]
outer = [random.uniform(-1, 1) for _ in range(4)]
rows = [(random.uniform(-2, 2), random.uniform(-2, 2)) for _ in range(40)]
rows = [(a, b, 0.9 if a * b > 0 else 0.1) for a, b in rows]
rate = 0.2
moved = [[0.0] * 3 for _ in range(3)]
for step in range(80):
    a, b, wanted = rows[step % len(rows)]
    h = [math.tanh(w[0] * a + w[1] * b + w[2]) for w in inner]
    p = 1.0 / (1.0 + math.exp(-(outer[0] * h[0] + outer[1] * h[1] + outer[2] * h[2] + outer[3])))
    d = p - wanted
    e = [d * outer[j] * (1.0 - h[j] ** 2) for j in range(3)]
    for j in range(3):
        outer[j] -= rate * d * h[j]
    outer[3] -= rate * d
    for j in range(3):
        for i, x in enumerate((a, b, 1.0)):
            g = e[j] * x
            inner[j][i] -= rate * g
"""
STEP = "            inner[j][i] -= rate * g\n"
RIGHT = {
    "one rate": (),
    "half the rate for one layer": ((STEP, "            inner[j][i] -= 0.5 * rate * g\n"),),
    "momentum": (
        (
            STEP,
            "            moved[j][i] = 0.9 * moved[j][i] - rate * g\n            inner[j][i] += moved[j][i]\n",
        ),
    ),
    "Adagrad": (
        (
            STEP,
            "            moved[j][i] += g ** 2\n"
            "            inner[j][i] -= rate * g / (math.sqrt(moved[j][i]) + 1e-8)\n",
        ),
    ),
    "clipping": ((STEP, "            inner[j][i] -= rate * max(-0.05, min(0.05, g))\n"),),
    "weight decay": ((STEP, "            inner[j][i] -= rate * (g + 0.01 * inner[j][i])\n"),),
    "a schedule": ((STEP, "            inner[j][i] -= rate / (1 + 0.1 * step) * g\n"),),
    "a schedule for both": (("rate * ", "rate / (1 + 0.1 * step) * "),),
    "squared error": (("    d = p - wanted\n", "    d = (p - wanted) * p * (1 - p)\n"),),
}
WRONG = {
    "a power forgotten": (("h[j] ** 2", "h[j]"), "activation-derivative"),
    "no derivative": ((" * (1.0 - h[j] ** 2)", ""), "activation-derivative-one"),
    "another unit's derivative": (("1.0 - h[j] ** 2", "1.0 - h[0] ** 2"), ""),
    "one layer climbs": ((STEP, STEP.replace("-=", "+=")), "sign"),
    "a sum for a product": (("g = e[j] * x", "g = e[j] + x"), ""),
}


def _program(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    return changed(tmp_path / "numbers.py", NETWORK, *changes)


@pytest.mark.parametrize("name", RIGHT)
def test_right_numbers_are_never_called_wrong(tmp_path: Path, name: str) -> None:
    """However a right network of floats takes its steps, nothing of it is accused."""
    trace = judged(_program(tmp_path, *RIGHT[name]))
    assert not wrong(trace)
    if name != "clipping":  # what is cut keeps no factor
        assert trace.status in ("exact", "scaled")


@pytest.mark.parametrize("name", WRONG)
def test_wrong_numbers_are_found_beside_right_ones(tmp_path: Path, name: str) -> None:
    """The numbers of the layer with the fault are wrong, those of the other are exact."""
    change, kind = WRONG[name]
    trace = judged(_program(tmp_path, change))
    told = {gradient.parameter for gradient in wrong(trace)}
    assert told
    assert all(name.startswith("inner") for name in told)
    assert {g.status for g in trace.gradients if g.parameter.startswith("outer")} == {"exact"}
    assert all(kind in (g.explanation.kind if g.explanation else "") for g in wrong(trace))


# ----- By themselves ------------------------------------------------------------------------------------


def _numbers(scales: dict[str, list[float]]) -> dict[str, dict[int, Match]]:
    one = np.ones(())
    return {
        name: {step: Match(scale, 0.0, 1.0, 1.0, False, one, one) for step, scale in enumerate(row)}
        for name, row in scales.items()
    }


def _sites(**lines: int) -> dict[int, dict[str, Number]]:
    numbers = {name: Number(Span("a.py", line, 1, line, 9), 1.0) for name, line in lines.items()}
    return dict.fromkeys(range(3), numbers)


def test_the_numbers_that_rise_and_fall_together_are_believed() -> None:
    """A factor of its own is none of a number's faults; a factor that goes its own way is."""
    rates = [1.0, 0.5, 0.25]
    numbers = _numbers({"a": rates, "b": rates, "c": [2 * rate for rate in rates], "d": [1.0, 2.0, 3.0]})
    found, groups = together(numbers, _sites(a=1, b=1, c=2, d=2))
    assert groups == {"a": Group(4, 3), "b": Group(4, 3), "c": Group(4, 3), "d": Group(4, 0)}
    assert all(match.residual == 0 for name in "abc" for match in found[name].values())
    assert all(match.residual > 0.1 for match in found["d"].values())


def test_a_steady_set_is_believed_before_a_larger_one() -> None:
    """Three weights behind one wrong error share its factor; three whose factor never changes are the right ones."""
    one, other = [1.0, 1.0, 1.0], [1.0, 0.3, 0.7]
    numbers = _numbers({"a": one, "b": one, "c": one, "d": other, "e": other, "f": other, "g": other})
    _, groups = together(numbers, _sites(**dict.fromkeys("abcdefg", 1)))
    assert {name for name, group in groups.items() if group.agreeing} == {"a", "b", "c"}


def test_two_numbers_prove_nothing() -> None:
    """Of two numbers nobody knows which of them is right."""
    numbers = _numbers({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]})
    assert together(numbers, _sites(a=1, b=1)) == (numbers, {})


def test_in_a_single_step_one_statement_has_one_factor() -> None:
    """Within one step the numbers of one statement must agree; those of another may have another rate."""
    numbers = _numbers({"a": [1.0], "b": [1.0], "c": [1.0], "d": [0.5], "e": [0.5], "f": [0.7]})
    _, groups = together(numbers, _sites(a=1, b=1, c=1, d=2, e=2, f=2))
    assert {name for name, group in groups.items() if group.agreeing} == {"a", "b", "c", "d", "e"}
