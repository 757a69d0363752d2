"""Networks trained by an optimiser of SciPy: the gradient that the script hands over is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged, wrong
from recorded import assert_same, plain, recorded

HEAD = """
import functools
import numpy as np
from scipy import optimize
from scipy.optimize import fmin_cg, fmin_l_bfgs_b, least_squares, minimize
rng = np.random.default_rng(2)
X = rng.normal(size=(30, 3))
y = np.tanh(X[:, :1] - X[:, 1:2] * X[:, 2:])
start = rng.normal(size=21) * 0.5
def forward(p):
    W1, b1, W2, b2 = p[:12].reshape(3, 4), p[12:16], p[16:20].reshape(4, 1), p[20:]
    h = np.tanh(X @ W1 + b1)
    return W2, h, h @ W2 + b2
def gradient(p):
    W2, h, out = forward(p)
    d = (out - y) / len(X)
    back = d @ W2.T * (1 - h ** 2)
    return np.r_[(X.T @ back).ravel(), back.sum(0), (h.T @ d).ravel(), d.sum(0)]
def value(p):
    return 0.5 * np.mean((forward(p)[2] - y) ** 2)
def both(p, weight=1.0):
    return weight * value(p), weight * gradient(p)
def residuals(p):
    return (forward(p)[2] - y).ravel()
def jacobian(p):
    W2, h, out = forward(p)
    back = W2.T * (1 - h ** 2)
    first = (X[:, :, None] * back[:, None, :]).reshape(len(X), -1)
    return np.hstack([first, back, h, np.ones((len(X), 1))])
"""
CALLS = {
    "value and gradient together": "minimize(both, start, jac=True, options={'maxiter': 25})",
    "with further arguments": "minimize(both, start, (2.0,), 'L-BFGS-B', True)",
    "a partial function": "minimize(functools.partial(both, weight=3.0), start, jac=True)",
    "two functions": "minimize(value, start, jac=gradient, method='CG', options={'maxiter': 25})",
    "two lambdas": "minimize(lambda p: value(p), start, jac=lambda p: gradient(p).reshape(-1, 1)[:, 0])",
    "the older interface": "fmin_cg(value, start, fprime=gradient, maxiter=25, disp=False)",
    "both by default": "optimize.fmin_l_bfgs_b(both, x0=start)",
    "residuals": "least_squares(residuals, start, jacobian)",
}


def saved(folder: Path, text: str) -> Path:
    path = folder / "net.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_right_gradient_is_exact(tmp_path: Path, call: str) -> None:
    """Whatever way it is handed over, the gradient equals the derivative of the value that is handed over."""
    trace = judged(saved(tmp_path, HEAD + call))
    assert trace.status == "exact"
    assert trace.loss is not None
    assert trace.loss.kind == "returned"
    (gradient,) = trace.gradients
    assert gradient.witness is not None
    assert gradient.witness.difference == pytest.approx(gradient.witness.exact, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    "call", [CALLS["value and gradient together"], CALLS["two functions"], CALLS["residuals"]]
)
def test_a_wrong_gradient_is_wrong(tmp_path: Path, call: str) -> None:
    """A wrong derivative of the activation is found, though nothing else is there to compare with."""
    text = HEAD.replace("(1 - h ** 2)", "(1 - h)")
    assert [gradient.parameter for gradient in wrong(judged(saved(tmp_path, text + call)))] == ["p"]


def test_a_factor_is_told(tmp_path: Path) -> None:
    """A gradient twice as large as that of the returned value is scaled: an optimiser has no learning rate."""
    text = HEAD.replace("weight * gradient(p)", "2 * weight * gradient(p)")
    trace = judged(saved(tmp_path, text + CALLS["value and gradient together"]))
    assert trace.status == "scaled"
    assert trace.gradients[0].scale == pytest.approx(2)


def test_what_the_tape_misses_is_no_fault(tmp_path: Path) -> None:
    """Where a part of the loss is computed out of sight, the changes of the loss speak for the written gradient."""
    hidden = "penalty = float(str(float(p @ p)))"  # through text, which nobody follows
    text = HEAD.replace("    return 0.5 * np.mean", f"    {hidden}\n    return penalty + 0.5 * np.mean")
    text = text.replace("return np.r_[", "return 2 * p + np.r_[")
    trace = judged(saved(tmp_path, text + CALLS["value and gradient together"]))
    assert trace.status == "cannot-tell"


def test_differences_by_scipy_are_no_gradient(tmp_path: Path) -> None:
    """Without a derivative nothing was written that could be judged."""
    trace = judged(saved(tmp_path, HEAD + "minimize(value, start, options={'maxiter': 3})"))
    assert trace.status == "not-applicable"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_optimiser_takes_the_same_way(call: str) -> None:
    """Watched or not, every bit of the result is the same."""
    source = f"{HEAD}found = {call}\nend = found.x if hasattr(found, 'x') else found[0]\ndel found"
    assert_same(plain(source), recorded(source))
