"""Run the user's program inside this process as `python script.py ...` would run it.

The script gets a real `__main__` module, its own sys.argv and sys.path[0], its true file name in tracebacks,
and leaves with the exit code that python would give.  On the way every module of the user's own (the script
and what lies beside it, never the standard library or an installed package) may be rewritten as a syntax
tree; rewritten code is never cached on disk.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType, TracebackType

from unstuck.cells import is_notebook
from unstuck.trace.running import kernel
from unstuck.trace.running.modules import Compiler, Finder, Territory, Transform, from_unstuck


class Stop(BaseException):
    """Raised inside the script when enough was seen; `except Exception` cannot swallow it."""


# ----- The state of the interpreter ---------------------------------------------------------------------


@contextmanager
def _interpreter(argv: list[str], entry: str, orig_argv: list[str]) -> Iterator[None]:
    """The interpreter's global state as python sets it for a script; put back afterwards."""
    kept = {name: sys.modules.get(name) for name in ("__main__", "__mp_main__")}
    before = sys.argv, sys.orig_argv, sys.path[:], sys.meta_path[:]
    sys.argv, sys.orig_argv = argv, orig_argv
    if not sys.flags.safe_path:
        sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.argv, sys.orig_argv, sys.path[:], sys.meta_path[:] = before
        for name, module in kept.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


@contextmanager
def _finding(finder: Finder) -> Iterator[None]:
    """Let `finder` answer first for files; modules that it loaded are forgotten afterwards."""
    place = next((i for i, other in enumerate(sys.meta_path) if other is PathFinder), len(sys.meta_path))
    sys.meta_path.insert(place, finder)
    try:
        yield
    finally:
        for name in finder.found:
            sys.modules.pop(name, None)


@contextmanager
def _unshadowed(folder: str) -> Iterator[None]:
    """Forget modules that we imported but that the user's folder would have provided under plain python."""
    present = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    hidden: dict[str, ModuleType] = {}
    for name in {key.partition(".")[0] for key in sys.modules} - {"unstuck", "encodings"}:
        package = name in present and os.path.exists(os.path.join(folder, name, "__init__.py"))
        spec = getattr(sys.modules.get(name), "__spec__", None)
        early = spec is None or spec.loader in (
            BuiltinImporter,
            FrozenImporter,
        )  # python's own start loads them
        if (package or name + ".py" in present) and not early:
            family = [key for key in sys.modules if key == name or key.startswith(name + ".")]
            hidden |= {key: sys.modules.pop(key) for key in family}
    try:
        yield
    finally:
        sys.modules.update(hidden)


# ----- Finding and running the program ------------------------------------------------------------------


def _absolute(path: str) -> str:
    """The absolute path as python makes it for `__file__`: links, "." and ".." stay (except on Windows)."""
    if os.name == "nt":
        return os.path.abspath(path)
    return os.path.join(os.getcwd(), path)


def _main_module(filename: str, spec: ModuleSpec | None) -> ModuleType:
    """A fresh `__main__` with the attributes that python gives it, registered in sys.modules."""
    main = ModuleType("__main__")
    values: dict[str, object] = {"__builtins__": sys.modules["builtins"], "__file__": filename}
    if sys.version_info < (3, 14):
        values |= {"__annotations__": {}}
    values |= {"__cached__": spec.cached if spec else None, "__spec__": spec}
    values |= {"__loader__": spec.loader if spec else SourceFileLoader("__main__", filename)}
    values |= {"__package__": spec.parent if spec else None}
    main.__dict__.update(values)
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main
    return main


def _find_module(name: str) -> ModuleSpec:
    """The spec of what `python -m name` runs; parent packages are imported on the way.

    Raises SystemExit with python's own words when there is none.
    """
    wrong = f"No module named {name}"
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise  # a package on the way failed to import something of its own
        spec, wrong = None, str(error)
    if spec is not None and spec.submodule_search_locations is not None:
        return _find_module(name + ".__main__")
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        raise SystemExit(f"{sys.executable}: {wrong}")
    spec.loader = SourceFileLoader(name, spec.loader.path)
    return spec


def home(path: str, module: bool) -> str:
    """The folder that python puts first on sys.path: that of the script, or the current one for -m."""
    return os.getcwd() if module else os.path.dirname(os.path.realpath(path))


def run(
    path: str,
    argv: list[str] | tuple[str, ...],
    *,
    module: bool,
    transform: Transform | None = None,
    namespace: Mapping[str, object] | None = None,
    edited: Mapping[str, str] | None = None,
) -> int:
    """Run the script at `path` (or the module of that name) with the arguments `argv`; return its exit code.

    transform  rewrites the syntax tree of each file of the user's own: (tree, true file name) -> tree
    namespace  names put into the globals of each such module before it runs
    edited     text to run instead of what a file holds, by path; the files stay untouched

    An uncaught exception prints the script's own traceback on stderr, without our frames, and gives 1.
    Raises Stop when Stop ended the script, also when the script turned it into something else (such as a
    sys.exit in a bare except).
    """
    compiler = Compiler(transform, edited or {})
    names = dict(namespace or {})
    folder = home(path, module)
    finder = Finder(Territory(folder), compiler, names)
    typed = ["-m", path] if module else [path]
    state = _interpreter([typed[0], *argv], folder, [sys.executable, *typed, *argv])
    with state, _unshadowed(folder), _finding(finder):
        return _exit_code(lambda: _execute(path, module, compiler, names))


def _execute(path: str, module: bool, compiler: Compiler, namespace: Mapping[str, object]) -> None:
    """Compile and run the main program in a fresh `__main__`."""
    spec = _find_module(path) if module else None
    filename = str(spec.origin) if spec else _absolute(path)
    if spec is not None:
        sys.argv[0] = filename
    main = _main_module(filename, spec)
    code = compiler.code(filename)
    main.__dict__.update(namespace)
    if is_notebook(filename):
        main.__dict__.update(kernel.names())
        with kernel.as_in_jupyter(filename):
            exec(code, main.__dict__)
    else:
        exec(code, main.__dict__)


def _exit_code(program: Callable[[], None]) -> int:
    """Call `program` and say with which code python would have ended."""
    code, older = 0, set(threading.enumerate())
    try:
        program()
    except BaseException as error:
        if _stopped(error):
            raise Stop from None
        code = _leave(error)
    _wait_for([thread for thread in threading.enumerate() if thread not in older and not thread.daemon])
    return code


def _wait_for(threads: list[threading.Thread]) -> None:
    """As python does before it leaves: pools of workers are told to end, then the threads are joined."""
    if threads:
        for tell in reversed(getattr(threading, "_threading_atexits", [])):
            tell()
    for thread in threads:
        thread.join()


def _leave(error: BaseException) -> int:
    """Print what python prints for an exception that nobody caught; return python's exit code."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return int(error.code or 0)
        print(error.code, file=sys.stderr)
        return 1
    sys.stdout.flush()
    _peel(error, set())
    told = is_notebook(sys.argv[0]) and sys.excepthook is sys.__excepthook__
    show = (
        traceback.print_exception if told else sys.excepthook
    )  # the interpreter's own would show the lines of the file
    show(type(error), error, error.__traceback__)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _stopped(error: BaseException | None) -> bool:
    """Is `error` our Stop, or was it raised while the script handled our Stop?"""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Stop):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _peel(error: BaseException | None, seen: set[int]) -> None:
    """Take the frames of unstuck and of the import machinery out of a traceback and those chained to it."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    frames: list[TracebackType] = []
    link = error.__traceback__
    while link is not None:
        filename = link.tb_frame.f_code.co_filename
        if not from_unstuck(filename) and not filename.startswith("<frozen importlib"):
            frames.append(link)
        link = link.tb_next
    following: TracebackType | None = None
    for old in reversed(frames):
        following = TracebackType(following, old.tb_frame, old.tb_lasti, old.tb_lineno)
    error.__traceback__ = following
    _peel(error.__cause__, seen)
    _peel(error.__context__, seen)
    for inner in getattr(error, "exceptions", ()):
        if isinstance(inner, BaseException):
            _peel(inner, seen)
