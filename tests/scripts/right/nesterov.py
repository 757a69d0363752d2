# Nesterov's momentum, look-ahead form: the gradient is taken where the velocity is about to carry the weights
import numpy as np
rs = np.random.RandomState(9)
n = 200
x = rs.uniform(-3, 3, size=(n, 1))
y = np.cos(x) + rs.normal(0, 0.02, size=(n, 1))
k = 15
w1 = rs.normal(0, 1, (1, k));  w2 = rs.normal(0, 0.3, (k, 1))
b1 = rs.normal(0, 1, (1, k));  b2 = np.zeros((1, 1))
vw1 = 0 * w1; vw2 = 0 * w2; vb1 = 0 * b1; vb2 = 0 * b2
mu = 0.9; lr = 0.05
epochs = 300
for e in range(epochs):
    # look ahead
    lw1 = w1 + mu * vw1
    lw2 = w2 + mu * vw2
    lb1 = b1 + mu * vb1
    lb2 = b2 + mu * vb2
    h = np.tanh(np.dot(x, lw1) + lb1)
    p = np.dot(h, lw2) + lb2
    cost = 0.5 * np.mean(np.square(p - y))
    # gradient there
    dp = (p - y) / n
    dw2 = np.dot(h.T, dp)
    db2 = np.sum(dp, axis=0, keepdims=True)
    dh = np.dot(dp, lw2.T)
    dz = (1 - np.power(h, 2)) * dh
    dw1 = np.dot(x.T, dz)
    db1 = np.sum(dz, axis=0, keepdims=True)
    # move
    vw1 = mu * vw1 - lr * dw1
    vw2 = mu * vw2 - lr * dw2
    vb1 = mu * vb1 - lr * db1
    vb2 = mu * vb2 - lr * db2
    w1 = w1 + vw1
    w2 = w2 + vw2
    b1 = b1 + vb1
    b2 = b2 + vb2
    if e % 100 == 0: print('epoch', e, 'cost', cost)
print('cost', cost)
