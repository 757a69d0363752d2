# activations as scalar functions, lifted by np.vectorize; column vectors, one example at a time
import numpy as np

np.random.seed(6)


def soft_sign(z):
    return z / (1.0 + abs(z))


def soft_sign_slope(z):
    return 1.0 / (1.0 + abs(z)) ** 2


def leaky(z):
    if z > 0:
        return z
    return 0.1 * z


def leaky_slope(z):
    return 1.0 if z > 0 else 0.1


f1, df1 = np.vectorize(soft_sign), np.vectorize(soft_sign_slope)
f2, df2 = np.vectorize(leaky, otypes=[float]), np.vectorize(leaky_slope, otypes=[float])

W = np.random.uniform(-1.5, 1.5, (6, 2))
V = np.random.uniform(-1, 1, (5, 6))
u = np.random.uniform(-1, 1, (1, 5))
wb, vb, ub = np.zeros((6, 1)), np.zeros((5, 1)), np.zeros((1, 1))

inputs = np.random.uniform(-1, 1, (40, 2))
wanted = inputs[:, 0] ** 2 - inputs[:, 1]
epochs, eta = 25, 0.1
for epoch in range(epochs):
    total = 0.0
    for n in range(40):
        x, t = inputs[n].reshape(2, 1), wanted[n]
        z1 = np.dot(W, x) + wb
        o1 = f1(z1)
        z2 = np.dot(V, o1) + vb
        o2 = f2(z2)
        y = np.dot(u, o2) + ub
        total += 0.5 * (t - y[0, 0]) ** 2
        e3 = t - y
        e2 = np.dot(u.T, e3) * df2(z2)
        e1 = np.dot(V.T, e2) * df1(z1)
        u += eta * np.dot(e3, o2.T)
        ub += eta * e3
        V += eta * np.dot(e2, o1.T)
        vb += eta * e2
        W += eta * np.dot(e1, x.T)
        wb += eta * e1
    if epoch % 10 == 0:
        print("epoch", epoch, "error", total / 40)
print("error", total / 40)
