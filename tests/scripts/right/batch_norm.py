"""Batch normalisation between the layers, with running averages for the test."""
import numpy as np

np.random.seed(23)
X = np.random.randn(300, 2)
y = (X[:, 1] > np.sin(2 * X[:, 0])).astype(int)
X = X * [1, 3] + [5, -3]                 # badly scaled on purpose
X_train, y_train, X_test, y_test = X[:200], y[:200], X[200:], y[200:]


class BatchNorm:
    def __init__(self, dim, momentum=0.9, eps=1e-5):
        self.gamma, self.beta = np.ones(dim), np.zeros(dim)
        self.running_mean, self.running_var = np.zeros(dim), np.ones(dim)
        self.momentum, self.eps = momentum, eps

    def forward(self, x, train):
        if train:
            mu, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        self.istd = 1 / np.sqrt(var + self.eps)
        self.xhat = (x - mu) * self.istd
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma = (dout * self.xhat).sum(axis=0)
        self.dbeta = dout.sum(axis=0)
        dxhat = dout * self.gamma
        return self.istd * (dxhat - dxhat.mean(axis=0) - self.xhat * (dxhat * self.xhat).mean(axis=0))


class Model:
    def __init__(self, hidden=(12, 8)):
        self.W1 = np.random.randn(2, hidden[0])
        self.W2 = np.random.randn(*hidden)
        self.W3 = np.random.randn(hidden[1], 2) * 0.3
        self.b3 = np.zeros(2)
        self.bn1, self.bn2 = BatchNorm(hidden[0]), BatchNorm(hidden[1])

    def forward(self, x, train=True):
        self.h1 = np.maximum(0, self.bn1.forward(x @ self.W1, train))
        self.h2 = np.maximum(0, self.bn2.forward(self.h1 @ self.W2, train))
        scores = self.h2 @ self.W3 + self.b3
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.mean(np.log(self.p[range(len(y)), y]))

    def train_step(self, x, y, lr):
        d = self.forward(x).copy()
        d[range(len(y)), y] -= 1
        d /= len(y)
        dW3, db3 = self.h2.T @ d, d.sum(axis=0)
        d = self.bn2.backward((d @ self.W3.T) * (self.h2 > 0))
        dW2 = self.h1.T @ d
        d = self.bn1.backward((d @ self.W2.T) * (self.h1 > 0))
        self.W1 -= lr * x.T @ d
        self.W2 -= lr * dW2
        self.W3 -= lr * dW3
        self.b3 -= lr * db3
        for bn in (self.bn1, self.bn2):
            bn.gamma -= lr * bn.dgamma
            bn.beta -= lr * bn.dbeta


model = Model()
for epoch in range(40):
    order = np.random.permutation(200)
    for i in range(0, 200, 40):
        batch = order[i:i + 40]
        model.train_step(X_train[batch], y_train[batch], 0.5)

print("accuracy", np.mean(model.forward(X_test, train=False).argmax(axis=1) == y_test))
