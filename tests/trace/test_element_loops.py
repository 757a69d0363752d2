"""Networks written as loops over single elements: thousands of recorded operations in one step."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import judged, wrong

CONVOLUTION = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(12, 6, 6))
y = (X[:, :3].mean((1, 2)) > X[:, 3:].mean((1, 2))).astype(int)
kernel, W, b = rng.normal(size=(3, 3)) * 0.3, rng.normal(size=(16, 2)) * 0.3, np.zeros(2)
for step in range(12):
    image, label = X[step], y[step]
    z = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            s = 0.0
            for k in range(3):
                for l in range(3):
                    s += image[i + k, j + l] * kernel[k, l]
            z[i, j] = s
    h = np.maximum(z, 0)
    e = np.exp(h.ravel() @ W + b)
    d = e / e.sum()
    d[label] -= 1
    back = (W @ d).reshape(4, 4) * (z > 0)
    change = np.zeros((3, 3))
    for i in range(4):
        for j in range(4):
            for k in range(3):
                for l in range(3):
                    change[k, l] += back[i, j] * image[i + k, j + l]
    W -= 0.1 * np.outer(h.ravel(), d)
    b -= 0.1 * d
    kernel -= 0.1 * change
"""


@pytest.mark.parametrize("faulty", [False, True], ids=["right", "wrong"])
def test_sums_within_a_step_are_no_parameters(tmp_path: Path, faulty: bool) -> None:
    """The sum over a window begins anew for every pixel; what is trained are kernel, weights and bias."""
    right, fault = "back = (W @ d).reshape(4, 4) * (z > 0)", "back = (W @ d).reshape(4, 4) * z"
    assert right in CONVOLUTION
    path = tmp_path / "convolution.py"
    path.write_text(CONVOLUTION.replace(right, fault) if faulty else CONVOLUTION)
    trace = judged(path)
    assert {gradient.parameter for gradient in trace.gradients} == {"kernel", "W", "b"}
    assert [gradient.parameter for gradient in wrong(trace)] == (["kernel"] if faulty else [])
    assert trace.status == ("wrong" if faulty else "exact")
