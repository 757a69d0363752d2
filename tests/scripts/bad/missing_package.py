import numpy as np
import package_that_nobody_has_written as missing

X, y = missing.load()
w = np.zeros(X.shape[1])
for _ in range(100):
    w -= 0.1 * X.T @ (X @ w - y)
