"""A script is recorded in a child process, whatever it does there; a small recorder replaces the real one."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unstuck.facts import Edit, Span, Trace
from unstuck.problems import Problem
from unstuck.trace import session
from unstuck.trace.job import Job

STARTED = 8.0  # seconds after which a child has started and done what it does before it waits, however busy the machine
RECORDER = '''
import ast, sys, time, types
from dataclasses import replace
from unstuck.autodiff import effort
from unstuck.facts import Trace, Source
from unstuck.trace.running.runner import Stop

class Ticks:
    """Counts the turns of every loop of the user's; stops the script after `steps` of them."""
    def __init__(self, job):
        self.job, self.count = job, 0
    def tick(self):
        self.count += 1
        if self.count >= self.job.steps and not self.job.full_run:
            raise Stop

class Recorder:
    def __init__(self, job):
        self.job, self.ticks = job, Ticks(job)
        self.namespace = {"__u__": self.ticks}
    def transform(self, tree, filename):
        for node in ast.walk(tree):
            if isinstance(node, (ast.For, ast.While)):
                node.body.insert(0, ast.parse("__u__.tick()").body[0])
        return ast.fix_missing_locations(tree)
    def finish(self, outcome):
        if self.job.argv == ("clumsy",):
            raise RuntimeError("oh")
        if self.job.argv == ("slow",):
            time.sleep(60)
        while self.job.argv == ("patient",) and not effort.stopped():
            time.sleep(0.05)
        status = "exact" if self.ticks.count else "not-applicable"
        return Trace((Source(self.job.path, ""),), self.job.argv, "numpy", status, "",
                     steps=self.ticks.count, outcome=outcome)

module = types.ModuleType("unstuck.trace.recorder")
module.Recorder = Recorder
sys.modules[module.__name__] = module
'''
Record = Callable[..., Trace]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Records a script given as text under the small recorder, in an empty folder."""
    plain = session._LAUNCH
    launch = plain.replace("from unstuck.trace.worker", f"exec({RECORDER!r})\nfrom unstuck.trace.worker")
    assert launch != plain
    monkeypatch.setattr(session, "_LAUNCH", launch)
    monkeypatch.chdir(tmp_path)

    def run(text: str, *argv: str, timeout: float = 60, **options: Any) -> Trace:
        (tmp_path / "train.py").write_text(textwrap.dedent(text), encoding="utf-8")
        watch = {name: options.pop(name) for name in ("on_output", "cancelled") if name in options}
        return session.record(Job("train.py", argv, **options), timeout=timeout, **watch)

    return run


def tail(trace: Trace) -> tuple[str, ...]:
    """The last lines that the script printed."""
    assert trace.outcome is not None
    return trace.outcome.tail


def test_a_run_brings_its_trace_home(record: Record, tmp_path: Path) -> None:
    """Steps, output, printed numbers and the way it ended come back; nothing is written beside the script."""
    trace = record("for i in range(9): print(f'I:{i} Acc:{i / 10}')\n", full_run=True)
    assert (trace.steps, trace.status, tail(trace)[-1]) == (9, "exact", "I:8 Acc:0.8")
    assert trace.printed == {"I": 8, "Acc": 0.8}
    assert trace.outcome is not None
    assert (trace.outcome.exit_code, trace.outcome.stopped_early) == (0, False)
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_enough_steps_stop_an_endless_script(record: Record) -> None:
    """The recorder stops a script that never ends and that swallows every exception."""
    trace = record(
        """
        n = 0
        while True:
            try:
                for _ in range(10):
                    pass
            except:
                n += 1
                print("swallowed", n)
        """,
        steps=15,
    )
    assert trace.steps >= 15
    assert trace.outcome is not None
    assert trace.outcome.stopped_early


@pytest.mark.parametrize("line", ["time.sleep(600)", "any(iter(lambda: 0, 1))", "os.read(os.pipe()[0], 1)"])
def test_time_up_saves_what_was_seen(record: Record, line: str) -> None:
    """When time is up the child is asked to end, in the middle of whatever it does, and its trace is kept."""
    trace = record(f"import os, time\nfor i in range(3): print(i)\n{line}\n", timeout=STARTED)
    assert trace.steps == 3
    assert tail(trace) == ("0", "1", "2")
    assert trace.outcome is not None
    assert trace.outcome.stopped_early


def test_a_deaf_script_is_killed(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that ignores the signal is killed, and the trace says why nothing was learnt."""
    monkeypatch.setattr(session, "GRACE", 1.0)
    text = (
        "import signal, time\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\nprint('deaf')\ntime.sleep(600)\n"
    )
    trace = record(text, timeout=STARTED)
    assert (trace.status, trace.steps, tail(trace)) == ("cannot-tell", 0, ("deaf",))
    assert "asked" in trace.reason
    assert trace.sources[0].text == text


def test_a_slow_analysis_is_not_blamed_on_the_script(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the script has ended and reading its tape has not, the reason speaks of the analysis."""
    monkeypatch.setattr(session, "GRACE", 1.0)
    trace = record("for i in range(3): pass\n", "slow", timeout=STARTED)
    assert trace.status == "cannot-tell"
    assert "the analysis of its training steps did not come to an end" in trace.reason


def test_an_analysis_that_is_asked_to_hurry_tells_what_it_has(record: Record) -> None:
    """When time is up, searches count as having used up their effort, and the trace comes home."""
    trace = record("for i in range(3): pass\n", "patient", timeout=STARTED)
    assert (trace.status, trace.steps) == ("exact", 3)


def test_cancelling_ends_the_child(record: Record) -> None:
    """Once `cancelled` answers true the child and what it started are ended."""
    start = time.monotonic()
    text = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    trace = record(text, cancelled=lambda: time.monotonic() > start + 1, purpose="verify")
    assert trace.reason == "cancelled"


def test_a_million_prints_do_not_block(record: Record) -> None:
    """Much output, long lines and bytes that are no text pass; the last lines are kept."""
    heard: list[str] = []
    text = r"""
        import sys, os
        sys.stderr.write("e" * 300_000 + "\n")
        sys.stdout.write("x\n" * 1_000_000)
        os.write(1, b"\xff\xfe\n")
        print("y" * 100_000)
        print("the end ☃")
    """
    trace = record(text, on_output=heard.append)
    assert tail(trace)[-1] == "the end ☃"
    assert tail(trace)[-3] == "��"
    assert max(map(len, tail(trace))) <= 2000
    assert sum(piece.count("x\n") for piece in heard) >= 999_000


def test_a_listener_cannot_block_the_script(record: Record) -> None:
    """A listener that raises is dropped and the recording goes on."""

    def listener(text: str) -> None:
        raise BrokenPipeError

    trace = record("print('x' * 1_000_000)\nfor i in 'ab': print(i)\n", on_output=listener)
    assert tail(trace)[-2:] == ("a", "b")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("print('usage: ...')\nraise SystemExit(3)", 3, "exit code 3"),
        ("def f():\n    return 1 / 0\nf()", 1, "exit code 1"),
        ("import os\nos._exit(7)", 7, "exit code 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", 139, "SIGSEGV"),
        (
            "import a_package_nobody_has.sub",
            1,
            "train.py imports a_package_nobody_has, which this environment lacks",
        ),
    ],
)
def test_a_script_that_fails_is_a_problem(
    record: Record, capsys: pytest.CaptureFixture[str], text: str, code: int, words: str
) -> None:
    """A script that fails before anything was learnt ends with its own exit code and traceback."""
    with pytest.raises(Problem) as caught:
        record(text)
    assert caught.value.exit_code == code
    assert words in caught.value.message
    err = capsys.readouterr().err
    assert "unstuck" not in err.replace("uv run --with unstuck", "")
    assert ("ZeroDivisionError" in err) == ("1 / 0" in text)


def test_an_absent_package_comes_with_the_command(record: Record) -> None:
    """The hint for a missing package names its distribution and the script's own arguments."""
    with pytest.raises(Problem) as caught:
        record("raise ModuleNotFoundError(\"No module named 'cv2'\", name='cv2')", "--fast")
    assert "uv run --with unstuck --with opencv-python unstuck train.py --fast" in caught.value.hint


def test_a_failure_after_steps_is_a_result(record: Record) -> None:
    """A script that fails after some steps still brings its trace, with the exit code."""
    trace = record("for i in range(5): pass\nraise SystemExit(4)")
    assert trace.steps == 5
    assert trace.outcome is not None
    assert trace.outcome.exit_code == 4


def test_a_silent_exit_is_a_result(record: Record) -> None:
    """A process that ends itself behind our back gives a trace that says so."""
    trace = record("import os\nprint('bye', flush=True)\nos._exit(0)")
    assert trace.status == "cannot-tell"
    assert "os._exit" in trace.reason


def test_an_analysis_that_fails_is_a_result(record: Record) -> None:
    """An error of the recorder itself gives a trace that says so."""
    trace = record("print(1)", "clumsy")
    assert trace.status == "cannot-tell"
    assert "RuntimeError: oh" in trace.reason


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x = (\n", "'(' was never closed"),
        (b"print 'python 2'\n", "Missing parentheses"),
        (b"x = '\xff'\n", "cannot be decoded"),
        (b"# -*- coding: klingon -*-\n", "cannot be decoded"),
        (b"\x7fELF\0\0", "binary data"),
        (None, "folder"),
        (b"", "no file"),
    ],
)
def test_what_python_could_not_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, words: str
) -> None:
    """No child is started for what is missing, no python text, or does not compile."""
    monkeypatch.setattr(session, "_start", None)
    path = tmp_path / "train.py"
    if content is None:
        path.mkdir()
    elif content:
        path.write_bytes(content)
    with pytest.raises(Problem) as caught:
        session.record(Job(str(path)), timeout=10)
    assert words in str(caught.value)


def test_edits_change_the_run_and_not_the_file(record: Record, tmp_path: Path) -> None:
    """The worker runs the edited text; the file on disk keeps what it held."""
    text = "print('ä', 1 >= 1)\n"
    trace = record(text, edits=(Edit(Span("train.py", 1, 14, 1, 16), ">"),))
    assert tail(trace) == ("ä False",)
    assert (tmp_path / "train.py").read_text(encoding="utf-8") == text


RANDOM = """
    import random, pickle
    import numpy as np
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    print(train_test_split(np.arange(20), random_state=1)[0])
    print(check_random_state(3).random(), check_random_state(np.random.RandomState(0)) is not None)
    print(np.random.random(), random.random(), flush=True)
    np.random.seed(5); print(np.random.random())
    print(np.random.default_rng(5).random(), np.random.default_rng().random(), end=" ")
    print(np.random.RandomState(5).rand())
    random.seed("a"); print(random.random(), random.Random(4).random())
    rng = np.random.RandomState(7)
    print(isinstance(rng, np.random.RandomState), type(pickle.loads(pickle.dumps(rng))).__name__)
    print(np.random.default_rng(np.random.default_rng(1)).random())
    print(hash("a"))
"""


def test_a_seed_decides_all_randomness_but_the_data(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """One seed gives one run; another seed changes every draw of the script's but none of scikit-learn's."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    first, again, second = (tail(record(RANDOM, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first[:2] == second[:2]
    assert first[6] == second[6] == "True RandomState"
    for line in (2, 3, 4, 5, 7, 8):
        assert not set(first[line].split()) & set(second[line].split())


def test_without_a_seed_the_script_keeps_its_own(record: Record) -> None:
    """A script that seeds itself draws what it draws under plain python."""
    import numpy as np

    trace = record("import numpy as np\nnp.random.seed(5)\nprint(np.random.random())\n")
    assert tail(trace) == (str(np.random.RandomState(5).random_sample()),)


def test_a_module_is_recorded(record: Record, tmp_path: Path) -> None:
    """`-m package.module` runs from the current folder with relative imports."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "net.py").write_text("for i in range(4): pass\n")
    (tmp_path / "pkg" / "train.py").write_text("from . import net\nprint(__package__)\n")
    trace = session.record(Job("pkg.train", module=True), timeout=60)
    assert (trace.steps, tail(trace)) == (4, ("pkg",))


def test_stdin_reaches_the_first_recording_only(record: Record) -> None:
    """A verifying run finds its stdin empty, so that it cannot eat the user's."""
    trace = record("import sys\nprint(repr(sys.stdin.read()), sys.argv)\n", purpose="verify")
    assert tail(trace) == ("'' ['train.py']",)
