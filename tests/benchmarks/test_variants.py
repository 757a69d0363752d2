"""The variants of the right programs are what they claim to be, and their figures mean what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / folder) for folder in ("variants", "faults")]
sys.path.append(str(ROOT / "tests" / "trace"))

from alterations import TABLE, variants  # noqa: E402
from digest import markdown, upper_bound  # noqa: E402
from generated import networks  # noqa: E402
from programs import PROBES, Program, program  # noqa: E402
from verdicts import Result, proved, tried  # noqa: E402


@pytest.mark.parametrize("name", TABLE)
def test_every_edit_meets_its_text(name: str) -> None:
    """Every text that the table replaces occurs in the program that it names."""
    text = "".join(program(name).texts.values())
    assert [old for pairs in TABLE[name].values() for old, _ in pairs if old not in text] == []


def test_there_are_enough_variants() -> None:
    """The corpus gives at least 200 variants, each of them under a name of its own."""
    names = [f"{name} {what}" for name in PROBES for what, _ in variants(program(name), 2)]
    assert len(names) == len(set(names)) >= 200


def test_seeds_change_every_draw() -> None:
    """Another seed is another text, in which nothing but whole numbers differs."""
    altered = dict(variants(program("reinforce"), 1))["seed-1"].texts["reinforce.py"]
    before = program("reinforce").texts["reinforce.py"]
    assert "seed(1019)" in altered
    assert altered.replace("1019", "19") == before


@pytest.mark.parametrize("what", ["float32", "width", "batch", "seed-1"])
def test_a_right_variant_is_proved_right(what: str) -> None:
    """Finite differences agree with a right variant in other precision, width, batch or seed."""
    assert proved(dict(variants(program("flat_minibatch"), 1))[what]) == "right"


def test_a_wrong_variant_does_not_count() -> None:
    """A variant whose backward pass does not follow its forward pass is refused."""
    right = program("flat_minibatch")
    text = right.texts[right.main].replace("np.maximum(0, z1)", "np.tanh(z1)")
    broken = Program(right.name, right.main, {right.main: text}, right.probe)
    assert "is off by" in proved(broken)
    assert not tried(broken, "tanh without its derivative").counts


def test_generated_networks_are_proved_right() -> None:
    """Random networks come with a probe that proves nearly all of them right, and the same ones for a seed."""
    drawn = dict(networks(6, seed=1))
    assert list(drawn) == list(dict(networks(6, seed=1)))
    assert [proved(network) for network in drawn.values()].count("right") >= 5


def test_upper_bound_is_the_rule_of_three() -> None:
    """No event in n trials bounds a rate by about 3 / n; as many events as trials bound nothing."""
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(5, 5) == 1.0


def test_only_proved_variants_are_alarms() -> None:
    """What was not proved right is listed, but neither counted nor an alarm."""
    results = [
        Result("a", "x", "right", "wrong"),
        Result("a", "y", "W is off by 1", "wrong"),
        Result("b", "x", "right", "exact"),
    ]
    text = markdown(results)
    assert "2 right variants of 2 programs: 1 false alarms" in text
    assert "- a y: W is off by 1" in text
