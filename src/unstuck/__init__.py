"""unstuck: measured answers for a stuck neural network.

`unstuck.diagnose("train.py")` returns a `Report`; the command line does the same and prints it.  Names are
loaded when they are first used, so that `unstuck --help` starts in an instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unstuck.conductor import diagnose as diagnose
    from unstuck.estimators import DenseClassifier as DenseClassifier
    from unstuck.estimators import DenseRegressor as DenseRegressor
    from unstuck.facts import Report as Report
    from unstuck.problems import Problem as Problem

__version__ = "0.1.0"
__all__ = ["DenseClassifier", "DenseRegressor", "Problem", "Report", "__version__", "diagnose"]

_HOMES = {
    "DenseClassifier": "unstuck.estimators",
    "DenseRegressor": "unstuck.estimators",
    "Problem": "unstuck.problems",
    "Report": "unstuck.facts",
    "diagnose": "unstuck.conductor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
