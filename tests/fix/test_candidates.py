"""The right edit is among the candidates, and what the explanation asks for comes first."""

from __future__ import annotations

import ast

import pytest
from places import span_of

from unstuck.facts import Source, Span
from unstuck.fix.apply import apply_edits
from unstuck.fix.candidates import candidates

NET = """\
import numpy as np

def relu(x):
    return np.maximum(x, 0)

def relu_deriv(h):
    return h > 0

class Net:
    def backward(self, x, y):  # naïve ☃
        z = x.dot(self.W1) + self.b1
        h = relu(z)
        o = np.dot(h, self.W2)
        d2 = o - y
        d1 = (d2 @ self.W2.T) * relu_deriv(h)
        self.grads["W2"] = h.T @ d2
        self.grads["b1"] = np.sum(d1, axis=0)
        self.W2 -= 0.1 * self.grads["W2"]
        self.W1 -= 0.1 * x.T @ d1
"""


def outcomes(text: str, blamed: str, kind: str = "") -> list[str]:
    """The texts that the candidates give, best first."""
    source = Source("net.py", text)
    return [apply_edits(text, item.edits) for item in candidates(source, [span_of(text, blamed)], kind)]


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("h > 0", "h >= 0", "activation-derivative-one"),
        ("* relu_deriv(h)", "* relu_deriv(z)", "activation-derivative-wrong-value"),
        ("* relu_deriv(h)", "* relu(h)", "activation-derivative-wrong"),
        ("(d2 @ self.W2.T) * relu_deriv(h)", "d2 @ self.W2.T", "activation-derivative-omitted"),
        ("d2 @ self.W2.T", "d2 @ self.W2", "transpose-missing"),
        ("o - y", "o + y", "sign"),
        ("o - y", "y - o", "sign"),
        ("h.T @ d2", "z.T @ d2", "other-operand"),
        ("axis=0", "axis=1", "summed-over-the-wrong-axis"),
        ("h.T @ d2", "(h**2).T @ d2", ""),
        ("h.T @ d2", "h.T @ d2 * d2", ""),
        ("h.T @ d2", "d2 @ h.T", ""),
        ("np.dot(h, self.W2)", "np.dot(self.W2, h)", ""),
        ("0.1 * x.T @ d1", "-(0.1 * x.T @ d1)", "sign"),
        ('0.1 * self.grads["W2"]', '0.1 * self.grads["b1"]', ""),
        ("h > 0", "1 - h ** 2", "activation-derivative-wrong"),
    ],
)
def test_the_right_edit_is_a_candidate(right: str, wrong: str, kind: str) -> None:
    """For each usual slip one candidate gives back the right program (up to parentheses)."""
    assert NET.count(right) == 1
    trees = [ast.dump(ast.parse(text)) for text in outcomes(NET.replace(right, wrong), wrong, kind)]
    assert ast.dump(ast.parse(NET)) in trees


def test_an_update_can_move_to_the_end_of_its_block() -> None:
    """An update before the use of the old value moves behind it, with its comment and indentation."""
    update = '        self.W2 -= 0.1 * self.grads["W2"]  # learn\n'
    lines = NET.replace(update.replace("  # learn", ""), "")
    before = lines.replace("        d1 =", update + "        d1 =")
    found = outcomes(before, "d2 @ self.W2.T", "weights-already-updated")
    assert found[0] == lines + update


def test_the_explained_edit_comes_first() -> None:
    """A derivative that is always one and a comparison on the blamed span: `>=` becomes `>`."""
    text = NET.replace("h > 0", "h >= 0")
    assert outcomes(text, "h >= 0", "activation-derivative-one")[0] == NET
    source = Source("net.py", text)
    first, *rest = candidates(source, [span_of(text, "h >= 0")], "activation-derivative-one")
    assert (first.agrees, first.size, first.place) == (True, 1, 0)
    assert rest == sorted(rest, key=lambda item: (not item.agrees, item.place, item.size))


@pytest.mark.parametrize("kind", ["", "activation-derivative-omitted", "weights-already-updated"])
@pytest.mark.parametrize("line", range(10, 20))
def test_every_candidate_is_a_small_change_of_a_valid_program(kind: str, line: int) -> None:
    """Whatever line is blamed, candidates parse, differ from each other and touch few characters."""
    words = NET.splitlines()[line - 1]
    span = Span("net.py", line, len(words) - len(words.lstrip()) + 1, line, len(words) + 1)
    source = Source("net.py", NET)
    found = candidates(source, [span], kind)
    texts = [apply_edits(NET, item.edits) for item in found]
    assert len(set(texts)) == len(texts) <= 400
    for text, item in zip(texts, found, strict=True):
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(NET)), item.title
        assert "# naïve ☃" in text


def test_uses_come_after_the_blamed_expression() -> None:
    """Edits where the value is used are tried last."""
    source = Source("net.py", NET)
    found = candidates(source, [span_of(NET, "h > 0")], "", [span_of(NET, "* relu_deriv(h)")])
    places = [item.place for item in found]
    assert places == sorted(places)
    assert set(places) == {0, 1, 2}


def test_no_candidate_only_scales() -> None:
    """A constant factor is never offered or taken away."""
    text = NET.replace("o - y", "2 * o")
    added = [new for new in outcomes(text, "2 * o") if "d2 = o\n" in new or "* 2\n" in new]
    assert [new for new in added if "d2 = 2\n" in new] == []


def test_f_strings_are_left_alone() -> None:
    """Names inside an f-string, whose positions python gets wrong before 3.12, are not edited."""
    text = 'a = 1\nb = 2\nprint(f"""x\n{a + b} {a}""", a - b)\n'
    low = Span("net.py", 3, 1, 4, 19)
    source = Source("net.py", text)
    for item in candidates(source, [low], ""):
        assert "{a + b} {a}" in apply_edits(text, item.edits)
