# iris with a sigmoid network, one flower at a time
import numpy as np
from sklearn.datasets import load_iris

SEED = 3
np.random.seed(SEED)

X, labels = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
order = np.random.permutation(len(X))
X, labels = X[order], labels[order]
T = np.eye(3)[labels]

epochs = 30
lr = 0.3
W1 = np.random.randn(4, 6) * 0.5
b1 = np.zeros((1, 6))
W2 = np.random.randn(6, 3) * 0.5
b2 = np.zeros((1, 3))

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def dsigmoid(y):          # y is already sigmoid(x)
    return y * (1 - y)

for epoch in range(epochs):
    total = 0
    for i in range(len(X)):
        x = X[i:i+1]
        t = T[i:i+1]
        h = sigmoid(np.dot(x, W1) + b1)
        o = sigmoid(np.dot(h, W2) + b2)
        err = o - t
        total += 0.5 * np.sum(err ** 2)
        d2 = err * dsigmoid(o)
        d1 = np.dot(d2, W2.T) * dsigmoid(h)
        W2 -= lr * np.dot(h.T, d2)
        b2 -= lr * d2
        W1 -= lr * np.dot(x.T, d1)
        b1 -= lr * d1
    if epoch % 10 == 9:
        print("epoch", epoch + 1, "error", total / len(X))

out = sigmoid(np.dot(sigmoid(np.dot(X, W1) + b1), W2) + b2)
print("accuracy: %.3f" % np.mean(out.argmax(axis=1) == labels))
