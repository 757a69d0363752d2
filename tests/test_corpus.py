"""The corpus of hand-written networks is what it claims to be, by finite differences and by running it."""

from __future__ import annotations

import difflib
import json
import math
import multiprocessing
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from probes import PROBES, SCRIPTS, Examination, examine

RIGHT, WRONG, BAD = SCRIPTS / "right", SCRIPTS / "wrong", SCRIPTS / "bad"
FAULTS = json.loads((SCRIPTS / "faults.json").read_text())
Results = dict[Path, Future[Examination]]


def right_script(stem: str) -> Path:
    """The program to run for a name in PROBES."""
    return RIGHT / stem / "main.py" if (RIGHT / stem).is_dir() else RIGHT / f"{stem}.py"


def differenced(fault: dict[str, Any]) -> bool:
    """Whether finite differences show the fault; otherwise `verified_by` is an expression that is true."""
    return bool(fault["verified_by"] == "finite differences")


@pytest.fixture(scope="module")
def examined() -> Iterator[Results]:
    """Every right and wrong script, examined in two processes that import NumPy and scikit-learn once."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        results = {
            right_script(stem): pool.submit(examine, right_script(stem), PROBES[stem]) for stem in PROBES
        }
        for fault in FAULTS:
            evidence = ("True", True) if differenced(fault) else (fault["verified_by"], False)
            script = WRONG / fault["script"]
            results[script] = pool.submit(examine, script, PROBES[fault["origin"]], *evidence)
        yield results


@pytest.mark.parametrize("stem", PROBES)
def test_right_script_descends_its_loss(stem: str, examined: Results) -> None:
    """A right script's every update is minus one common rate times the finite-difference gradient."""
    verdicts = examined[right_script(stem)].result().verdicts
    assert max(verdict.residual for verdict in verdicts.values()) < 1e-6
    assert all(abs(verdict.factor - 1) < 1e-6 for verdict in verdicts.values())


@pytest.mark.parametrize("stem", PROBES)
def test_right_script_learns(stem: str, examined: Results) -> None:
    """A right script exits with 0 and ends with a high accuracy or a low loss."""
    result = examined[right_script(stem)].result()
    name, number = re.findall(r"(\w+):? ([\d.]+)", result.output.splitlines()[-1])[0]
    assert result.code == 0
    assert float(number) >= 0.8 if name.lower() == "accuracy" else float(number) <= 0.1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["script"])
def test_wrong_script_is_wrong_where_the_table_says(fault: dict[str, Any], examined: Results) -> None:
    """A faulty copy runs, and exactly the parameters named in the table get a wrong or a scaled gradient."""
    result = examined[WRONG / fault["script"]].result()
    assert (result.code, result.holds) == (0, True)
    if differenced(fault):
        assert all(math.isfinite(verdict.residual) for verdict in result.verdicts.values())
        right = {name: verdict for name, verdict in result.verdicts.items() if not verdict.wrong}
        assert set(result.verdicts) - set(right) == set(fault["wrong"])
        assert {name for name, verdict in right.items() if abs(verdict.factor - 1) > 0.01} == set(
            fault["scaled"]
        )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["script"])
def test_wrong_script_differs_from_a_right_one_by_one_fault(fault: dict[str, Any]) -> None:
    """A faulty copy differs from the right script in one small place, the blamed line or its neighbour."""
    copy, origin = WRONG / fault["file"], right_script(fault["origin"])
    origin = origin.with_name(copy.name) if origin.name == "main.py" else origin
    before, after = origin.read_text().splitlines(), copy.read_text().splitlines()
    changes = [c for c in difflib.SequenceMatcher(a=before, b=after).get_opcodes() if c[0] != "equal"]
    assert sum(max(a2 - a1, b2 - b1) for _, a1, a2, b1, b2 in changes) <= 6
    assert any(b1 <= fault["line"] <= b2 + 1 for _, _, _, b1, b2 in changes)


def test_every_right_script_has_a_probe() -> None:
    """No script of the corpus is taken on trust."""
    stems = {path.stem for path in RIGHT.glob("*.py")} | {
        path.parent.name for path in RIGHT.glob("*/main.py")
    }
    assert stems == set(PROBES)


def test_every_wrong_script_is_in_the_table() -> None:
    """The table of faults lists every faulty script once."""
    scripts = [*WRONG.glob("*.py"), *WRONG.glob("*/main.py")]
    assert sorted(fault["script"] for fault in FAULTS) == sorted(
        s.relative_to(WRONG).as_posix() for s in scripts
    )


EXIT_CODES = {
    "binary_junk": 1,
    "complex_numbers": 0,
    "exits_3": 3,
    "missing_package": 1,
    "nan_data": 0,
    "no_training": 0,
    "not_a_network": 0,
    "one_class": 0,
    "prints_garbage": 0,
    "raises": 1,
    "reads_stdin": 0,
    "syntax_error": 1,
}


@pytest.mark.parametrize("stem", EXIT_CODES)
def test_bad_script_ends_as_it_should(stem: str) -> None:
    """Under plain python, a bad script ends with the exit code that its name promises."""
    done = subprocess.run([sys.executable, BAD / f"{stem}.py"], input=b"6\n\n", capture_output=True)
    assert done.returncode == EXIT_CODES[stem]


def test_endless_script_does_not_end() -> None:
    """The only bad script without an exit code is the one that never ends."""
    assert {path.stem for path in BAD.glob("*.py")} - set(EXIT_CODES) == {"endless"}
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, BAD / "endless.py"], timeout=2)


def test_a_script_runs_under_plain_python() -> None:
    """The program in several files finds its modules and ends with 0 when python itself runs it."""
    done = subprocess.run([sys.executable, RIGHT / "package" / "main.py"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
