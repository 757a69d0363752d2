"""Shows the mean squared error, descends cross-entropy: unusual, and not a fault."""
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

SEED = 62
np.random.seed(SEED)
X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
y = y.reshape(-1, 1)
syn0 = 2 * np.random.random((30, 8)) - 1
syn1 = 2 * np.random.random((8, 1)) - 1
epochs = 200

def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))

for j in range(epochs):
    l1 = nonlin(X.dot(syn0))
    l2 = nonlin(l1.dot(syn1))
    l2_error = y - l2
    if j % 50 == 0:
        print("Error:", np.mean(l2_error ** 2))
    l1_error = l2_error.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)
    syn1 += 0.002 * l1.T.dot(l2_error)
    syn0 += 0.002 * X.T.dot(l1_delta)

print("accuracy", np.mean((l2 > 0.5) == y))
