"""The remedies."""

from __future__ import annotations

import pickle

import pytest

from unstuck.checks.factors import FACTORS, REPAIR, Factor, label_of
from unstuck.facts import Recipe

PLAIN = Recipe(
    layers=(5, 10, 4), bias=False, dropout=0.5, dropout_scale=2.0, rate=0.01, layer_rates=(0.5, 1.0)
)
ALL = (REPAIR, *FACTORS)


@pytest.mark.parametrize("factor", ALL, ids=lambda factor: factor.name)
def test_remedy_changes_only_its_own_subject(factor: Factor) -> None:
    """A remedy changes what its name says and leaves every other field alone."""
    fields = {
        "derivative": {"backward"},
        "bias": {"bias"},
        "cross-entropy": {"loss", "output"},
        "standardise": {"scaling"},
        "no-dropout": {"dropout", "dropout_scale"},
        "equal-rates": {"layer_rates"},
        "rate-x0.1": {"rate"},
        "rate-x10": {"rate"},
        "width-x2": {"layers"},
        "width-x4": {"layers"},
    }[factor.name]
    recipe = PLAIN.with_(backward="activation-derivative-one")
    changed = factor.remedy(recipe)
    assert changed is not None
    assert {name for name, value in vars(recipe).items() if getattr(changed, name) != value} == fields


@pytest.mark.parametrize(
    "factor", [f for f in ALL if f.name[:4] not in ("rate", "widt")], ids=lambda f: f.name
)
def test_settled_setting_is_left_alone(factor: Factor) -> None:
    """A remedy applied to its own result has nothing left to change."""
    once = factor.remedy(PLAIN.with_(backward="sign"))
    assert once is not None
    assert factor.remedy(once) is None


def test_widths_and_rates_are_multiples() -> None:
    """Widths grow in hidden layers only, rates by powers of ten."""
    by_name = {factor.name: factor.remedy for factor in FACTORS}
    deep = PLAIN.with_(layers=(5, 10, 6, 4))
    assert by_name["width-x2"](deep) == deep.with_(layers=(5, 20, 12, 4))
    assert by_name["width-x4"](deep) == deep.with_(layers=(5, 40, 24, 4))
    assert by_name["width-x2"](PLAIN.with_(layers=(5, 4))) is None
    faster, slower = by_name["rate-x10"](PLAIN), by_name["rate-x0.1"](PLAIN)
    assert faster is not None
    assert slower is not None
    assert (faster.rate, slower.rate) == pytest.approx((0.1, 0.001))


def test_one_output_gets_a_sigmoid() -> None:
    """Cross-entropy on a single output is the binary one, behind a sigmoid."""
    remedy = next(factor.remedy for factor in FACTORS if factor.name == "cross-entropy")
    changed = remedy(PLAIN.with_(layers=(5, 3, 1)))
    assert changed is not None
    assert (changed.output, changed.loss) == ("sigmoid", "binary-cross-entropy")


@pytest.mark.parametrize("factor", ALL, ids=lambda factor: factor.name)
def test_factors_travel_to_worker_processes(factor: Factor) -> None:
    """Factors can be pickled."""
    assert pickle.loads(pickle.dumps(factor)) == factor


def test_labels() -> None:
    """A factor is labelled for people; an unknown name is its own label."""
    assert label_of("no-dropout") == "no dropout"
    assert label_of("schedule") == "schedule"
