# learn a sine wave
import numpy as np

SEED = 1
np.random.seed(SEED)
x = np.linspace(-3, 3, 120).reshape(-1, 1)
y = np.sin(1.5 * x) + np.random.normal(0, 0.05, x.shape)

hidden = 20
W1 = np.random.normal(0, 1.0, (1, hidden))
b1 = np.random.normal(0, 1.0, (1, hidden))
W2 = np.random.normal(0, 0.3, (hidden, 1))
b2 = np.zeros((1, 1))

epochs = 1500
rate = 0.05
for it in range(epochs):
    h = np.tanh(x.dot(W1) + b1)
    y_hat = h.dot(W2) + b2
    diff = y_hat - y
    mse = np.mean(diff ** 2)

    g = 2.0 * diff / len(x)
    dW2 = h.T.dot(g)
    db2 = g.sum(axis=0, keepdims=True)
    dh = g.dot(W2.T)
    dz = dh * (1.0 - np.square(h))
    dW1 = x.T.dot(dz)
    db1 = dz

    W2 = W2 - rate * dW2
    b2 = b2 - rate * db2
    W1 = W1 - rate * dW1
    b1 = b1 - rate * db1
    if it % 500 == 0:
        print(it, mse)
print("final mse", mse)
