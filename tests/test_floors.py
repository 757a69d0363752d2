"""The house stands on floors: a module imports only from lower floors, or from its own folder.

The source is read, not run, so that an import inside a function, under TYPE_CHECKING, or by
`import_module("unstuck....")` counts like any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "unstuck"

FLOORS = {
    "facts": 1, "stats": 1, "codec": 1, "problems": 1, "wording": 1, "cells": 1,
    "autodiff": 2, "engine": 2,
    "trace": 3, "estimators": 3,
    "checks": 4,
    "fix": 5, "experiment": 5,
    "verdict": 6, "conductor": 6,
    "report": 7,
    "arguments": 8, "cli": 8, "magic": 8, "__main__": 8, "__init__": 8,
}  # fmt: skip
ROOMS = {  # the largest floor is stairs itself: what a room of unstuck.trace may use lies further left
    room: step
    for step, room in enumerate(
        ("running", "tape", "reading", "judging", "optimising", "explaining", "recognising")
    )
}
OPEN_FLOORS = {1, 6, 8}  # their modules are files side by side, and may use each other
GROUND = {"facts": {"numpy"}, "stats": {"numpy", "scipy"}}  # what the ground floor may stand on


def unit(module: str) -> str:
    """The part of the house that a dotted name belongs to: unstuck.trace.reading.steps -> trace."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


def name_of(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts if parts[-1] != "__init__" else parts[:-1])


def imported(module: str, text: str, is_package: bool = False) -> Iterator[str]:
    """Every dotted name that a module's text imports, wherever in the text it stands."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node, is_package)
            yield from (f"{base}.{alias.name}" if base == "unstuck" else base for alias in node.names)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "unstuck"
        ):
            yield f"unstuck.{node.attr}"
        elif isinstance(node, ast.Call) and _function(node) in ("import_module", "__import__"):
            yield from (str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def _function(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def _absolute(module: str, node: ast.ImportFrom, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def climbs(module: str, target: str) -> bool:
    """Whether importing `target` in `module` breaks the rule of the floors."""
    parts = target.split(".")
    # The bare package is loaded whenever a part of it is, and tells its place and version to everyone.
    if parts[0] != "unstuck" or len(parts) == 1 or parts[1] in ("__version__", "__file__", "__path__"):
        return False
    here, there = unit(module), unit(target)
    lower = FLOORS[there] < FLOORS[here]
    beside = FLOORS[there] == FLOORS[here] and (here == there or FLOORS[here] in OPEN_FLOORS)
    return not (lower or beside)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_lower_floors(path: Path) -> None:
    """The module imports nothing from its own floor's neighbours or from above."""
    module = name_of(path)
    assert module == "unstuck" or module.split(".")[1] in FLOORS, f"give {module} a floor"
    targets = imported(module, path.read_text(encoding="utf-8"), path.name == "__init__.py")
    assert [target for target in targets if climbs(module, target)] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("trace/*/*.py")), ids=name_of)
def test_a_room_uses_only_rooms_before_it(path: Path) -> None:
    """Within the floor that reads scripts, too, each folder builds on those that come earlier."""
    module = name_of(path)
    here = ROOMS[module.split(".")[2]]
    targets = [target.split(".") for target in imported(module, path.read_text(encoding="utf-8"))]
    within = [target[2] for target in targets if target[:2] == ["unstuck", "trace"]]
    assert all(ROOMS.get(room, len(ROOMS)) <= here for room in within)


@pytest.mark.parametrize("module", GROUND)
def test_ground_floor_stands_on_little(module: str) -> None:
    """The nouns and the statistics import nothing heavier than numpy and scipy."""
    files = [PACKAGE / f"{module}.py", *(PACKAGE / module).glob("*.py")]
    found = [(name_of(path), path.read_text(encoding="utf-8")) for path in files if path.exists()]
    assert found
    roots = {target.split(".")[0] for name, text in found for target in imported(name, text)}
    assert roots - GROUND[module] - {"unstuck"} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("unstuck.facts", "import unstuck.trace.reading.steps"),
        ("unstuck.trace.reading.steps", "from unstuck.checks import judge"),
        ("unstuck.trace.reading.steps", "def f():\n    from unstuck.cli import main"),
        ("unstuck.engine.train", "from ..autodiff import node"),
        ("unstuck.autodiff.node", "from unstuck import diagnose"),
        ("unstuck.autodiff.node", "from unstuck import Report"),
        ("unstuck.autodiff.node", "import unstuck\nunstuck.diagnose('train.py')"),
        ("unstuck.checks.width", "import_module('unstuck.report.html')"),
        ("unstuck.fix.edits", "if TYPE_CHECKING:\n    from unstuck.experiment.study import Study"),
    ],
)
def test_a_climbing_import_is_caught(module: str, text: str) -> None:
    """Every way to write an import upwards or sideways is noticed."""
    assert any(climbs(module, target) for target in imported(module, text))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("unstuck.trace.reading.steps", "from . import runtime\nfrom .runtime import Tracer"),
        ("unstuck.trace.reading.steps", "from ..facts import Span\nfrom unstuck import facts"),
        ("unstuck.report.json", "from unstuck import __version__\nimport unstuck\nunstuck.__file__"),
        ("unstuck.codec", "from unstuck.facts import Trace"),
        ("unstuck.cli", "from unstuck.arguments import parse\nimport numpy"),
    ],
)
def test_a_lawful_import_is_not(module: str, text: str) -> None:
    """Imports from below, from the own folder and from outside are free."""
    assert not any(climbs(module, target) for target in imported(module, text))
