"""An instrumented program behaves as under plain python, knows its places, and costs little while it sleeps."""

from __future__ import annotations

import ast
import io
import random
import re
import sys
import textwrap
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets  # noqa: F401 -- importing it draws random numbers, so it must come before the scripts
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_programs import FAILING, PROGRAMS
from recorded import Clock, Ending, assert_same, plain, recorded

from unstuck.facts import Span
from unstuck.trace.running import runner
from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.runtime import Runtime

RIGHT = Path(__file__).parents[1] / "scripts" / "right"
SCRIPTS = sorted([*RIGHT.glob("*.py"), *RIGHT.glob("*/main.py")])


def assert_parity(source: str) -> Ending:
    """Recording on, off, and switched at random, the program does what it does under plain python."""
    expected = plain(source)
    assert_same(expected, recorded(source))
    assert_same(expected, recorded(source, on=False))
    for seed in range(3):
        assert_same(expected, recorded(source, on=bool(seed % 2), switching=seed))
    return expected


# ----- Parity -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_odd_program_behaves_as_under_plain_python(name: str) -> None:
    """The same globals bit by bit, output, exception, line and random stream, whenever recording is on."""
    ending = assert_parity(PROGRAMS[name])
    assert (ending.error is not None) == (name in FAILING)


NAMES = st.sampled_from(["a", "b", "c", "row", "s"])
INDICES = st.sampled_from(
    ["0", "-1", "1:", "::2", "[1, 0]", "..., 0", "a > 0 if a.ndim else ...", "i % 2", "()"]
)
OPERATORS = st.sampled_from(["+", "-", "*", "/", "@", "**", "//", "%", ">", "<=", "!=", "&"])
ATOMS = st.one_of(
    NAMES,
    st.sampled_from(
        ["1", "0.5", "i", "a.T", "f(a)", "f(b, y=c)", "(lambda q: q * i)(b)", "np.tanh(a)", "-b"]
    ),
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("np.asarray({})[{}]".format, inner, INDICES),
        st.builds("np.sum({})".format, inner),
        st.builds("({} if i else {})".format, inner, inner),
        st.builds("[{} for v in np.ravel({})][0]".format, inner, inner),
        st.builds("(t := {})".format, inner),
        st.builds("np.stack([{}, {}])".format, inner, inner),
        st.builds("max(0.0, *np.ravel({}))".format, inner),
    ),
    max_leaves=6,
)
SIMPLE = st.one_of(
    st.builds("{} = {}".format, NAMES, EXPRESSIONS),
    st.builds("{} {}= {}".format, NAMES, st.sampled_from("+-*/"), EXPRESSIONS),
    st.builds("{}[{}] = {}".format, NAMES, INDICES, EXPRESSIONS),
    st.builds("{}[{}] += {}".format, NAMES, INDICES, EXPRESSIONS),
    st.builds("o.w {}= {}".format, st.sampled_from("+-*"), EXPRESSIONS),
    st.builds("{}, {} = {}, {}".format, NAMES, NAMES, EXPRESSIONS, EXPRESSIONS),
    st.builds("{}[0], o.w = {}, {}".format, NAMES, EXPRESSIONS, EXPRESSIONS),
    st.builds("np.add({}, {}, out={})".format, NAMES, EXPRESSIONS, NAMES),
    st.builds("np.add.at({}, 0, {})".format, NAMES, EXPRESSIONS),
    st.builds("log.append(float(np.sum({})))".format, EXPRESSIONS),
    st.sampled_from(
        ["break", "continue", "pass", "return a", "np.random.shuffle(a)", "a = rng.random((2, 2))"]
    ),
)
HEADERS = st.sampled_from(
    [
        "if i % 2:",
        "for k in range(2):",
        "for row in a:",
        "while (i := i + 1) < 3:",
        "try:",
        "with np.errstate():",
    ]
)


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Lines of a function's body, which may nest."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        if depth < 2 and draw(st.booleans()):
            header = draw(HEADERS)
            lines += [header, *("    " + line for line in draw(blocks(depth + 1)))]
            if header == "try:":
                lines += ["except (ValueError, TypeError) as e:", "    log.append(type(e).__name__)"]
        else:
            lines.append(draw(SIMPLE))
    return lines


@given(blocks())
@settings(max_examples=60, deadline=None)
def test_a_random_program_behaves_as_under_plain_python(body: list[str]) -> None:
    """So do programs that nobody wrote, whether they end well or not."""
    prologue = [
        "import numpy as np",
        "log, t, rng = [], 0, np.random.default_rng(0)",
        "class O: w = np.ones(2)",
        "def f(x, y=2.0): return np.maximum(x, 0) * y",
        "def main(a, b, c, o=O(), i=1):",
        "    row, s = b, 3.0",
        "    for _ in range(2):",
        *("        " + line for line in body),
        "    return a, b, c, row, s, o.w, i",
        "out = main(np.arange(4.0).reshape(2, 2) - 1, np.array([2.0, -3.0]), np.arange(2))",
    ]
    source = "\n".join(prologue)
    if compiles(source):
        assert_parity(source)


def compiles(source: str) -> bool:
    """Is the text legal python?"""
    try:
        compile(source, "", "exec")
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("script", SCRIPTS[::3], ids=lambda path: str(path.relative_to(RIGHT)))
def test_a_network_trains_to_the_same_bits(script: Path) -> None:
    """Under recording that is switched at random, a real script ends with bit-identical arrays and output."""
    expected = run_script(script, None)
    for switching in (None, 1):
        assert_same(expected, run_script(script, Clock(switching)))


def run_script(script: Path, clock: Clock | None) -> Ending:
    """Two epochs of a script by the runner, instrumented if there is a clock."""
    ending, mains, instrumenter = Ending({}), [], Instrumenter()
    namespace: dict[str, object] = {}
    if clock:
        clock.runtime = Runtime(instrumenter.sites, clock, instrumenter.files)
        clock.runtime.on = True
        namespace["__u__"] = clock.runtime

    def transform(tree: ast.Module, filename: str) -> ast.Module:
        mains.append(sys.modules["__main__"])
        return instrumenter.transform(tree, filename, Path(filename).read_text()) if clock else tree

    edited = {str(script): re.sub(r"(?mi)^(epochs) = \d+", r"\1 = 2", script.read_text())}
    np.random.seed(0)
    random.seed(0)
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = runner.run(
            str(script), (), module=False, transform=transform, namespace=namespace, edited=edited
        )
    assert code == 0
    ending.names, ending.printed = mains[0].__dict__, printed.getvalue()
    ending.draws = (float(np.random.random()), random.random())
    return ending


# ----- Places -------------------------------------------------------------------------------------------


def nodes_of(source: str) -> list[tuple[str, str, Any]]:
    """(operation, text under its span, value) of every node with a span."""
    recording = recorded(source)
    assert recording.error is None, recording.error
    nodes = recording.runtime.memory.nodes
    return [(node.op, cut(source, node.span), node.value) for node in nodes if node.span]


def cut(source: str, span: Span) -> str:
    """The text that a span covers."""
    lines = source.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def test_a_span_is_the_very_expression() -> None:
    """The text under each node's span is the expression that computed it, also after wide characters and tabs."""
    source = textwrap.dedent(
        """
        import numpy as np
        ä, w = np.ones(3), np.eye(3)
        def f(größe):
        \tif True:
        \t\treturn "→→" and größe * 2.5 + ä  # 数
        x = f(ä); y = (
            x @ w.T
            - np.tanh(
                x[1:] , ) .sum( )
        )
        y[0] += 3.0 * x[2]
        z = [v ** 2 for v in y] ; u = {"π": y[::-1]}["π"]
        \x0cs = sum(z) + 0.5
        """
    )
    assert [text for _, text, _ in nodes_of(source)] == [
        *("np.ones(3)", "np.eye(3)", "größe * 2.5", "größe * 2.5 + ä", "w.T", "x @ w.T", "x[1:]"),
        *("np.tanh(\n        x[1:] , )", "np.tanh(\n        x[1:] , ) .sum( )"),
        "x @ w.T\n    - np.tanh(\n        x[1:] , ) .sum( )",
        *("y[0]", "x[2]", "3.0 * x[2]", "y[0] += 3.0 * x[2]", "y[0] += 3.0 * x[2]"),
        *("y", "v ** 2", "y", "v ** 2", "y", "v ** 2", "y[::-1]", "sum(z)", "sum(z)", "sum(z) + 0.5"),
    ]


@given(st.deferred(lambda: EXPRESSIONS))
@settings(max_examples=50, deadline=None)
def test_the_text_under_a_span_computes_the_value(expression: str) -> None:
    """Evaluated anew, the text under each span gives the recorded value."""
    given_values: dict[str, Any] = {
        "np": np,
        "f": lambda x, y=2.0: np.multiply(x, y),
        **{
            "a": np.arange(4.0).reshape(2, 2) - 1,
            "b": np.array([2.0, -3.0]),
            "c": np.arange(2),
            "row": np.ones(2),
        },
        **{"s": 3.0, "i": 1, "t": 1.0},
    }
    recording = recorded(f"ö = {expression}", given_values)
    if recording.error or ":=" in expression or "for v" in expression:
        return
    for node in recording.runtime.memory.nodes:
        text = cut(f"ö = {expression}", node.span) if node.span else "q"
        unpacked = node.op in ("getitem", "gather") and not text.endswith("]")  # the elements of *text
        if "q" not in text.split() and not unpacked:
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(eval(text, dict(given_values)), node.value)


# ----- Cost ---------------------------------------------------------------------------------------------


class Counting(Runtime):
    """Counts how often the program asks for anything."""

    def __init__(self) -> None:
        instrumenter, clock = Instrumenter(), Clock()
        super().__init__(instrumenter.sites, clock, instrumenter.files)
        self.instrumenter = instrumenter
        self.asked: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        if name in HOOKS:
            object.__getattribute__(self, "asked")[name] += 1
        return object.__getattribute__(self, name)


HOOKS = {
    "on",
    "bin",
    "un",
    "get",
    "set",
    "call",
    "name",
    "iop",
    "part",
    "update",
    "elements",
    "iterate",
    "owner",
} | {
    *("transpose", "slice", "enter", "tick", "leave"),
}


def test_a_sleeping_recorder_is_asked_once_per_run_of_statements() -> None:
    """Switched off, the program asks `on` once per block and announces its loops; no operation passes a hook."""
    body = "    w = w * 0.5 + w[0] - np.tanh(w)\n" * 50
    source = f"import numpy as np\nw = np.ones(3)\nfor i in range(10):\n{body}"
    counting = Counting()
    tree = counting.instrumenter.transform(ast.parse(source), "f", source)
    exec(compile(tree, "f", "exec"), {"__u__": counting})
    assert counting.asked == {"on": 1 + 1 + 10, "enter": 1, "tick": 10, "leave": 1}


def test_a_loop_that_nobody_listens_to_runs_as_written() -> None:
    """A deaf loop asks for its number once, at its entry; no round and no statement of it meets a hook."""
    source = "total = 0.0\nfor i in range(3):\n    for j in range(10):\n        total += i * j\n"
    counting = Counting()
    tree = counting.instrumenter.transform(ast.parse(source), "f", source)
    counting.sleep({1})
    names: dict[str, Any] = {"__u__": counting}
    exec(compile(tree, "f", "exec"), names)
    assert names["total"] == 135.0
    assert counting.asked == {"on": 1, "enter": 1, "tick": 3, "leave": 1}


def test_each_statement_is_compiled_twice_and_once_more_for_every_loop_around_it() -> None:
    """The code grows by one copy for every loop around it, not by a factor of two."""
    depth = 12
    lines = ["def f(x):", *("    " * k + f"for i{k} in x:" for k in range(1, depth + 1))]
    source = "\n".join([*lines, "    " * (depth + 1) + "x = x * 12345"])
    tree = Instrumenter().transform(ast.parse(source), "f", source)
    assert sum(isinstance(node, ast.Constant) and node.value == 12345 for node in ast.walk(tree)) == 2 + depth


def test_compiled_functions_are_left_alone() -> None:
    """What a decorator compiles by itself (numba) must not meet a hook."""
    source = "def njit(f): return f\n@njit\ndef f(x): return x * 2\n@np.vectorize\ndef g(x): return x * 2\n"
    tree = Instrumenter().transform(ast.parse(source), "f", source)
    assert "__u__" not in ast.unparse(tree.body[1]) + ast.unparse(tree.body[2])


def test_generators_do_not_announce_their_loops() -> None:
    """The loops of a generator interleave with those of its consumer, so only the latter are announced."""
    source = "def g(x):\n    for v in x:\n        yield v\nfor v in g([1.0]):\n    pass\n"
    announced = ast.unparse(Instrumenter().transform(ast.parse(source), "f", source)).split("\n")
    assert [line.strip() for line in announced if ".tick(" in line] == ["__u__.tick(1)"]
