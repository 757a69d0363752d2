"""Mini-batches of 128 rows through a 784-100-10 network; ten thousand pictures of noise around ten patterns."""

import numpy as np

EPOCHS = 20
rng = np.random.default_rng(0)
labels = rng.integers(0, 10, 10_000)
pictures = rng.random((10, 784))[labels] + rng.normal(0, 0.5, (10_000, 784))
targets = np.eye(10)[labels]

W1 = rng.normal(0, 0.05, (784, 100))
b1 = np.zeros(100)
W2 = rng.normal(0, 0.1, (100, 10))
b2 = np.zeros(10)
rate = 0.05

for epoch in range(EPOCHS):
    order = rng.permutation(len(pictures))
    total = 0.0
    for start in range(0, len(pictures), 128):
        rows = order[start : start + 128]
        x, t = pictures[rows], targets[rows]

        hidden = np.maximum(x @ W1 + b1, 0)
        scores = hidden @ W2 + b2
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        output = scores / scores.sum(axis=1, keepdims=True)
        total -= np.sum(t * np.log(output + 1e-12))

        delta = (output - t) / len(x)
        dW2 = hidden.T @ delta
        db2 = delta.sum(axis=0)
        back = (delta @ W2.T) * (hidden > 0)
        dW1 = x.T @ back
        db1 = back.sum(axis=0)

        W1 -= rate * dW1
        b1 -= rate * db1
        W2 -= rate * dW2
        b2 -= rate * db2
    print("epoch", epoch, "loss", total / len(pictures))
