"""
Online one-step-ahead forecaster.
Sliding window in a deque -> tanh hidden layer -> linear output, momentum SGD,
everything in plain python because it has to run on the logger board.
"""
import math
import random
from collections import deque

LAGS = 6
HIDDEN = 7
LR = 0.02
MU = 0.8

random.seed(99)

# weights: one row per hidden unit
W = [[random.uniform(-.4, .4) for _ in range(LAGS)] for _ in range(HIDDEN)]
b = [random.uniform(-.1, .1) for _ in range(HIDDEN)]
V = [random.uniform(-.4, .4) for _ in range(HIDDEN)]
c = 0.0
# velocities
vW = [[0.0] * LAGS for _ in range(HIDDEN)]
vb = [0.0] * HIDDEN
vV = [0.0] * HIDDEN
vc = 0.0


def stream(n):
    phase = 0.0
    for t in range(n):
        phase += 0.35 + 0.05 * math.sin(t / 40)
        yield 0.7 * math.sin(phase) + 0.25 * math.sin(2.1 * phase + 1) + random.gauss(0, 0.03)


window = deque(maxlen=LAGS)
recent = deque(maxlen=100)

for t, value in enumerate(stream(1500)):
    if len(window) == LAGS:
        x = list(window)
        h = [math.tanh(bj + sum(w * xi for w, xi in zip(row, x))) for row, bj in zip(W, b)]
        pred = c + sum(v * hj for v, hj in zip(V, h))
        err = pred - value
        recent.append(err * err)

        # backward
        dh = [err * V[j] * (1.0 - h[j] * h[j]) for j in range(HIDDEN)]

        # step
        for j in range(HIDDEN):
            vV[j] = MU * vV[j] - LR * err * h[j]
            V[j] += vV[j]
            for i in range(LAGS):
                vW[j][i] = MU * vW[j][i] - LR * dh[j] * x[i]
                W[j][i] += vW[j][i]
            vb[j] = MU * vb[j] - LR * dh[j]
            b[j] += vb[j]
        vc = MU * vc - LR * err
        c += vc

    window.append(value)
    if t and t % 300 == 0:
        print("t=%4d  rmse(last 100) = %.4f" % (t, math.sqrt(sum(recent) / len(recent))))

print("final rmse %.4f" % math.sqrt(sum(recent) / len(recent)))
