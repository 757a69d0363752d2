# three hidden layers of the same width, full batch, no loss anywhere
import numpy as np
from sklearn.datasets import make_moons

SEED = 8
np.random.seed(SEED)
X, y = make_moons(200, noise=0.1, random_state=SEED)
t = y.reshape(-1, 1)
n = 10

w1 = np.random.randn(2, n) * 1.0
b1 = np.zeros((1, n))
w2 = np.random.randn(n, n) * 0.45
b2 = np.zeros((1, n))
w3 = np.random.randn(n, n) * 0.45
b3 = np.zeros((1, n))
w4 = np.random.randn(n, 1) * 0.45
b4 = np.zeros((1, 1))

epochs = 400
for epoch in range(epochs):
    z1 = np.dot(X, w1) + b1
    a1 = np.maximum(z1, 0)
    z2 = np.dot(a1, w2) + b2
    a2 = np.maximum(z2, 0)
    z3 = np.dot(a2, w3) + b3
    a3 = np.maximum(z3, 0)
    a4 = 1 / (1 + np.exp(-(np.dot(a3, w4) + b4)))

    d4 = (a4 - t) / len(X)
    dw4 = np.dot(a3.T, d4)
    db4 = np.sum(d4, axis=0, keepdims=True)
    d3 = np.dot(d4, w4.T) * (z3 > 0)
    dw3 = np.dot(a2.T, d3)
    db3 = np.sum(d3, axis=0, keepdims=True)
    d2 = np.dot(d3, w3.T) * (z2 > 0)
    dw2 = np.dot(a1.T, d2)
    db2 = np.sum(d3, axis=0, keepdims=True)
    d1 = np.dot(d2, w2.T) * (z1 > 0)
    dw1 = np.dot(X.T, d1)
    db1 = np.sum(d1, axis=0, keepdims=True)

    for parameter, gradient in zip((w1, b1, w2, b2, w3, b3, w4, b4), (dw1, db1, dw2, db2, dw3, db3, dw4, db4)):
        parameter -= 0.5 * gradient

print("accuracy:", np.mean((a4 > 0.5) == t))
