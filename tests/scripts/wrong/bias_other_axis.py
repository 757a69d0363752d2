import numpy as np
from sklearn.datasets import load_digits

SEED = 27
rng = np.random.default_rng(SEED)
X, y = load_digits(n_class=4, return_X_y=True)
X = (X / 16).astype(np.float32)
onehot = np.eye(4, dtype=np.float32)[y]

W = [rng.standard_normal((64, 16), dtype=np.float32) * np.float32(0.15),
     rng.standard_normal((16, 4), dtype=np.float32) * np.float32(0.3)]
B = [np.zeros(16, np.float32), np.zeros(4, np.float32)]
rate = np.float32(0.2)
epochs = 8

def elu(z):
    return np.where(z > 0, z, np.expm1(z))

for epoch in range(epochs):
    for k in range(0, len(X), 16):
        x, t = X[k:k+16], onehot[k:k+16]
        z = x @ W[0] + B[0]
        h = elu(z)
        o = h @ W[1] + B[1]
        q = np.exp(o - o.max(1, keepdims=True))
        q = q / q.sum(1, keepdims=True)
        d1 = (q - t) / np.float32(len(x))
        d0 = (d1 @ W[1].T) * np.where(z > 0, np.float32(1), h + np.float32(1))
        W[1] -= rate * (h.T @ d1)
        B[1] -= rate * d1.sum(0)
        W[0] -= rate * (x.T @ d0)
        B[0] -= rate * d0.sum(1)

print("accuracy", np.mean((elu(X @ W[0] + B[0]) @ W[1] + B[1]).argmax(1) == y), W[0].dtype)
