"""Training is left to scipy: minimize() asks for the cost and its gradient."""
import numpy as np
from scipy.optimize import minimize

np.random.seed(20)
INPUT, HIDDEN, LABELS, LAMBDA = 2, 8, 3, 0.05
X = np.random.randn(120, INPUT)
y = (np.hypot(X[:, 0], X[:, 1]) * 1.3).astype(int).clip(0, LABELS - 1)
Y = np.eye(LABELS)[y]


def unroll(theta):
    split = HIDDEN * (INPUT + 1)
    return theta[:split].reshape(HIDDEN, INPUT + 1), theta[split:].reshape(LABELS, HIDDEN + 1)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def forward(theta):
    Theta1, Theta2 = unroll(theta)
    a1 = np.c_[np.ones(len(X)), X]
    a2 = np.c_[np.ones(len(X)), sigmoid(a1 @ Theta1.T)]
    return a1, a2, sigmoid(a2 @ Theta2.T)


def cost(theta):
    m = len(X)
    Theta1, Theta2 = unroll(theta)
    a1, a2, h = forward(theta)
    J = -np.sum(Y * np.log(h) + (1 - Y) * np.log(1 - h)) / m
    J += LAMBDA / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
    d3 = h - Y
    d2 = (d3 @ Theta2)[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    grad1 = d2.T @ a1 / m
    grad2 = d3.T @ a2 / m
    grad1[:, 1:] += LAMBDA / m * Theta1[:, 1:]
    grad2[:, 1:] += LAMBDA / m * Theta2[:, 1:]
    return J, np.concatenate([grad1.ravel(), grad2.ravel()])


theta0 = np.random.uniform(-1, 1, HIDDEN * (INPUT + 1) + LABELS * (HIDDEN + 1))
result = minimize(cost, theta0, jac=True, method="L-BFGS-B", options={"maxiter": 60})
print("cost", result.fun, "after", result.nit, "iterations")
print("accuracy", np.mean(forward(result.x)[2].argmax(axis=1) == y))
