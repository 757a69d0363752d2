import numpy as np
from sklearn.datasets import load_digits

SEED = 19
rng = np.random.default_rng(SEED)


def batches(X, Y, size):
    """Shuffled mini-batches, one epoch."""
    order = np.arange(len(X))
    rng.shuffle(order)
    for start in range(0, len(X) - size + 1, size):
        chosen = order[start:start + size]
        yield X[chosen], Y[chosen]


X, labels = load_digits(n_class=5, return_X_y=True)
X = X / 16
Y = np.eye(5)[labels]

W1 = rng.uniform(-1, 1, (64, 20)) / 8
b1 = np.zeros(20)
W2 = rng.uniform(-1, 1, (20, 5)) / 4
b2 = np.zeros(5)

epochs = 10
for epoch in range(epochs):
    for xb, yb in batches(X, Y, 32):
        h = xb @ W1
        h += b1
        np.maximum(h, 0, out=h)
        out = h @ W2
        out += b2
        np.exp(out, out=out)
        out /= out.sum(axis=1, keepdims=True)

        d2 = np.subtract(out, yb)
        d1 = np.dot(d2, W2.T)
        np.multiply(d1, h > 0, out=d1)
        np.subtract(W2, 0.005 * np.dot(h.T, d2), out=W2)
        np.subtract(b2, 0.005 * d2.sum(axis=0), out=b2)
        np.subtract(W1, 0.005 * np.dot(xb.T, d1), out=W1)
        np.subtract(b1, 0.005 * d1.sum(axis=0), out=b1)

hits = np.argmax(np.maximum(X @ W1 + b1, 0) @ W2 + b2, axis=1) == labels
print("accuracy", hits.mean())
