"""The documents hold what they promise: links lead somewhere, named files exist, commands are those of CI."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BENCHMARK = re.compile(r"python (benchmarks/[\w./]+)((?: --?[\w-]+(?: [\w.]+)?)*)")
NAMED_FILE = re.compile(r"(?<![\w/.-])(?:examples|docs|tests|src|benchmarks)/[\w./-]*\w")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def links(text: str) -> list[str]:
    """The targets of a page's Markdown and HTML links, code blocks left out."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    return [markdown or html for markdown, html in LINK.findall(prose)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+\s+(.+?)\s*#*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    """The links of a page, taken to lie at this path, that lead nowhere in the repository."""
    found = []
    for link in links(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue  # another site; tests do not depend on the network
        target, _, anchor = unquote(link).partition("#")
        file = (page.parent / target).resolve() if target else page
        if target and not file.exists():
            found.append(link)
        elif anchor and file.suffix == ".md":
            headings = anchors(file.read_text(encoding="utf-8") if target else text)
            found += [] if anchor in headings else [link]
    return found


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_resolve(page: Path) -> None:
    """Every relative link leads to a file of the repository, and every anchor to a heading."""
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_named_files_exist(page: Path) -> None:
    """Every path of the repository that a page or one of its commands names is there."""
    named = set(NAMED_FILE.findall(page.read_text(encoding="utf-8")))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize(
    "block", [block for page in PAGES for block in PYTHON.findall(page.read_text("utf-8"))]
)
def test_python_blocks_run(block: str) -> None:
    """Every block of Python that a page shows runs as a module of its own."""
    module = ModuleType("shown")
    sys.modules["shown"] = module
    try:
        exec(compile(block, "<page>", "exec", dont_inherit=True), module.__dict__)
    finally:
        del sys.modules["shown"]


@pytest.mark.parametrize(
    ("program", "options"),
    sorted({found for page in PAGES for found in BENCHMARK.findall(page.read_text("utf-8"))}),
)
def test_benchmarks_know_the_options_that_pages_show(program: str, options: str) -> None:
    """Every option of a benchmark that a page shows is one that the benchmark's source declares."""
    path = ROOT / program
    sources = [path] if path.is_file() else sorted(path.glob("*.py"))
    text = "".join(source.read_text("utf-8") for source in sources)
    shared = [
        path.parent / f"{name}.py" for name in re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)
    ]
    text += "".join(source.read_text("utf-8") for source in shared if source.is_file())
    assert sources
    assert [option for option in re.findall(r"--[\w-]+", options) if f'"{option}"' not in text] == []


def test_readme_shows_the_command_that_ci_runs() -> None:
    """The test command of the README is, word for word, the one of .ci/run."""
    (command,) = re.findall(
        r"\((python3 -m pip .*)\) 2>&1", (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    )
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_broken_links_are_caught() -> None:
    """A missing file, heading or image is noticed; links in code and to other sites are left alone."""
    prose = "# A b\n[x](no.md) [y](#a-b) [z](#c) ![p](no.png) [w](https://a.b/c)"
    text = prose + " `[c](no2.md)`\n```\n[d](no3.md)\n```\n"
    assert broken(ROOT / "page.md", text) == ["no.md", "#c", "no.png"]
