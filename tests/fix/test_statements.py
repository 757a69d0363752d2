"""Edits of whole statements, of slopes and of indices give back the right program."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import span_of

from unstuck.facts import Edit, Source, Span
from unstuck.fix.apply import apply_edits
from unstuck.fix.candidates import candidates
from unstuck.fix.versions import Version, difference

NET = """\
import numpy as np

def slope(h):
    return 1 - h ** 2

def train(w, b, u, E, rows, x, y, mask, rate):
    for i in range(3):
        h = np.tanh(x[i] @ w + b) * mask
        d = h @ u - y[i]
        back = (d @ u.T) * h * (1 - h)
        dw = x[i].T @ back
        db = back.sum(axis=0)
        total = 0
        total += d.sum(0)
        u -= rate * h.T @ d
        w -= rate * dw
        b -= rate * db
        old = w.copy()
        np.subtract.at(E, rows, rate * back)
"""


def outcomes(text: str, blamed: str, kind: str, *unmoved: str) -> list[str]:
    """The trees of the texts that the candidates give, best first."""
    found = candidates(Source("net.py", text), [span_of(text, blamed)], kind, (), unmoved)
    return [ast.dump(ast.parse(apply_edits(text, item.edits))) for item in found]


@pytest.mark.parametrize(
    ("right", "wrong", "blamed", "kind"),
    [
        ("        w -= rate * dw\n", "", "db = back.sum(axis=0)", "parameter-never-updated"),
        ("w -= rate * dw", "dw -= rate * dw", "dw -= rate * dw", "parameter-never-updated"),
        ("total += d", "total = d", "total = d.sum(0)", "gradient-overwritten"),
        ("np.subtract.at(E, rows, rate * back)", "E[rows] -= rate * back", "rate * back", "duplicate-indices"),
        ("old = w.copy()", "old = w", "old = w", ""),
        ("h * (1 - h)", "(1 - h ** 2)", "(1 - h ** 2)", "activation-derivative-of-another"),
        ("* h * (1 - h)", "* h * (1 - h) * (1 - h)", "* (1 - h)\n", "activation-derivative-squared"),
        ("back.sum(axis=0)", "back.sum(axis=1)", "back.sum(axis=1)", "bias-axis"),
        ("back.sum(axis=0)", "back", "db = back", "bias-not-summed"),
        ("d.sum(0)", "d.sum(1)", "d.sum(1)", "bias-axis"),
        ("y[i]", "y[i + 1]", "y[i + 1]", "wrong-layer-input"),
        ("        d = h", "        h = 0 * h\n        d = h", "h = 0 * h", "optimiser"),
        ("(d @ u.T)", "(d * u.T)", "d * u.T", ""),
    ],
)  # fmt: skip
def test_the_right_program_comes_early(right: str, wrong: str, blamed: str, kind: str) -> None:
    """One candidate gives back the right program, among the first forty where the fault has a name."""
    text = NET.replace(right, wrong)
    blamed = blamed.rstrip("\n") if text.count(blamed.rstrip("\n")) == 1 else "(1 - h) * (1 - h)"
    assert ast.dump(ast.parse(NET)) in outcomes(text, blamed, kind, "w")[: 40 if kind else None]


def test_updates_that_stand_together_move_together() -> None:
    """Three updates behind the loop go into it in one edit, as deep as its body."""
    updates = ["        w -= rate * dw\n", "        b -= rate * db\n", "        old = w.copy()\n"]
    block = "".join(updates)
    text = NET.replace(block, "") + "".join(line[4:] for line in updates)
    right = NET.replace(block, "") + block
    assert ast.dump(ast.parse(right)) in outcomes(text, "w -= rate * dw", "update-outside-loop")[:20]


LINES = st.lists(st.sampled_from(["a = 1\n", "b = 22\n", "b = 2\n", "é = a\n", "\n"]), max_size=8).map(
    "".join
)


@given(LINES, LINES)
def test_a_difference_makes_one_text_of_another(before: str, after: str) -> None:
    """The edits between two texts, applied to the first, give the second."""
    assert apply_edits(before, list(difference("net.py", before, after))) == after


@given(st.data())
def test_edits_after_edits_are_edits_of_the_original(data: st.DataObject) -> None:
    """A version changed twice has the text of the second change, told as edits of the file on disk."""
    version, text = Version({"net.py": NET}), NET
    for _ in range(2):
        low = data.draw(st.integers(0, len(text)))
        high = data.draw(st.integers(low, min(len(text), low + 30)))
        word = data.draw(st.sampled_from(["x", "", "y\nz", "  # ☃"]))
        head = text[:low].split("\n")
        middle = text[low:high].split("\n")
        end = len(middle[-1]) + (len(head[-1]) if len(middle) == 1 else 0)
        span = Span("net.py", len(head), len(head[-1]) + 1, len(head) + len(middle) - 1, end + 1)
        edits = [Edit(span, word)]
        version, text = version.then(edits, "t"), text[:low] + word + text[high:]
        assert version.text("net.py") == text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("w -= r * g; d = e @ w.T", "d = e @ w.T; w -= r * g"),
        ("w -= r * g; d = e @ w.T\nb -= r * d", "d = e @ w.T\nb -= r * d\nw -= r * g"),
        ("w -= r * g\nd = e @ w.T; b -= r * d", "d = e @ w.T; b -= r * d; w -= r * g"),
    ],
)
def test_statement_that_shares_its_line_is_moved(wrong: str, right: str) -> None:
    """A statement of a line of several is moved along it or away from it, and takes its semicolon with it."""
    head = "def train(w, b, e, g, r):\n    for i in range(3):\n"
    texts = [head + "".join(f"        {line}\n" for line in each.split("\n")) for each in (wrong, right)]
    found = outcomes(texts[0], "w -= r * g", "weights-already-updated")
    assert ast.dump(ast.parse(texts[1])) in found


LAYERS = """\
def backward(p, x, y):
    h1 = np.maximum(x @ p["W1"], 0)
    h2 = np.maximum(h1 @ p["W2"], 0) * p["hidden_rate"]
    d3 = h2 @ p["W3"] - y
    d2 = d3 @ p["W3"].T * (h2 > 0)
    d1 = d2 @ p["W2"].T * (h1 > 0)
    hidden_delta = d1 * p["hidden_rate"]
    output_delta = d3 * p["output_rate"]
    return d1
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('d2 @ p["W2"].T * (h1 > 0)', "h1 > 0"),
        ('d2 @ p["W2"].T * (h1 > 0)', 'd3 @ p["W2"].T'),
        ('d3 @ p["W3"].T * (h2 > 0)', "d3"),
    ],
)
def test_a_statement_is_made_like_its_sibling(right: str, wrong: str) -> None:
    """What the same statement says of another layer is said of this one, with the numbers of its names."""
    text = LAYERS.replace(right, wrong)
    assert text != LAYERS
    line = next(old for old, new in zip(text.splitlines(), LAYERS.splitlines(), strict=True) if old != new)
    found = candidates(Source("net.py", text), [span_of(text, line.strip())], "factor-missing")
    assert LAYERS in [apply_edits(text, each.edits) for each in found[:3] if each.family == "sibling"]


def test_a_sibling_by_its_words() -> None:
    """Names without numbers are told apart by the one word in which they differ."""
    text = LAYERS.replace('d1 * p["hidden_rate"]', "d1").replace(
        'd3 * p["output_rate"]', 'd1 * p["output_rate"]'
    )
    found = candidates(Source("net.py", text), [span_of(text, "hidden_delta = d1")], "factor-missing")
    assert LAYERS.replace("d3 * p", "d1 * p") in [apply_edits(text, each.edits) for each in found]


def test_a_sibling_that_makes_no_sense_is_left_alone() -> None:
    """Numbers below 0, and lines that do not stand alone, give no candidate and no error."""
    text = "def step(l0, l1, d):\n    s0 = l0.T @ d\n    s1 = l0 @ d\n    s2 = (l1 @\n          d)\n    return s0, s1\n"
    for blamed in ("s0 = l0.T @ d", "s1 = l0 @ d"):
        found = candidates(Source("net.py", text), [span_of(text, blamed)], "factor-missing")
        assert not any("l-1" in edit.text for each in found for edit in each.edits)
