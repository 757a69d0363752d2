"""Every derivative rule against central finite differences, by projection: ⟨v, J u⟩ = ⟨Jᵀ v, u⟩."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
from derivative_cases import CASES, EVERY_OTHER, SQUARE, Case, M, N, V, case
from taping import Tape, finite_difference, value_of

from unstuck.autodiff.reverse import adjoints, backward
from unstuck.autodiff.rules import PIECEWISE_CONSTANT, RULES


def build(item: Any, tape: Tape, rng: np.random.Generator) -> Any:
    """The argument tree with a leaf for every V."""
    if isinstance(item, V):
        values = rng.uniform(item.low, item.high, size=item.shape)
        return tape.leaf(values if item.shape else float(values))
    if isinstance(item, list | tuple):
        return type(item)(build(part, tape, rng) for part in item)
    return item


def replace_leaf(item: Any, leaf: Any, value: Any) -> Any:
    """The argument tree with another value in place of one leaf."""
    if item is leaf:
        return value
    if isinstance(item, list | tuple):
        return type(item)(replace_leaf(part, leaf, value) for part in item)
    return value_of(item)


@pytest.mark.parametrize("one", CASES, ids=str)
def test_rule_agrees_with_finite_differences(one: Case) -> None:
    """The cotangent of every operand equals the central difference along a random direction."""
    rng = np.random.default_rng(7)
    tape = Tape()
    args = tuple(build(arg, tape, rng) for arg in one.args)
    kwargs = {key: build(arg, tape, rng) for key, arg in one.kwargs.items()}
    leaves = list(tape.nodes)
    out = tape.call(one.op, *args, fn=one.fn, **kwargs)
    cotangent = rng.normal(size=np.shape(out.value))
    gradients = backward([(out, cotangent)], leaves)

    for leaf, gradient in zip(leaves, gradients, strict=True):
        direction = rng.normal(size=np.shape(leaf.value))

        def moved(value: Any, leaf: Any = leaf) -> Any:
            value = value if np.ndim(value) else float(value)
            named = {key: replace_leaf(arg, leaf, value) for key, arg in kwargs.items()}
            return out.fn(*(replace_leaf(arg, leaf, value) for arg in args), **named)  # type: ignore[misc]

        expected = finite_difference(moved, [leaf.value], 0, cotangent, direction)
        assert gradient is not None
        assert gradient.shape == np.shape(leaf.value)
        assert gradient.dtype == np.float64
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=2e-6, abs=2e-7)


def test_every_rule_has_a_case() -> None:
    """No operation is in the table of rules without a finite-difference case."""
    assert set(RULES) - {one.op for one in CASES} == set()


def test_no_rule_is_both_differentiable_and_constant() -> None:
    """An operation either has a rule or passes nothing."""
    assert not set(RULES) & PIECEWISE_CONSTANT


@pytest.mark.parametrize(
    "op", ["greater", "equal", "floor", "sign", "round", "argmax", "floor_divide", "rint"]
)
def test_piecewise_constant_operations_pass_nothing(op: str) -> None:
    """Behind a comparison or a rounding the cotangent is exactly zero."""
    tape = Tape()
    x = tape.leaf(np.array([0.3, -1.2, 2.7]))
    args = (x, 0.5) if op in ("greater", "equal", "floor_divide") else (x,)
    out = tape.call(op, *args)
    total = tape.call("sum", tape.call("multiply", out, 2.0))
    (gradient,) = backward([(total, np.ones(()))], [x])
    assert gradient is not None
    assert not gradient.any()


def test_cast_to_whole_numbers_passes_nothing() -> None:
    """astype(int) rounds, so its derivative is zero; astype(float) passes the cotangent on."""
    tape = Tape()
    x = tape.leaf(np.array([0.3, -1.2]))
    whole = tape.call("copy", x, fn=lambda v: v.astype(int))
    out = tape.call("sum", tape.call("add", whole, tape.call("copy", x, fn=lambda v: v.astype(np.float32))))
    (gradient,) = backward([(out, np.ones(()))], [x])
    assert gradient == pytest.approx(np.ones(2))


def test_float32_scripts_are_differentiated_in_float64() -> None:
    """float32 values give float64 cotangents that agree with those of float64 values to single precision."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    results = []
    for dtype in (np.float32, np.float64):
        tape = Tape()
        a, b = tape.leaf(x.astype(dtype)), tape.leaf(w.astype(dtype))
        out = tape.call("sum", tape.call("square", tape.call("tanh", tape.call("dot", a, b))))
        results.append(backward([(out, np.ones(()))], [b])[0])
    assert results[0] is not None
    assert results[0].dtype == np.float64
    assert results[0] == pytest.approx(results[1], rel=1e-5)


@pytest.mark.parametrize(
    "one",
    [
        case("convolve", M, V((2, 2)), boundary="wrap", fn=scipy.signal.convolve2d),
        case("convolve", M, V((3, 2)), axes=1, fn=scipy.signal.fftconvolve),
        case("median", N),
        case("sum", M, where=EVERY_OTHER, initial=0),
        case("pad", M, 1, mode="mean"),
        case("log", V((), 1, 2), 2, fn=math.log),
        case("einsum", "ii->i", SQUARE),
        case("fft", N, fn=np.fft.fft),
    ],
    ids=str,
)
def test_a_call_without_a_rule_is_unknown_not_wrong(one: Case) -> None:
    """What no rule covers gives None and names the operation."""
    tape = Tape()
    args = tuple(build(arg, tape, np.random.default_rng(1)) for arg in one.args)
    leaves = list(tape.nodes)
    out = tape.call(one.op, *args, fn=one.fn, **one.kwargs)
    result = adjoints([(out, np.ones(np.shape(out.value)))], leaves)
    assert all(result.of(leaf) is None for leaf in leaves)
    assert [missing.op for missing in result.missing] == [one.op]
