"""A network without NumPy: lists of floats and math.exp."""
import math
import random

random.seed(3)


def neuron(n):
    return [random.uniform(-1, 1) for _ in range(n + 1)]  # the last one is the bias


hidden = [neuron(2) for _ in range(4)]
output = neuron(4)
data = []
for _ in range(60):
    a, b = random.uniform(-1, 1), random.uniform(-1, 1)
    data.append(([a, b], 1.0 if a * a + b * b < 0.5 else 0.0))


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def activate(weights, inputs):
    total = weights[-1]
    for i in range(len(inputs)):
        total += weights[i] * inputs[i]
    return total


def forward(row):
    hs = [math.tanh(activate(unit, row)) for unit in hidden]
    return hs, sigmoid(activate(output, hs))


def train(row, target, rate):
    hs, guess = forward(row)
    error = guess - target
    errors = [error * output[j] * (1.0 - hs[j] ** 2) for j in range(len(hs))]
    for j in range(len(hs)):
        output[j] -= rate * error * hs[j]
    output[-1] -= rate * error
    for j, unit in enumerate(hidden):
        for i in range(len(row)):
            unit[i] -= rate * errors[j] * row[i]
        unit[-1] -= rate * errors[j]


epochs = 40
for epoch in range(epochs):
    random.shuffle(data)
    for row, target in data:
        train(row, target, 0.3)

right = sum((forward(row)[1] > 0.5) == (target > 0.5) for row, target in data)
print("accuracy", right / len(data))
