# XOR with two hidden units, every weight moved on its own
import numpy as np

np.random.seed(4)
w = np.random.uniform(-1, 1, (2, 2))   # input j to hidden k
v = np.random.uniform(-1, 1, 3)        # hidden to output, v[2] is the bias
c = np.random.uniform(-1, 1, 2)        # hidden biases
eta = 0.3
epochs = 120
patterns = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]


def squash(s):
    return 1 / (1 + np.exp(-s))


for sweep in range(epochs):
    E = 0
    for (x0, x1), t in patterns:
        h0 = np.tanh(w[0, 0] * x0 + w[1, 0] * x1 + c[0])
        h1 = np.tanh(w[0, 1] * x0 + w[1, 1] * x1 + c[1])
        o = squash(v[0] * h0 + v[1] * h1 + v[2])
        E -= np.log(o if t else 1 - o)
        do = o - t
        d0 = do * v[0] * (1 - h0 ** 2)
        d1 = do * v[1] * (1 - h1 ** 2)
        v[0] = v[0] - eta * do * h0
        v[1] = v[1] - eta * do * h1
        v[2] = v[2] - eta * do
        w[0, 0] = w[0, 0] - eta * d0 * x0
        w[1, 0] = w[1, 0] - eta * d0 * x1
        w[0, 1] = w[0, 1] - eta * d1 * x0
        w[1, 1] = w[1, 1] - eta * d1 * x1
        c[0] -= eta * d0
        c[1] -= eta * d1
    if sweep % 50 == 0:
        print(sweep, E)

print("error", E / 4)
