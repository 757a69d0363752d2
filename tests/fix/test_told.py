"""What an explanation says in words becomes the first candidate, and the right one."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from places import span_of

from unstuck.facts import Explanation, Gradient, Source, Trace
from unstuck.fix.apply import apply_edits
from unstuck.fix.candidates import candidates, proposals, together

NET = """\
import numpy as np

def train(p, x, y, rate):
    dW1 = np.zeros_like(p["W1"])
    z = x.dot(p["W1"]) + p["b1"]
    h = np.maximum(z, 0)
    o = np.dot(h, p["W2"])
    d2 = (o - y) / len(x)
    dh = d2 @ p["W2"].T
    dz = dh * (h > 0)
    dW2 = h.T @ d2
    dW1 += x.T @ dz
    db1 = dz.sum(axis=0)
    s = h * (1 - h)
    t = 0.5 * s
    k = np.tanh(h) * (1 - np.tanh(h) ** 2)
    v = dh / (1 - 0.9 ** t) + 0.8 ** t * np.exp(-z)
    p["W2"] -= rate * dW2
    p["W1"] = p["W1"] - rate * dW1
    p["b1"] -= rate * db1
    for layer in range(2):
        t = t * s
"""


def meaning(text: str) -> str:
    """What makes two texts the same program."""
    return ast.dump(ast.parse(text))


def _simplified(text: str) -> str:
    """The meaning, in which a sum is a sum whichever way it is called."""
    return meaning(text.replace("np.sum(dz, axis=0)", "dz.sum(axis=0)"))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("(o - y) / len(x)", "(o - y) * len(x)", "`*` stands where `/` is right"),
        ("dW1 += x.T @ dz", "dW1 -= x.T @ dz", "`-` stands where `+` is right"),
        (
            'p["W1"] = p["W1"] - rate * dW1',
            'p["W1"] += p["W1"] - rate * dW1',
            "each update of p['W1'] adds to the old value that value again, which should be kept as it is",
        ),
        (
            "dW1 += x.T @ dz",
            "dW1 = x.T @ dz",
            "dW1 is given another value here: what was in it before is lost",
        ),
        (
            'p["W2"] -= rate * dW2',
            'p["W2"] = p["W2"] - rate * dW2',
            "the new value of W2 is bound to the name w and to nothing else: the array stays as it was",
        ),
        ("np.maximum(z, 0)", "np.minimum(z, 0)", "`minimum` stands where `maximum` is right"),
        ("(h > 0)", "(h < 0)", "something else (`less` stands where `greater` is right)"),
        ("(1 - h)", "(2 - h)", "something else (the number 2 stands where 1 belongs)"),
        ("h.T @ d2", "z.T @ d2", "z stands where h belongs"),
        ("x.T @ dz", "x.T @ d2", "in the gradient of W1 alone, d2 stands where dz[h > 0] belongs"),
        ('d2 @ p["W2"].T', 'd2 @ p["W1"].T', "the error goes back through p['W1'] instead of p['W2']"),
        ('d2 @ p["W2"].T', 'd2 @ p["W2"]', "the error goes back through p['W2'] instead of its transpose"),
        ("t * s", "t * p[layer]", "t is formed with p[layer] instead of s"),
        ("dh * (h > 0)", "dh", "dz should be multiplied by the derivative of h by z: this factor is missing"),
        ("0.5 * s", "0.5", "t should be multiplied by s: this factor is missing"),
        ("o - y", "o", "y should be subtracted from o"),
        ("o - y", "y - o", "the steps go up the loss instead of down: the sign is wrong"),
        ("dh * (h > 0)", "-(dh * (h > 0))", "the steps go up the loss instead of down: the sign is wrong"),
        ('p["W2"] -= rate * dW2', 'p["W2"] += rate * dW2', "up the loss instead of down: the sign is wrong"),
        ("d2 @ p[", "-d2 @ p[", "the minus sign in front of d2 does not belong here"),
        ("x.T @ dz", "x.T @ dz * s", "s does not belong here"),
        ("x.T @ dz", "x.T @ np.exp(dz)", "`exp` of dz stands where dz itself belongs"),
        ("axis=0", "axis=1", "the gradient of b1 is summed over axis 1, the wrong one"),
        ("(h > 0)", "h * (1 - h)", "the error is multiplied by something else than the ReLU derivative"),
        ("h * (1 - h)", "h * (2 - h)", "multiplied by something else than the sigmoid derivative"),
        (
            'p["W1"] = p["W1"] - rate * dW1',
            'p["W1"] += p["W1"] - rate * dW1',
            "each update of p['W1'] multiplies the old value by 2, which should be kept",
        ),
        (
            'p["W1"] = p["W1"] - rate * dW1',
            'p["W1"] = rate * dW1 - p["W1"]',
            "each update of p['W1'] multiplies the old value by -1, which should be kept",
        ),
        (
            'np.zeros_like(p["W1"])',
            'p["W1"]',
            "dW1 is the array that the network computes with, under another name",
        ),
        ("np.exp(-z)", "np.exp(z)", "a minus sign is missing in front of z"),
        (
            "dW1 += x.T @ dz",
            "dW1 = x.T @ dz",
            "this overwrites what earlier rounds have stored: it should be added",
        ),
        ("dW2 = h.T @ d2", "dW2 += h.T @ d2", "dW2 does not belong here"),
        (
            "0.9 ** t",
            "0.9",
            "the mean of the gradients is not corrected for its start from zeros in keeping with",
        ),
        ("dz.sum(axis=0)", "dz", "dz stands where sum(dz, axis=0) belongs"),
        (
            "rate * dW2",
            "rate",
            "p['W2'] moves by the same amount whatever the error is: its gradient is missing",
        ),
        ("rate * dW2", 'rate * p["W2"]', "what is added to p['W2'] is made of p['W2'] itself alone"),
        ("np.zeros_like", "np.ones_like", "the sum that becomes this gradient starts from 1 instead of 0"),
    ],
)
def test_the_words_give_the_edit(right: str, wrong: str, words: str) -> None:
    """One of the first three candidates, all of them spelled out, gives back the right program."""
    assert NET.count(right) == 1
    text = NET.replace(right, wrong)
    line = next(old for old, new in zip(text.splitlines(), NET.splitlines(), strict=True) if old != new)
    found = candidates(Source("net.py", text), [span_of(text, line.strip())], "", words=words)[:3]
    told = [apply_edits(text, each.edits) for each in found if each.told]
    assert _simplified(NET) in map(_simplified, told), [each.title for each in found]


def test_an_element_without_a_name_is_a_neighbour() -> None:
    """Where an element stands for something that the text has no name for, the elements beside it are tried."""
    text = NET.replace("t * s", "t * p[layer]")
    words = "the gradient of s is formed with p[layer] instead of the value of line 999"
    found = candidates(Source("net.py", text), [span_of(text, "t = t * p[layer]")], "", words=words)
    assert {each.edits[0].text for each in found if each.told} == {"layer - 1", "layer + 1"}


def test_a_missing_derivative_is_that_of_a_value_at_hand() -> None:
    """Where the derivative of a known activation is missing, that of every value at hand is tried, and no other."""
    text = NET.replace("dh * (h > 0)", "dh")
    words = "the ReLU derivative is 1 everywhere: nothing multiplies the error by it"
    found = candidates(Source("net.py", text), [span_of(text, "dz = dh")], "", words=words)
    told = [apply_edits(text, each.edits) for each in found if each.told]
    assert meaning(NET) in map(meaning, told)
    assert all("dz = dh * (" in each and " > 0)\n" in each for each in told)


@pytest.mark.parametrize(
    "words",
    [
        "nothing is subtracted at the target of each row, where 1 belongs: the outputs of a softmax sum to 1",
        "the number nan stands where inf belongs",
    ],
)
def test_what_is_no_number_is_not_read_as_one(words: str) -> None:
    """Words of which a reading cannot be made give no candidate, and no error."""
    found = candidates(Source("net.py", NET), [span_of(NET, "s = h * (1 - h)")], "", words=words)
    assert not any(each.told for each in found)


def test_a_value_without_a_name_gives_nothing() -> None:
    """Where the words name what the text has no name for, no edit is spelled out."""
    words = "dz should be multiplied by the error of a0: this factor is missing"
    found = candidates(
        Source("net.py", NET), [span_of(NET, "dz = dh * (h > 0)")], "factor-missing", words=words
    )
    assert not any(each.told for each in found)


def test_two_faults_are_mended_together() -> None:
    """An explanation by two faults gives a candidate that changes both places, first of all."""
    text = NET.replace("(o - y)", "(o + y)").replace("(h > 0)", "(h < 0)")
    span = span_of(text, "(o + y) / len(x)")
    words = "`+` stands where `-` is right; and `less` stands where `greater` is right"
    reason = Explanation("operator", words, span, uses=(span_of(text, "dh * (h < 0)"),))
    gradient = Gradient("W1", span, "wrong", 1.0, 1.0, 1.0, 9, np.ones(1), np.ones(1), explanation=reason)
    trace = Trace((Source("net.py", text),), (), "numpy", "wrong", "", gradients=(gradient,))
    first = next(proposals(trace))[0]
    assert apply_edits(text, first.edits) == NET
    assert first.title.count(";") == 1


def test_edits_of_one_line_are_not_put_together() -> None:
    """Two edits that touch the same line make no candidate together; those of two lines do."""
    found = candidates(Source("net.py", NET), [span_of(NET, "h.T @ d2"), span_of(NET, "x.T @ dz")], "")
    one, *others = found
    near = next(each for each in others if each.edits[0].span.line == one.edits[0].span.line)
    far = next(each for each in others if each.edits[0].span.line != one.edits[0].span.line)
    assert together(one, near) is None
    both = together(one, far)
    assert both is not None
    assert both.edits == (*one.edits, *far.edits)


def test_a_parameter_of_a_list_is_no_name() -> None:
    """A parameter called W[1] that is never updated breaks no edit, although 1 is no name."""
    text = NET.replace('p["b1"] -= rate * db1', "W[0] -= rate * dW1")
    for path in ("W[1]", "net.params[1]", "[1]"):
        span = span_of(text, "W[0] -= rate * dW1")
        reason = Explanation("parameter-never-updated", "", span)
        gradient = Gradient(path, span, "wrong", 1.0, 1.0, 1.0, 9, np.ones(1), np.ones(1), explanation=reason)
        trace = Trace((Source("net.py", text),), (), "numpy", "wrong", "", gradients=(gradient,))
        assert next(proposals(trace))
