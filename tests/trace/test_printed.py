"""Numbers are read out of the ways in which scripts report."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstuck.trace.running.printed import labelled_numbers, parse


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        (
            "I:0 Test-Err:0.470 Test-Acc:0.812 Train-Err:0.704",
            {"I": 0, "Test-Err": 0.47, "Test-Acc": 0.812, "Train-Err": 0.704},
        ),
        ("Epoch 3, loss = 0.52, accuracy: 81.2%", {"Epoch": 3, "loss": 0.52, "accuracy": 0.812}),
        ("epoch 10 | train acc 0.91", {"epoch": 10, "train acc": 0.91}),
        ("Epoch 3/100 - loss: 1.5e-3 - val_loss: .25", {"Epoch": 3, "loss": 0.0015, "val_loss": 0.25}),
        ("Accuracy: 812/1000", {"Accuracy": 0.812}),
        ("[epoch 7] mean error -2.5", {"epoch": 7, "mean error": -2.5}),
        ("loss: nan", {"loss": math.nan}),
        ("Test accuracy is 93.4 %.", {"Test accuracy": 0.934}),
        ("iteration 1,000: cost 12.5", {"iteration": 1000, "cost": 12.5}),
        ("top-5 acc@5: 0.8", {"top-5 acc@5": 0.8}),
        ("took 12ms, 3.5s", {}),
        ("[[0.1 0.2]\n [0.3 0.4]]", {}),
        ("done, final loss 0.25.", {"final loss": 0.25}),
        ("", {}),
    ],
)
def test_reports_are_read(line: str, numbers: dict[str, float]) -> None:
    """Each usual way to print a report gives the labels and numbers that a person reads in it."""
    assert labelled_numbers(line) == pytest.approx(numbers, nan_ok=True)


LABELS = st.text(string.ascii_letters, min_size=1, max_size=12).filter(
    lambda word: word.lower() not in ("nan", "inf", "is", "of", "was")
)
STYLES = st.sampled_from(["{}:{} ", "{} = {}, ", "{}: {} | ", "{} {} - ", "{}={}\t"])


@given(
    st.dictionaries(LABELS, st.floats(allow_infinity=False, allow_nan=False), min_size=1, max_size=6), STYLES
)
def test_every_printed_number_comes_back(numbers: dict[str, float], style: str) -> None:
    """Whatever floats are printed in whatever usual style, they are read back exactly, in order."""
    line = "".join(style.format(label, value) for label, value in numbers.items())
    assert list(labelled_numbers(line).items()) == list(numbers.items())


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    """No output makes the reader fail, and what it finds are labelled floats."""
    found = labelled_numbers(text)
    assert all(label.strip() and isinstance(value, float) for label, value in found.items())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.booleans())
def test_the_last_report_and_the_series(values: list[float], multiline: bool) -> None:
    """The last report may take one line or several; the series hold every value in order."""
    separator = "\n" if multiline else " "
    text = "\n".join(f"epoch {i}{separator}acc: {value}" for i, value in enumerate(values))
    printed = parse(text.split("\n"))
    assert printed.last == {"epoch": len(values) - 1, "acc": values[-1]}
    assert printed.series["acc"] == tuple(values)
