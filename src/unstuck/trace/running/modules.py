"""Which modules are the user's own, and how they are found, rewritten and compiled.

A finder stands just before python's own path finder.  It answers for the user's files only and gives them a
loader that parses the text, hands the tree to a transformation and compiles what comes back.
"""

from __future__ import annotations

import ast
import io
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from unstuck.trace.running.sources import program_text

Transform = Callable[[ast.Module, str], ast.Module]
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# ----- Whose file is it? --------------------------------------------------------------------------------


class Territory:
    """Which files are the user's own: those below the folder of the script or below a folder that the script
    adds to sys.path while it runs, except installed packages, the standard library and virtual environments.
    """

    def __init__(self, folder: str) -> None:
        self._folder = os.path.realpath(folder)
        installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
        self._foreign = {os.path.realpath(path) for path in (*installed, _HERE)}
        self._inherited = {os.path.realpath(entry) for entry in sys.path}

    def owns(self, filename: str) -> bool:
        """Does the file belong to the user's program?"""
        real = os.path.realpath(filename)
        added = {os.path.realpath(entry) for entry in sys.path} - self._inherited
        return os.path.isfile(real) and any(self._below(real, root) for root in {self._folder} | added)

    def _below(self, path: str, root: str) -> bool:
        """Is `path` below `root`, with nothing on the way up that marks an installation?"""
        folder = os.path.dirname(path)
        while folder not in (root, os.path.dirname(folder)) and not self._installed(folder):
            folder = os.path.dirname(folder)
        if folder == self._folder:  # a virtual environment may have been made in the script's own folder
            return folder not in self._foreign
        return folder == root and not self._installed(folder)

    def _installed(self, folder: str) -> bool:
        """Is this the root of installed packages or of a virtual environment?"""
        named = os.path.basename(folder) in ("site-packages", "dist-packages")
        return named or folder in self._foreign or os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def from_unstuck(filename: str) -> bool:
    """Is this a file of the package unstuck itself?"""
    return filename.startswith(_HERE + os.sep)


# ----- Compiling and importing the user's own modules ---------------------------------------------------


class Compiler:
    """Turns a file of the user's into code: read (or take its edited text), parse, transform, compile."""

    def __init__(self, transform: Transform | None, edited: Mapping[str, str]) -> None:
        self._transform = transform
        self._edited = {os.path.realpath(path): text for path, text in edited.items()}

    def code(self, filename: str) -> CodeType:
        """The code of the module in `filename`, ready for exec; linecache then holds the text that it ran."""
        text = self._edited.get(os.path.realpath(filename))
        if text is None:
            with open(filename, "rb") as file:
                text = program_text(filename, file.read())
        linecache.cache[filename] = (len(text), None, io.StringIO(text).readlines(), filename)
        tree: Any = compile(text, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        if self._transform is not None:
            tree = self._transform(tree, filename)
        code: CodeType = compile(tree, filename, "exec", dont_inherit=True)
        return code


class _Loader(SourceFileLoader):
    """Loads a module of the user's through the compiler; neither reads nor writes bytecode."""

    def __init__(self, name: str, path: str, compiler: Compiler, namespace: Mapping[str, object]) -> None:
        super().__init__(name, path)
        self._compiler, self._namespace = compiler, namespace

    def get_code(self, fullname: str) -> CodeType:
        return self._compiler.code(self.get_filename(fullname))

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(self._namespace)
        super().exec_module(module)


class Finder:
    """Stands before python's path finder and gives the user's own modules our loader."""

    def __init__(self, territory: Territory, compiler: Compiler, namespace: Mapping[str, object]) -> None:
        self._territory, self._compiler, self._namespace = territory, compiler, namespace
        self.found: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        if not self._territory.owns(spec.loader.path):
            return None
        spec.loader = _Loader(name, spec.loader.path, self._compiler, self._namespace)
        self.found.append(name)
        return spec
