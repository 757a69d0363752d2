"""Right programs whose gradients serve more than the one loss that shows: never "wrong".

Several losses on a shared trunk, penalties on hidden values, branches held constant, two players, steps made otherwise
of a right gradient.  Each was checked by finite differences of what it means to descend when it was written.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import changed, judged

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts" / "purposes").glob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_other_purposes_are_not_called_wrong(path: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(path.read_text())
    trace = judged(program)
    assert trace.status in ("exact", "scaled", "cannot-tell")
    assert trace.parameters


def test_a_table_whose_moves_are_no_gradient_is_not_part_of_a_right_network(tmp_path: Path) -> None:
    """Where its neighbour was moved before it, nothing is proven of the table, and the network is not called right."""
    text = (SCRIPTS[0].parent / "cofactors.py").read_text()
    trace = judged(changed(tmp_path / "program.py", text, (".dot(before)", ".dot(left)")))
    told = {gradient.parameter: gradient for gradient in trace.gradients}
    assert trace.status == "cannot-tell"
    assert "it changes in every step" in told["right"].reason
