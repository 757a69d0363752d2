"""The runner behaves as plain python does: the same script is run by both and what they show is compared."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import unstuck
from unstuck.trace.running.modules import Territory

PACKAGES = str(Path(unstuck.__file__).parents[1])
BY_RUNNER = """
import ast, sys
del sys.path[0]
sys.path.append({packages!r})
from unstuck.trace.running import runner
sys.path.remove({packages!r})
class Loud(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.copy_location(ast.Constant("rewritten"), node) if node.value == "plain" else node
def transform(tree, filename):
    return ast.fix_missing_locations(Loud().visit(tree))
module = sys.argv[1] == "-m"
path, *argv = sys.argv[1 + module:]
try:
    options = dict(transform={transform}, namespace={namespace}, edited={edited})
    code = runner.run(path, argv, module=module, **options)
except runner.Stop:
    print("stopped")
    code = 77
sys.exit(code)
"""


def python(folder: Path, *argv: str, stdin: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of plain python."""
    done = subprocess.run([sys.executable, *argv], cwd=folder, input=stdin, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def runner(
    folder: Path,
    *argv: str,
    stdin: str = "",
    transform: str = "transform",
    namespace: str = "{}",
    edited: str = "{}",
) -> tuple[int, str, str]:
    """The same of our runner, in a process of its own."""
    code = BY_RUNNER.format(packages=PACKAGES, transform=transform, namespace=namespace, edited=edited)
    return python(folder, "-c", code, *argv, stdin=stdin)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write the modules {"pkg/mod": text} below `folder`."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


SELF_PORTRAIT = """
    import sys, os
    here = dict(globals())
    print(__name__, sys.argv, sys.path, os.getcwd(), __file__, sys.orig_argv)
    print(sorted(here), __package__, __cached__, __doc__, type(__builtins__), type(__loader__))
    print(here["__spec__"] and here["__spec__"].name, sys.modules["__main__"].__dict__ is globals())
    print(sys.modules["__main__"] is sys.modules.get("__mp_main__", sys.modules["__main__"]))
    print(sys.flags, sys.stdin.read(), sys.getrecursionlimit())
    sys.exit(3)
"""


@pytest.mark.parametrize(
    "path", ["sub/s.py", "./sub/s.py", "sub/../sub/s.py", "{folder}/sub/s.py", "link.py"]
)
def test_script_sees_what_plain_python_shows(tmp_path: Path, path: str) -> None:
    """Name, argv, sys.path, cwd, __file__, globals, stdin and exit code equal those under plain python."""
    write(tmp_path, {"sub/s": SELF_PORTRAIT})
    (tmp_path / "link.py").symlink_to(tmp_path / "sub" / "s.py")
    argv = [path.format(folder=tmp_path), "a", "--flag", "b c"]
    assert runner(tmp_path, *argv, stdin="hello\n") == python(tmp_path, *argv, stdin="hello\n")


@pytest.mark.parametrize("name", ["pkg.train", "pkg", "pkg.deep.er"])
def test_module_start_equals_python_dash_m(tmp_path: Path, name: str) -> None:
    """`-m package.module` runs the packages above it and sets the same names as plain python."""
    loud = "import sys\nprint(__name__, sys.argv)\n"
    write(tmp_path, {"pkg/__init__": loud, "pkg/train": SELF_PORTRAIT, "pkg/__main__": SELF_PORTRAIT})
    write(tmp_path, {"pkg/deep/__init__": loud, "pkg/deep/er": SELF_PORTRAIT})
    argv = ["-m", name, "a"]
    assert runner(tmp_path, *argv) == python(tmp_path, *argv)


@pytest.mark.parametrize("name", ["nothing", "pkg.nothing", "pkg.mod.nothing", "pkg"])
def test_missing_module_fails_as_python_does(tmp_path: Path, name: str) -> None:
    """`-m` of a module that is not there gives exit code 1 and names the module on stderr."""
    write(tmp_path, {"pkg/__init__": "", "pkg/mod": ""})
    code, out, err = runner(tmp_path, "-m", name)
    assert (code, out) == python(tmp_path, "-m", name)[:2]
    assert name in err


@pytest.mark.parametrize(
    "body",
    [
        "sys.exit()", "sys.exit(0)", "sys.exit(5)", "sys.exit(True)", "sys.exit('went wrong')",
        "raise SystemExit", "1 / 0", "raise ValueError('no') from KeyError('k')", "import broken",
        "import syntax", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise TypeError('second')",
        "sys.excepthook = lambda *a: print('mine', a[0], a[2].tb_lineno)\n1 / 0",
        "import threading\nthreading.Thread(target=lambda: print('late')).start()",
        "from concurrent.futures import ThreadPoolExecutor as P\nP(2).submit(print, 'late')",
        "import atexit\natexit.register(print, 'at exit')\n1 / 0", "import absent_package",
        "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])", "x = [\n1,\n0/0]",
        "import json\njson.loads('{')",
    ],
)  # fmt: skip
def test_endings_equal_those_of_python(tmp_path: Path, body: str) -> None:
    """Exit code, stdout and stderr, tracebacks included, are python's for every way to end."""
    write(tmp_path, {"s": "import sys\nprint('start')\n" + body + "\n", "syntax": "x = (\n"})
    write(tmp_path, {"broken": "def f():\n    return {}['key']\nf()\n"})
    assert runner(tmp_path, "s.py") == python(tmp_path, "s.py")


def test_frames_of_hooks_are_dropped_in_the_middle(tmp_path: Path) -> None:
    """A hook of unstuck between two frames of the user's does not show in the traceback."""
    write(tmp_path, {"s": "def f():\n    return 1 / 0\nhook(f)\n"})
    hook = "{'hook': __import__('unstuck.trace.running.runner', fromlist=['_'])._exit_code}"
    nested = "{'hook': lambda f: __import__('contextlib').ExitStack().__exit__(None, None, None) or f()}"
    for namespace in (hook, nested):
        _, _, err = runner(tmp_path, "s.py", namespace=namespace)
        assert "ZeroDivisionError" in err
        assert "unstuck/" not in err


def test_only_the_users_modules_are_transformed(tmp_path: Path) -> None:
    """Modules below the script and below folders that it adds are rewritten; installed ones are not."""
    show = "word = 'plain'\n"
    own = ("app/near", "app/pkg/__init__", "app/pkg/deep", "beside/far")
    write(tmp_path, dict.fromkeys((*own, "app/lib/site-packages/installed", "app/env/inside"), show))
    (tmp_path / "app" / "env" / "pyvenv.cfg").touch()
    script = """
        import sys
        sys.path += ['beside', 'app/lib/site-packages', 'app/env']
        import near, pkg.deep, far, installed, inside
        print('plain', near.word, pkg.word, pkg.deep.word, far.word, installed.word, inside.word)
        print(hooked, near.hooked, hasattr(installed, 'hooked'))
    """
    write(tmp_path, {"app/s": script})
    _, out, err = runner(tmp_path, "app/s.py", namespace="{'hooked': 'yes'}")
    assert err == ""
    assert out.splitlines()[-2:] == [
        "rewritten rewritten rewritten rewritten rewritten plain plain",
        "yes yes False",
    ]


def test_no_bytecode_is_written_for_the_users_modules(tmp_path: Path) -> None:
    """Running a script leaves its folder as it was."""
    write(tmp_path, {"s": "import near", "near": ""})
    assert runner(tmp_path, "s.py")[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["near.py", "s.py"]


def test_edited_text_runs_instead_of_the_file(tmp_path: Path) -> None:
    """An edited module runs with the lines of the edit while its file keeps the old text."""
    write(tmp_path, {"s": "import near\n", "near": "print('old')\n"})
    _, out, err = runner(tmp_path, "s.py", edited="{'near.py': 'print(1)\\n\\n1 / 0\\n'}", transform="None")
    assert out == "1\n"
    assert 'near.py", line 3' in err
    assert (tmp_path / "near.py").read_text() == "print('old')\n"


@pytest.mark.parametrize(
    ("body", "out"),
    [
        ("try:\n    stop()\nexcept Exception:\n    print('swallowed')", "stopped\n"),
        ("try:\n    stop()\nfinally:\n    print('cleaned')", "cleaned\nstopped\n"),
        ("import sys\ntry:\n    stop()\nexcept:\n    sys.exit(4)", "stopped\n"),
        ("try:\n    stop()\nexcept BaseException as e:\n    raise ValueError from e", "stopped\n"),
        (
            "for i in range(3):\n    try:\n        stop()\n    except:\n        print(i)\nstop()",
            "0\n1\n2\nstopped\n",
        ),
    ],
)
def test_stop_ends_the_script(tmp_path: Path, body: str, out: str) -> None:
    """Stop passes `except Exception`, runs finally blocks and shows through what a bare except made of it."""
    write(tmp_path, {"s": body + "\n"})
    stop = "{'stop': lambda: (_ for _ in ()).throw(runner.Stop)}"
    assert runner(tmp_path, "s.py", namespace=stop) == (77, out, "")


def test_a_users_module_wins_over_one_that_we_imported(tmp_path: Path) -> None:
    """A module of the user's that shares its name with one that unstuck uses is the user's."""
    write(tmp_path, {"s": "import sysconfig, threading\nprint(sysconfig.x)\n", "sysconfig": "x = 'mine'\n"})
    assert runner(tmp_path, "s.py") == python(tmp_path, "s.py")


@pytest.mark.parametrize("coding", ["latin-1", "cp1252", "utf-8-sig"])
def test_source_encodings_are_respected(tmp_path: Path, coding: str) -> None:
    """A script in another encoding prints the same as under plain python."""
    (tmp_path / "s.py").write_bytes(f"# -*- coding: {coding} -*-\r\nprint(ascii('naïve'))\r\n".encode(coding))
    assert runner(tmp_path, "s.py") == python(tmp_path, "s.py")


def test_pickles_and_source_of_main_work(tmp_path: Path) -> None:
    """Objects of `__main__` can be pickled and their source inspected."""
    script = """
        import inspect, pickle
        class Net:
            pass
        print(type(pickle.loads(pickle.dumps(Net()))) is Net, inspect.getsource(Net))
    """
    write(tmp_path, {"s": script})
    assert runner(tmp_path, "s.py") == python(tmp_path, "s.py")


def test_the_standard_library_is_never_the_users(tmp_path: Path) -> None:
    """Territory owns a file below its folder, and neither the standard library nor unstuck."""
    write(tmp_path, {"s": ""})
    territory = Territory(str(tmp_path))
    assert territory.owns(str(tmp_path / "s.py"))
    assert not territory.owns(ast.__file__)
    assert not territory.owns(unstuck.__file__)
    assert not Territory(os.path.dirname(ast.__file__)).owns(ast.__file__)
