"""Works in buffers that are allocated once: every result goes to an out= argument."""
import numpy as np

SEED = 33
rng = np.random.RandomState(SEED)
N, D, H = 128, 3, 10
X = rng.uniform(-1, 1, (N, D))
Y = (X[:, :1] * X[:, 1:2] > 0) * 2.0 - 1.0

W1 = rng.normal(0, 1.0, (D, H))
B1 = rng.normal(0, 0.1, (1, H))
W2 = rng.normal(0, 0.5, (H, 1))
B2 = np.zeros((1, 1))

batch = 32
z1, a1, slope, d1 = (np.empty((batch, H)) for _ in range(4))
out, d2, tmp = (np.empty((batch, 1)) for _ in range(3))
gW1, gB1, gW2, gB2 = (np.empty_like(p) for p in (W1, B1, W2, B2))
alpha = 0.3

for epoch in range(120):
    for lo in range(0, N, batch):
        x, y = X[lo:lo + batch], Y[lo:lo + batch]
        # forward
        np.matmul(x, W1, out=z1)
        np.add(z1, B1, out=z1)
        np.tanh(z1, out=a1)
        np.dot(a1, W2, out=out)
        np.add(out, B2, out=out)
        np.tanh(out, out=out)
        # backward
        np.subtract(out, y, out=d2)
        np.multiply(out, out, out=tmp)
        np.subtract(1, tmp, out=tmp)
        np.multiply(d2, tmp, out=d2)
        np.multiply(d2, 2.0 / batch, out=d2)
        np.dot(a1.T, d2, out=gW2)
        np.sum(d2, axis=0, keepdims=True, out=gB2)
        np.matmul(d2, W2.T, out=d1)
        np.square(a1, out=slope)
        np.subtract(1, slope, out=slope)
        np.multiply(d1, slope, out=d1)
        np.matmul(x.T, d1, out=gW1)
        np.sum(d1, axis=0, keepdims=True, out=gB1)
        # update
        for p, g in ((W1, gW1), (B1, gB1), (W2, gW2), (B2, gB2)):
            np.multiply(g, alpha, out=g)
            np.subtract(p, g, out=p)

final = np.tanh(np.tanh(X @ W1 + B1) @ W2 + B2)
print("mse", np.mean((final - Y) ** 2))
print("accuracy", np.mean(np.sign(final) == Y))
