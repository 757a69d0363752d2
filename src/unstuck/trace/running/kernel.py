"""What a notebook finds when it runs: the folder it lies in, `display`, and an IPython that does nothing.

IPython is not needed: where it is not installed, modules take its place whose every attribute and every call is
again something that does nothing.  The same holds for the part of Colab that asks for files.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from types import ModuleType
from typing import Any

MODULES = ("IPython", "IPython.display", "IPython.core", "IPython.core.display", "google", "google.colab")


class _Silent(ModuleType):
    """Answers every call and every attribute with itself, prints as nothing, and is false: nobody is to rely on it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return ""


def display(*objects: object, **_: object) -> None:
    """Show objects as text, as a notebook does without a browser."""
    print(*objects, sep="\n")


def names() -> Mapping[str, object]:
    """The names that every cell knows."""
    return {"display": display, "get_ipython": _Silent("get_ipython")}


@contextmanager
def as_in_jupyter(path: str) -> Iterator[None]:
    """Within, the folder of the notebook is the current one, and imports of IPython succeed."""
    stand_ins = {name: _Silent(name) for name in MODULES if not _installed(name)}
    if "IPython" in stand_ins:  # of a version that matplotlib need not be told about
        vars(stand_ins["IPython"])["version_info"] = (8, 24)
    if "IPython.display" in stand_ins:
        vars(stand_ins["IPython.display"])["display"] = display
    sys.modules.update(stand_ins)
    try:
        with chdir(os.path.dirname(path)):
            yield
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
