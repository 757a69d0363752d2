import numpy as np

"""Feedback alignment (Lillicrap et al. 2016): the error travels back through a FIXED RANDOM
matrix B instead of W2.T.  This is not the gradient, and it is not meant to be."""

rng = np.random.RandomState(45)
X = rng.randn(200, 8)
T = X @ rng.randn(8, 3) + 0.5 * np.tanh(X @ rng.randn(8, 3))
T = (T - T.mean(0)) / T.std(0)

W1 = rng.randn(8, 20) * 0.2
W2 = rng.randn(20, 3) * 0.2
B = rng.randn(3, 20) * 0.5        # fixed feedback weights

lr = 0.05
for epoch in range(150):
    h = np.tanh(X @ W1)
    out = h @ W2
    e = out - T
    loss = 0.5 * np.mean(np.sum(e ** 2, axis=1))
    delta_out = e / len(X)
    delta_hid = (delta_out @ B) * (1 - h ** 2)
    W2 -= lr * h.T @ delta_out
    W1 -= lr * X.T @ delta_hid
    if epoch % 30 == 0:
        cosine = np.sum(W2.T * B) / np.linalg.norm(W2) / np.linalg.norm(B)
        print("epoch", epoch, "loss", loss, "alignment of W2.T and B", cosine)
