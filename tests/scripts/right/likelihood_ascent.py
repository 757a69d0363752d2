"""Maximises a log-likelihood: every derivative has its own function and the weights go uphill."""
import numpy as np


def forward(X, W1, b1, W2, b2):
    Z = 1 / (1 + np.exp(-X.dot(W1) - b1))
    A = Z.dot(W2) + b2
    expA = np.exp(A)
    return expA / expA.sum(axis=1, keepdims=True), Z


def derivative_w2(Z, T, Y):
    return Z.T.dot(T - Y)


def derivative_b2(T, Y):
    return (T - Y).sum(axis=0)


def derivative_w1(X, Z, T, Y, W2):
    return X.T.dot((T - Y).dot(W2.T) * Z * (1 - Z))


def derivative_b1(T, Y, W2, Z):
    return ((T - Y).dot(W2.T) * Z * (1 - Z)).sum(axis=0)


def log_likelihood(T, Y):
    return (T * np.log(Y)).sum()


np.random.seed(27)
N, D, M, K = 90, 2, 5, 3
X = np.vstack([np.random.randn(30, D) + centre for centre in ([0, -2], [2, 2], [-2, 2])])
labels = np.repeat(range(K), 30)
T = np.zeros((N, K))
for n in range(N):
    T[n, labels[n]] = 1

W1, b1 = np.random.randn(D, M), np.random.randn(M)
W2, b2 = np.random.randn(M, K), np.random.randn(K)
learning_rate = 1e-2
history = []
for epoch in range(300):
    output, hidden = forward(X, W1, b1, W2, b2)
    if epoch % 50 == 0:
        ll = log_likelihood(T, output)
        history.append(ll)
        print("log-likelihood:", ll)
    gW2 = derivative_w2(hidden, T, output)
    gb2 = derivative_b2(T, output)
    gW1 = derivative_w1(X, hidden, T, output, W2)
    gb1 = derivative_b1(T, output, W2, hidden)
    W2 += learning_rate * gW2
    b2 += learning_rate * gb2
    W1 += learning_rate * gW1
    b1 += learning_rate * gb1

print("accuracy", np.mean(forward(X, W1, b1, W2, b2)[0].argmax(axis=1) == labels))
