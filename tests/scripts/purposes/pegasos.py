# Linear support vector machine with the step size 1 / (lambda t)
import numpy as np

np.random.seed(12)
N = 60
A = np.random.randn(N, 2) + [1.5, 1.0]
B = np.random.randn(N, 2) - [1.0, 1.5]
X = np.concatenate([A, B])
y = np.concatenate([np.ones(N), -np.ones(N)])

lam = 0.05
w = np.zeros(2)
b = 0.0


def objective():
    margins = y * (X @ w + b)
    return lam / 2 * (w @ w) + np.maximum(0, 1 - margins).mean()


t = 0
for epoch in range(3):
    for i in np.random.permutation(2 * N):
        t += 1
        eta = 1 / (lam * (t + 20))
        if y[i] * (w @ X[i] + b) < 1:
            w = w - eta * (lam * w - y[i] * X[i])
            b = b + eta * y[i]
        else:
            w = w - eta * lam * w
    print("epoch", epoch, "objective", objective())

print("errors", int(np.sum(np.sign(X @ w + b) != y)))
