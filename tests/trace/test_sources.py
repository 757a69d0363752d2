"""Reading the text of a program."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from unstuck.trace.running.sources import expression, parsed

LONG = "\n".join(f"a{i} = b[{i}] * (c + {i}) - f(d, {i})" for i in range(300))


@contextmanager
def interruptions() -> Iterator[None]:
    """Every few new objects a garbage collection, in the middle of which something else is parsed, deeper down."""
    before = gc.get_threshold()

    def deeper(calls: int) -> None:
        if calls:
            deeper(calls - 1)
        else:
            ast.parse("x + 1")

    def collecting(phase: str, _: object) -> None:
        if phase == "start":
            gc.set_threshold(0)
            deeper(30)
            gc.set_threshold(5)

    gc.callbacks.append(collecting)
    gc.set_threshold(5)
    try:
        yield
    finally:
        gc.callbacks.remove(collecting)
        gc.set_threshold(*before)


def test_a_text_is_parsed_though_another_is_parsed_in_between() -> None:
    """The one counter of depths in Python 3.11 does not make a right text unreadable."""
    with interruptions():
        tree = parsed(LONG)
    assert gc.isenabled()
    assert ast.dump(tree) == ast.dump(ast.parse(LONG))


@pytest.mark.parametrize("text", ["x = 1", "a; b", ""])
def test_a_statement_is_no_expression(text: str) -> None:
    """What is not one expression is refused as python refuses it."""
    with pytest.raises(SyntaxError):
        expression(text)
