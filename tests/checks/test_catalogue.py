"""The list of checks and their pages."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from unstuck.checks import FACTORS, Check, catalogue, lookup
from unstuck.checks import catalogue as listed
from unstuck.checks.factors import REPAIR

SECTIONS = ["What it does", "Why it hurts", "Example", "Use instead", "Fix safety"]


@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.id)
def test_page_has_all_sections_in_order(check: Check) -> None:
    """Every check has a page with the five sections in their order, each of them filled."""
    headings = re.findall(r"^## (.+)$", check.doc, re.MULTILINE)
    assert headings == SECTIONS
    assert all(part.strip() for part in re.split(r"^## .+$", check.doc, flags=re.MULTILINE))


def test_ids_and_slugs_are_unique() -> None:
    """No two checks share an id or a slug."""
    names = [name for check in catalogue() for name in (check.id, check.slug)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.id)
def test_file_is_named_after_the_check(check: Check) -> None:
    """A check lives in the file that carries its slug."""
    assert check.detect.__module__ == f"unstuck.checks.{check.slug.replace('-', '_')}"


def test_every_factor_has_an_owner() -> None:
    """Every factor that the study tries belongs to a check that can report it."""
    owned = {name for check in catalogue() for name in check.factors}
    assert owned == {factor.name for factor in (REPAIR, *FACTORS)}


def test_lookup_accepts_id_and_slug() -> None:
    """A check is found by its id in any case of letters and by its slug; nothing else is found."""
    assert lookup("g101") is lookup("activation-derivative") is lookup("G101")
    assert lookup("G999") is None


def test_other_packages_add_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point that names a check joins the catalogue; one that cannot be loaded is a warning."""
    module = importlib.import_module("unstuck.checks.catalogue")
    group = "unstuck.checks"
    points = (
        EntryPoint("good", "unstuck.checks.width:width", group),
        EntryPoint("absent", "no_such_module:check", group),
        EntryPoint("odd", "math:pi", group),
    )
    monkeypatch.setattr(module, "entry_points", lambda group: points)
    with pytest.warns(UserWarning, match="check|entry point") as caught:
        found = listed.__wrapped__()  # the cached list must stay as it is
    assert found[len(module.BUILT_IN) :] == (module.width,)
    assert [str(warning.message).split()[2] for warning in caught] == ["absent", "point"]


def test_pages_are_cheap() -> None:
    """Reading the catalogue imports neither numpy nor rich."""
    code = (
        "import sys; from unstuck.checks import catalogue; catalogue(); "
        "print([name for name in ('numpy', 'rich') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
