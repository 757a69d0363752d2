"""Notebooks: what cells and magics become, how places are told, and how an edit gets back into the file."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import judged, wrong

from unstuck import cells
from unstuck.facts import Edit, Fix, Source, Span
from unstuck.fix.apply import write_fix
from unstuck.problems import Problem
from unstuck.trace.job import Job
from unstuck.trace.running.magics import plain_python
from unstuck.trace.running.sources import apply_edits, check_syntax, line_in_words, read_source
from unstuck.trace.session import record

NETWORK = (
    "%matplotlib inline\n!pip install numpy \\\n  --quiet\nimport numpy as np\nfrom IPython.display import display",
    '%%bash\necho "it\'s"',
    "%%time\nrng = np.random.default_rng(0)\nX = rng.normal(size=(20, 3))\nt = X[:, :1] ** 2\nnp.dot?\nX.shape",
    "W1, W2 = rng.normal(size=(3, 5)), rng.normal(size=(5, 1))\nhere = !ls\nget_ipython().magic('who')",
    "for step in range(40):\n    h = np.tanh(X @ W1)\n    d = (h @ W2 - t) / len(X)\n"
    "    back = d @ W2.T * (1 - h ** 2)\n    W2 -= 0.1 * h.T @ d\n"
    "    W1 -= 0.1 * X.T @ back\n    display(step)\nnp.mean(d ** 2)",
)
RIGHT_LINE, WRONG_LINE = "back = d @ W2.T * (1 - h ** 2)", "back = d @ W2.T * (1 - h)"


def notebook(texts: tuple[str, ...], language: str = "python", indent: int | None = 1) -> bytes:
    """A file as Jupyter writes it, with a heading and an empty cell among the cells."""
    described: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Ünstuck"]}]
    for text in (texts[0], "", *texts[1:]):
        lines = text.splitlines(keepends=True)
        described.append(
            {"cell_type": "code", "execution_count": 7, "metadata": {}, "outputs": [], "source": lines}
        )
    metadata = {"kernelspec": {"language": language}, "language_info": {"name": language}}
    document = {"cells": described, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(document, indent=indent, ensure_ascii=False) + "\n").encode()


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "net.ipynb"
    path.write_bytes(content)
    return path


def test_a_right_notebook_is_judged_exact(tmp_path: Path) -> None:
    """Cells run in order, magics do no harm, IPython is not needed, and every gradient is compared."""
    trace = judged(saved(tmp_path, notebook(NETWORK)))
    assert trace.status == "exact"
    assert {gradient.parameter for gradient in trace.gradients} == {"W1", "W2"}


def test_a_wrong_line_is_told_by_cell_and_line(tmp_path: Path) -> None:
    """The blamed line lies in the joined text and is named as the author counts: code cells that hold something."""
    texts = (*NETWORK[:-1], NETWORK[-1].replace(RIGHT_LINE, WRONG_LINE))
    trace = judged(saved(tmp_path, notebook(texts)))
    (found,) = wrong(trace)
    span = found.explanation.span if found.explanation else found.blame
    assert span is not None
    assert WRONG_LINE in trace.sources[0].line(span.line)
    assert cells.place(trace.sources[0], span) == "net.ipynb, cell 5, line 4"
    assert cells.lines_in_words(trace.sources[0], {span.line, span.line + 2}) == "cell 5, lines 4, 6"


def test_scripts_keep_their_line_numbers() -> None:
    """Outside notebooks a place is path, line and column, even where a comment looks like our mark."""
    source = Source("train.py", "# %% cell 1\nx = 1\n")
    span = Span("train.py", 2, 1, 2, 2)
    assert cells.place(source, span, column=True) == "train.py:2:1"
    assert cells.in_words(source, 2) == line_in_words(span) == "line 2"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%matplotlib inline\nx", "pass  # %matplotlib inline\nx"),
        ("if a:\n    %load_ext b", "if a:\n    pass  # %load_ext b"),
        ("%time train(10)", "train(10)"),
        ("%timeit -n 10 -r3 y = f(x)", "y = f(x)"),
        ("%%timeit -n 3\nf(x)", "# %%timeit -n 3\nf(x)"),
        ("%%writefile a.py\nx = (", "# %%writefile a.py\n# x = ("),
        ("files = !ls *.csv", "files = []  # files = !ls *.csv"),
        ("x?\n?y\nz.w??", "pass  # x?\npass  # ?y\npass  # z.w??"),
        ("pip install pandas", "pass  # pip install pandas"),
        ("!a \\\n b \\\n c\nx = 1", "pass  # !a \\\n#  b \\\n#  c\nx = 1"),
        ("%cd data", "__import__('os').chdir('data')  # %cd data"),
        ("x = (17\n % 5)\ns = '''\n%time\n!ls\n'''", "x = (17\n % 5)\ns = '''\n%time\n!ls\n'''"),
    ],
)
def test_what_a_magic_becomes(cell: str, expected: str) -> None:
    """What measures runs, what acts on the notebook or the machine does nothing, text and operators stay."""
    assert plain_python(cell) == expected


@given(
    st.lists(
        st.sampled_from(["%matplotlib inline", "!ls 'it", "np.dot?", "%%", "x = !ls", "%time x = 2"]),
        max_size=3,
    )
)
def test_magics_leave_every_other_line_in_place(magics: list[str]) -> None:
    """A cell keeps its number of lines, and the lines between magics keep their places."""
    lines = [*magics[:1], "for i in range(3):", "    y = i", *magics[1:], "z = [1,", "     2]"]
    result = plain_python("\n".join(lines)).split("\n")
    assert len(result) == len(lines)
    assert all(new == old for new, old in zip(result, lines, strict=True) if old not in magics)
    if "%%" not in magics:
        ast.parse("\n".join(result))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not json", "is not a notebook"),
        (b"[1, 2]", "is not a notebook"),
        (b'{"cells": [{}]}', "its cells are broken"),
        (b'{"cells": []}', "holds no code"),
        (notebook(NETWORK, language="R"), "in the language r"),
    ],
)
def test_what_is_no_python_notebook_is_one_problem(tmp_path: Path, content: bytes, said: str) -> None:
    """A broken, empty or foreign notebook is refused in one sentence."""
    with pytest.raises(Problem, match=said):
        read_source(str(saved(tmp_path, content)))


def test_a_syntax_error_names_cell_and_line(tmp_path: Path) -> None:
    """Python's own message counts the line within the cell."""
    path = saved(tmp_path, notebook(("x = 1", "y = 2\nz = )")))
    with pytest.raises(Problem, match=r'net.ipynb", cell 2, line 2'):
        check_syntax(read_source(str(path)))


def test_a_traceback_names_cell_and_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A notebook that fails does so in words that lead to the cell; it ran in its own folder."""
    path = saved(tmp_path, notebook(("import os", "print(os.getcwd())\nopen('absent.csv')")))
    with pytest.raises(Problem):
        record(Job(str(path)), timeout=20)
    assert "cell 2, line 2" in capfd.readouterr().err


def test_the_older_format_is_read(tmp_path: Path) -> None:
    """Cells in worksheets, with their text under "input", are code cells, too."""
    sheet = {"cells": [{"cell_type": "code", "input": "x = 1", "outputs": []}]}
    content = json.dumps({"metadata": {}, "nbformat": 3, "worksheets": [sheet]}).encode()
    assert read_source(str(saved(tmp_path, content))).text == "# %% cell 1\nx = 1\n"


@pytest.mark.parametrize("indent", [1, 2, None])
def test_a_fix_changes_nothing_but_its_line(tmp_path: Path, indent: int | None) -> None:
    """The written file equals the one that Jupyter would have written with the edited line."""
    path = saved(tmp_path, notebook(NETWORK, indent=indent))
    source = read_source(str(path))
    line = source.text.split("\n").index("    " + RIGHT_LINE) + 1
    span = Span(str(path), line, 5, line, 5 + len(RIGHT_LINE))
    assert apply_edits(source.text, [Edit(span, WRONG_LINE)]).count(WRONG_LINE) == 1
    write_fix(Fix("", "safe", (Edit(span, WRONG_LINE),)), [source])
    texts = (*NETWORK[:-1], NETWORK[-1].replace(RIGHT_LINE, WRONG_LINE))
    assert path.read_bytes() == notebook(texts, indent=indent)


def test_a_file_of_unknown_layout_is_left_alone(tmp_path: Path) -> None:
    """Where the bytes cannot be reproduced nothing is written, and the hint says what to do."""
    content = notebook(NETWORK).replace(b'"nbformat": 4', b'"nbformat":   4')
    path = saved(tmp_path, content)
    source = read_source(str(path))
    edit = Edit(Span(str(path), 1, 1, 1, 1), "x")
    with pytest.raises(Problem, match="nothing was written"):
        write_fix(Fix("", "safe", (edit,)), [source])
    assert path.read_bytes() == content
