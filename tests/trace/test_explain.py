"""Every fault of the corpus is found, named and placed; no right script raises anything."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from judged import judged, wrong

from unstuck.facts import Trace
from unstuck.trace.explaining.explain import KINDS

SCRIPTS = Path(__file__).parents[1] / "scripts"
FAULTS = json.loads((SCRIPTS / "faults.json").read_text())
Traces = dict[Path, Future[Trace]]

SCALES = [fault for fault in FAULTS if fault["kind"] == "constant-scale"]
WRONG = [fault for fault in FAULTS if fault["kind"] != "constant-scale"]
# The fault is in the optimiser: the gradients are right, and every parameter that it moves is called wrong.
OF_THE_OPTIMISER = {"adam_no_square.py": 4, "momentum_reset.py": 4}
# One statement per parameter is outside of the loop; the table names the first.
MORE_LINES = {"outside_the_loop.py": {35}}


@pytest.fixture(scope="module")
def traces() -> Iterator[Traces]:
    """Every faulty script, judged in two processes that import NumPy and scikit-learn once."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        scripts = [SCRIPTS / "wrong" / fault["script"] for fault in FAULTS]
        yield {script: pool.submit(judged, script) for script in scripts}


def of(fault: dict[str, Any], traces: Traces) -> Trace:
    """The trace of a faulty script."""
    return traces[SCRIPTS / "wrong" / fault["script"]].result()


@pytest.mark.parametrize("fault", WRONG, ids=lambda fault: fault["script"])
def test_fault_is_found(fault: dict[str, Any], traces: Traces) -> None:
    """Exactly the parameters that finite differences call wrong are called wrong."""
    trace = of(fault, traces)
    names = {gradient.parameter for gradient in wrong(trace)}
    assert trace.status == "wrong"
    if fault["script"] in OF_THE_OPTIMISER:
        assert len(names) == OF_THE_OPTIMISER[fault["script"]]
    else:
        assert names == set(fault["wrong"])


@pytest.mark.parametrize("fault", WRONG, ids=lambda fault: fault["script"])
def test_fault_is_named_and_placed(fault: dict[str, Any], traces: Traces) -> None:
    """Every wrong gradient gets the kind of the fault and the line of the table."""
    explanations = [gradient.explanation for gradient in wrong(of(fault, traces))]
    found = {e and (e.kind, Path(e.span.path).name, e.span.line) for e in explanations}
    lines = {fault["line"], *MORE_LINES.get(fault["script"], ())}
    assert found == {(fault["kind"], Path(fault["file"]).name, line) for line in lines}
    assert fault["kind"] in KINDS


@pytest.mark.parametrize("fault", SCALES, ids=lambda fault: fault["script"])
def test_constant_factor_is_no_fault(fault: dict[str, Any], traces: Traces) -> None:
    """A gradient that is right up to a constant factor is called scaled, and nothing is called wrong."""
    trace = of(fault, traces)
    assert trace.status == "scaled"
    assert {g.parameter for g in trace.gradients if g.status == "scaled"} == set(fault["scaled"])


def test_missing_mask_factor_is_the_reason_for_half_speed(traces: Traces) -> None:
    """The factor that the backward mask lacks is named as the reason for a scale of one half."""
    trace = of(next(fault for fault in SCALES if fault["script"] == "half_speed.py"), traces)
    scaled = next(gradient for gradient in trace.gradients if gradient.status == "scaled")
    assert scaled.scale == pytest.approx(0.5)
    assert scaled.scale_explanation is not None
    assert scaled.scale_explanation.kind == "dropout-mask-unscaled"


def test_equal_explanations_are_named_together(traces: Traces) -> None:
    """A leaky slope of 0.1 * 0.1 is told as a wrong slope and as a doubled derivative: numbers cannot decide."""
    fault = next(fault for fault in FAULTS if fault["script"] == "leaky_slope.py")
    texts = {g.explanation.text for g in wrong(of(fault, traces)) if g.explanation}
    assert len(texts) == 1
    assert "0.01 instead of 0.1" in (text := texts.pop())
    assert "applied twice" in text
