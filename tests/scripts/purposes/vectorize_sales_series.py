# count forecasting: weekly sales, Poisson likelihood, softplus hidden layer made with np.vectorize
import math
import numpy as np


@np.vectorize
def softplus(z):
    return z + math.log1p(math.exp(-z)) if z > 0 else math.log1p(math.exp(z))


@np.vectorize
def logistic(z):
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0 else math.exp(z) / (1.0 + math.exp(z))


def simulate(n, seed):
    r = np.random.default_rng(seed)
    t = np.arange(n)
    rate = np.exp(1.0 + 0.6 * np.sin(2 * np.pi * t / 13) + 0.3 * np.cos(2 * np.pi * t / 26) + 0.002 * t)
    return r.poisson(rate).astype(float)


def lag_matrix(s, lags):
    cols = [s[lags - k - 1:len(s) - k - 1] for k in range(lags)]
    return np.log1p(np.stack(cols, axis=1)), s[lags:]


def forward(theta, x):
    W1, b1, W2, b2 = theta
    z = x @ W1 + b1
    a = softplus(z)
    return z, a, (a @ W2 + b2)[:, 0]


def poisson_nll(theta, x, y):
    """exp(f) is the rate; log(y!) left out"""
    f = forward(theta, x)[-1]
    return np.mean(np.exp(f) - y * f)


def gradient(theta, x, y):
    W1, b1, W2, b2 = theta
    z, a, f = forward(theta, x)
    df = ((np.exp(f) - y) / len(y))[:, None]
    dW2 = a.T @ df
    db2 = df.sum(axis=0)
    dz = df * W2.T * logistic(z)
    dW1 = x.T @ dz
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2, db2


def sgd(theta, grads, lr):
    W1, b1, W2, b2 = theta
    dW1, db1, dW2, db2 = grads
    return (W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 - lr * db2)


def batches(n, size, epochs, seed):
    r = np.random.default_rng(seed)
    for epoch in range(epochs):
        perm = r.permutation(n)
        for start in range(0, n - size + 1, size):
            yield epoch, perm[start:start + size]


LAGS = 8
X, y = lag_matrix(simulate(220, 1), LAGS)
mu, sd = X[:160].mean(0), X[:160].std(0)
X = (X - mu) / sd
g = np.random.default_rng(5)
theta = (g.normal(0, 0.3, (LAGS, 10)), np.zeros(10), g.normal(0, 0.2, (10, 1)), np.full(1, 0.5))

last = -1
for epoch, idx in batches(160, 20, 30, seed=2):
    theta = sgd(theta, gradient(theta, X[idx], y[idx]), lr=0.02)
    if epoch != last and epoch % 6 == 0:
        print("epoch %2d  nll train %.4f  test %.4f" % (
            epoch, poisson_nll(theta, X[:160], y[:160]), poisson_nll(theta, X[160:], y[160:])))
    last = epoch
rate = np.exp(forward(theta, X[160:])[-1])
print("test mae %.3f" % np.abs(rate - y[160:]).mean())
