# no hidden layer: multinomial logistic regression by gradient ascent on the log-likelihood
import numpy as np
from sklearn.datasets import load_iris

SEED = 40
np.random.seed(SEED)
X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
N = len(X)
Y = np.zeros((N, 3))
for n in range(N):
    Y[n, y[n]] = 1

W = np.random.randn(4, 3) * 0.01
b = np.zeros(3)
epochs = 150
learning_rate = 0.01
for epoch in range(epochs):
    A = X.dot(W) + b
    expA = np.exp(A)
    P = expA / expA.sum(axis=1, keepdims=True)
    W += learning_rate * X.T.dot(Y - P)
    b += learning_rate * (Y - P).sum(axis=0)
    if epoch % 50 == 0:
        print("log-likelihood", (Y * np.log(P)).sum())
print("accuracy", np.mean(P.argmax(axis=1) == y))
