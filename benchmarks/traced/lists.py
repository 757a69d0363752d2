"""A 4-8-3 network of plain Python: weights in lists of lists, every product in a loop, one row at a time."""

import math
import random

EPOCHS = 5
random.seed(0)
rows = []
for _ in range(150):
    kind = random.randrange(3)
    rows.append(([random.gauss(kind * (k % 2), 0.4) for k in range(4)], [float(kind == k) for k in range(3)]))

w1 = [[random.uniform(-0.5, 0.5) for _ in range(4)] for _ in range(8)]
b1 = [0.0] * 8
w2 = [[random.uniform(-0.5, 0.5) for _ in range(8)] for _ in range(3)]
b2 = [0.0] * 3
rate = 0.3


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def layer(weights, biases, inputs):
    return [
        sigmoid(sum(w * x for w, x in zip(row, inputs, strict=True)) + b)
        for row, b in zip(weights, biases, strict=True)
    ]


for epoch in range(EPOCHS):
    total = 0.0
    for x, t in rows:
        hidden = layer(w1, b1, x)
        output = layer(w2, b2, hidden)
        total += sum(0.5 * (o - goal) ** 2 for o, goal in zip(output, t, strict=True))

        d2 = [(output[k] - t[k]) * output[k] * (1 - output[k]) for k in range(3)]
        d1 = [0.0] * 8
        for j in range(8):
            error = 0.0
            for k in range(3):
                error += d2[k] * w2[k][j]
            d1[j] = error * hidden[j] * (1 - hidden[j])
        for k in range(3):
            for j in range(8):
                w2[k][j] -= rate * d2[k] * hidden[j]
            b2[k] -= rate * d2[k]
        for j in range(8):
            for i in range(4):
                w1[j][i] -= rate * d1[j] * x[i]
            b1[j] -= rate * d1[j]
    print("epoch", epoch, "loss", total / len(rows))
