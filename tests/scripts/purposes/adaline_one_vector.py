# the bias is the first number of the weights, and is moved on its own
import numpy as np

rng = np.random.default_rng(1)
X = rng.normal(size=(100, 2))
y = np.where(X[:, 0] + 0.3 * X[:, 1] > 0.2, 1, -1)
w = np.zeros(3)
for _ in range(40):
    output = X.dot(w[1:]) + w[0]
    errors = y - output
    w[1:] += 0.002 * X.T.dot(errors)
    w[0] += 0.002 * errors.sum()
    cost = (errors ** 2).sum() / 2
print("cost", cost)
