"""The example programs run under plain python, print what they promise and are right or wrong as said."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from probes import Probe, judge

EXAMPLES = Path(__file__).parent.parent / "examples"
LINE = re.compile(r"I:(\d+) Test-Err:(\d\.\d+) Test-Acc:(\d\.\d+) Train-Err:(\d\.\d+) Train-Acc:(\d\.\d+)\n")
SQUARED = "0.5 * np.sum((target - layer_2) ** 2)"


def first_lines(name: str, count: int, *arguments: str) -> list[str]:
    """The first lines that an example prints; it is stopped after them."""
    command = [sys.executable, "-u", str(EXAMPLES / name), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = list(islice(process.stdout, count))
        process.kill()
    return lines


def accuracies(lines: list[str]) -> list[float]:
    """The test accuracies of per-epoch lines, all of which must have the promised form."""
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(matches)
    return [float(match[3]) for match in matches if match]


def test_stuck_is_about_080_from_the_start() -> None:
    """The stuck network prints one line per epoch and its test accuracy is near 0.8 in the first epochs."""
    assert np.mean(accuracies(first_lines("stuck.py", 4))) == pytest.approx(0.8, abs=0.07)


def test_fixed_is_better_within_a_few_epochs() -> None:
    """The repaired network passes 0.85 within a few epochs, where the stuck one never is."""
    assert accuracies(first_lines("fixed.py", 6))[-1] > 0.85


def test_origin_stays_far_from_the_separable_truth() -> None:
    """Without a bias the two separable clouds are never told apart well."""
    lines = first_lines("origin.py", 40)
    assert len(lines) == 40
    assert max(float(line.split()[-1]) for line in lines) < 0.75


def test_digits_takes_the_bundled_images() -> None:
    """Without an argument, digits.py trains on the images that come with scikit-learn."""
    assert accuracies(first_lines("digits.py", 1))[0] > 0.4


@pytest.mark.parametrize(("name", "ending"), [("train", ""), ("t10k", ".gz")])
def test_digits_reads_idx_files(name: str, ending: str, tmp_path: Path) -> None:
    """digits.py reads idx files of either name, plain or gzipped."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images * 15).astype(np.uint8).reshape(-1, 8, 8)
    for kind, array in (("images-idx3", pixels), ("labels-idx1", labels.astype(np.uint8))):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        content = header + array.tobytes()
        path = tmp_path / f"{name}-{kind}-ubyte{ending}"
        path.write_bytes(gzip.compress(content) if ending else content)
    assert accuracies(first_lines("digits.py", 1, str(tmp_path)))[0] > 0.4


def test_digits_says_what_it_misses(tmp_path: Path) -> None:
    """A folder without images ends with an exit code and a sentence."""
    command = [sys.executable, str(EXAMPLES / "digits.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"no MNIST idx files in {tmp_path}\n")


def test_stuck_has_one_wrong_gradient() -> None:
    """Finite differences: the output weights' gradient is exact, that of the hidden weights is wrong."""
    verdicts = judge(EXAMPLES / "stuck.py", Probe("weights_0_1 weights_1_2", SQUARED, "alpha"))
    assert verdicts["weights_0_1"].wrong
    assert verdicts["weights_1_2"].residual < 1e-6


def test_fixed_has_right_gradients() -> None:
    """Finite differences: every gradient of the repaired network is exact."""
    names = "weights_0_1 weights_1_2 bias_1 bias_2"
    verdicts = judge(EXAMPLES / "fixed.py", Probe(names, "-np.sum(target * np.log(layer_2))", "alpha"))
    assert max(verdict.residual for verdict in verdicts.values()) < 1e-6


def test_origin_has_right_gradients() -> None:
    """Finite differences: what origin.py lacks is a bias, not a derivative."""
    verdicts = judge(
        EXAMPLES / "origin.py", Probe("weights_1 weights_2", "-np.sum(y * np.log(output)) / len(x)", "alpha")
    )
    assert max(verdict.residual for verdict in verdicts.values()) < 1e-6
