"""A traced program computes what the bare one computes, to the last bit."""

from __future__ import annotations

import ast
import contextlib
import linecache
import random
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sklearn.model_selection  # noqa: F401  (whoever imports it first draws random numbers)

from probes import PROBES, as_main, shortened
from test_corpus import right_script
from unstuck.trace.job import Job
from unstuck.trace.loops import Loop
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner
from unstuck.trace.schedule import Clock


@dataclass(frozen=True)
class End:
    """What a program leaves behind: its exit code and output, its parameters, and the next random numbers."""

    code: int
    printed: str
    parameters: dict[str, tuple[Any, ...]]
    draws: tuple[float, float]


def bare(stem: str) -> End:
    """The program as it is."""
    return ran(stem, None)


def traced(stem: str, throughout: bool) -> End:
    """The program under the recorder: `throughout` from the first to the last step, else as in a diagnosis."""
    path = right_script(stem)
    recorder = Recorder(Job(str(path), full_run=True))
    if throughout:
        always(recorder.clock)
    return ran(stem, recorder)


def always(clock: Clock) -> None:
    """Let the clock record on and never look for a training loop."""

    def discover(loop: Loop) -> None:
        pass

    clock._discover = discover  # type: ignore[method-assign]


def ran(stem: str, recorder: Recorder | None) -> End:
    """Two epochs of a script, with or without hooks."""
    path, probe = right_script(stem), PROBES[stem]
    namespaces: list[dict[str, Any]] = []

    def transform(tree: ast.Module, filename: str) -> ast.Module:
        namespaces.append(sys.modules["__main__"].__dict__)
        return tree if recorder is None else recorder.transform(tree, filename)

    random.seed(0)
    np.random.seed(0)
    with as_main(path) as output, np.errstate(all="ignore"), contextlib.suppress(runner.Stop):
        names = {} if recorder is None else recorder.namespace
        edited = {str(path): shortened(path.read_text(encoding="utf-8"))}
        code = runner.run(str(path), [], module=False, transform=transform, namespace=names, edited=edited)
        exec(probe.setup, namespaces[0])
        found = {name: bits(eval(name, namespaces[0])) for name in probe.parameters.split()}
        return End(code, output.getvalue(), found, (random.random(), float(np.random.random())))
    raise AssertionError("the recorder stopped the program")


def bits(value: Any) -> tuple[Any, ...]:
    """Everything about an array, or a nested list of numbers, that a program could notice."""
    array = np.asarray(value)
    return type(value).__name__, array.dtype.str, array.shape, array.strides, array.tobytes()


@pytest.fixture(autouse=True)
def _forgotten_lines() -> Any:
    """The runner leaves the text that it ran in linecache."""
    yield
    linecache.clearcache()


@pytest.mark.parametrize("stem", PROBES)
def test_a_traced_program_computes_the_same_bits(stem: str) -> None:
    """Output, exit code, parameters and random streams are those of the bare run, however much is recorded."""
    plain = bare(stem)
    assert plain.code == 0
    assert plain.parameters
    assert traced(stem, throughout=True) == plain
    assert traced(stem, throughout=False) == plain
