"""What the source alone says about an update: where it stands, and what a loop has left for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unstuck.facts import Span
from unstuck.trace.judging.source_loops import (
    index_made_at,
    left_by_loop,
    set_before_loop,
    uses_finished_loop,
)
from unstuck.trace.judging.statements import calls_of, is_second_name, operand_at, side_by_side

TEXT = """class Net:
    def step(self, layers, x):
        for layer in layers:
            d = layer.back(x)
            layer.W -= d
        layer.b -= d
        d = 0
        self.c -= d
    def other(self, x):
        self.k = x @ self.W[0].T
b = 0
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The path of the text."""
    (tmp_path / "net.py").write_text(TEXT)
    return str(tmp_path / "net.py")


def _line(path: str, number: int) -> Span:
    text = TEXT.splitlines()[number - 1]
    return Span(path, number, len(text) - len(text.lstrip()) + 1, number, len(text) + 1)


def test_variable_of_a_loop_used_behind_it_is_seen_inside_a_class(path: str) -> None:
    """A statement behind a loop in a method is told from one inside the loop and from one without its variable."""
    assert uses_finished_loop(_line(path, 6))
    assert not uses_finished_loop(_line(path, 5))
    assert not uses_finished_loop(_line(path, 8))


def test_statements_of_two_methods_are_not_side_by_side(path: str) -> None:
    """Only statements of one block stand side by side."""
    assert side_by_side(_line(path, 6), _line(path, 8))
    assert not side_by_side(_line(path, 5), _line(path, 6))
    assert not side_by_side(_line(path, 6), _line(path, 10))


def test_names_bound_anew_are_not_left_by_the_loop(path: str) -> None:
    """What a statement reads counts as left by a loop only until something else gets its name."""
    assert "d" in left_by_loop(_line(path, 6), [_line(path, 5)])
    assert "d" not in left_by_loop(_line(path, 8), [_line(path, 5)])


def test_operand_is_read_off_without_its_transposition(path: str) -> None:
    """The text of an operand is what could be assigned to."""
    assert operand_at(Span(path, 10, 18, 10, 33), 1) == "self.W[0]"


POOL = """def back(maps, d_out):
    d_maps, c = 0 * maps, 2
    for i in range(2):
        area = maps[2 * i:2 * i + 2]
        a = area.argmax()
        d_maps[2 * i + a] = d_out[i] * c
    total = d_maps
    return d_maps
class Net:
    def __init__(self):
        back(1, 2)
    def train(self):
        back(3, 4)
"""


@pytest.fixture
def pool(tmp_path: Path) -> str:
    """The path of another text."""
    (tmp_path / "pool.py").write_text(POOL)
    return str(tmp_path / "pool.py")


def test_statements_that_work_out_an_index_are_found_backwards(pool: str) -> None:
    found = [place.line for place in index_made_at(Span(pool, 6, 9, 6, 40))]
    assert found == [5, 4]


def test_what_is_set_before_a_loop_is_found_there(pool: str) -> None:
    place = set_before_loop(Span(pool, 6, 30, 6, 40), "c")
    assert place is not None
    assert place.line == 2
    assert set_before_loop(Span(pool, 6, 30, 6, 40), "nothing") is None


def test_a_second_name_is_a_plain_assignment(pool: str) -> None:
    assert is_second_name(Span(pool, 7, 5, 7, 19), "total")
    assert not is_second_name(Span(pool, 5, 9, 5, 26), "a")


def test_calls_of_the_function_around_a_place_leave_out_those_that_build(pool: str) -> None:
    assert [place.line for place in calls_of(Span(pool, 6, 9, 6, 40))] == [13]
