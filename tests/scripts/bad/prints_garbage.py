"""A correct network that prints control characters, bytes that are no text, and far too much."""
import sys

import numpy as np

rng = np.random.default_rng(8)
X = rng.normal(size=(200, 2))
y = (X[:, :1] * X[:, 1:] > 0).astype(float)
W1, b1 = rng.normal(size=(2, 10)), np.zeros(10)
W2, b2 = rng.normal(size=(10, 1)) * 0.3, np.zeros(1)

for step in range(400):
    h = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    d2 = (p - y) / len(X)
    d1 = (d2 @ W2.T) * (1 - h * h)
    W2 -= 2 * h.T @ d2
    b2 -= 2 * d2.sum(axis=0)
    W1 -= 2 * X.T @ d1
    b1 -= 2 * d1.sum(axis=0)

    print(f"\rstep {step}\x1b[2K\x1b[31m\x07\x00", end="")
    print("[bold]not markup[/bold] <script>alert(1)</script> \u202e\ud83d\ude00".encode("utf-16", "surrogatepass"))
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes(range(256)))
    print("x" * 2000, file=sys.stderr if step % 2 else sys.stdout)

print("\naccuracy", np.mean((p > 0.5) == y))
