# two tables whose products are fitted; the rows are moved one by one, and then the whole table decays
import numpy as np

rng = np.random.RandomState(3)
count, size = 12, 3
wanted = rng.randn(count, count)
wanted = wanted + wanted.T
weight = rng.rand(count, count)
left, right = rng.randn(count, size) / 3, rng.randn(count, size) / 3
row, column = np.zeros(count), np.zeros(count)
rate, strength = 0.02, 0.1
for epoch in range(40):
    error = left.dot(right.T) + row.reshape(count, 1) + column.reshape(1, count) - wanted
    cost = (weight * error * error).sum()
    before = left.copy()
    for i in range(count):
        left[i] -= rate * (weight[i, :] * error[i, :]).dot(right)
    left -= rate * strength * left
    for i in range(count):
        row[i] -= rate * weight[i, :].dot(error[i, :])
    for j in range(count):
        right[j] -= rate * (weight[:, j] * error[:, j]).dot(before)
    right -= rate * strength * right
    for j in range(count):
        column[j] -= rate * weight[:, j].dot(error[:, j])
print("cost", cost)
