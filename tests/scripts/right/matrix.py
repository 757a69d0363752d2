# np.matrix: * is the matrix product, np.multiply the element-wise one
import numpy as np

np.random.seed(17)
m = 90
P = np.matrix(np.random.randn(m, 2))
T = np.matrix(np.where(np.abs(P[:, 0] + P[:, 1]) < 0.9, 1.0, 0.0))

Theta1 = np.matrix(np.random.randn(3, 8) * 0.7)   # the first row is the bias
Theta2 = np.matrix(np.random.randn(9, 1) * 0.7)
alpha = 1.5
ones = np.matrix(np.ones((m, 1)))
J = []

for i in range(400):
    A0 = np.hstack((ones, P))
    A1 = np.hstack((ones, np.tanh(A0 * Theta1)))
    A2 = 1 / (1 + np.exp(-(A1 * Theta2)))
    cost = -(T.T * np.log(A2) + (1 - T).T * np.log(1 - A2))[0, 0] / m
    J.append(cost)

    Delta2 = A2 - T
    Delta1 = np.multiply(Delta2 * Theta2[1:, :].T, 1 - np.power(A1[:, 1:], 2))
    Theta1 = Theta1 - (alpha / m) * (A0.T * Delta1)
    Theta2 = Theta2 - (alpha / m) * (A1.T * Delta2)

print("first and last cost:", J[0], J[-1])
print("accuracy", np.mean((A2 > 0.5) == (T > 0.5)))
