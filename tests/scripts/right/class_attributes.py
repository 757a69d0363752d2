import numpy as np
from sklearn.datasets import make_moons

SEED = 21


class Classifier:
    """One hidden layer, one sigmoid unit, binary cross-entropy."""

    def __init__(self, n_inputs, n_hidden, lr=0.5):
        self.w_hidden = np.random.randn(n_inputs, n_hidden)
        self.b_hidden = np.zeros(n_hidden)
        self.w_out = np.random.randn(n_hidden, 1) / np.sqrt(n_hidden)
        self.b_out = np.zeros(1)
        self.lr = lr

    def predict_proba(self, X):
        self.X = X
        self.hidden = np.maximum(X.dot(self.w_hidden) + self.b_hidden, 0)
        self.p = 1 / (1 + np.exp(-(self.hidden.dot(self.w_out) + self.b_out)))
        return self.p

    def loss(self, y):
        return -(y * np.log(self.p + 1e-12) + (1 - y) * np.log(1 - self.p + 1e-12)).mean()

    def learn(self, y):
        error = (self.p - y) / len(y)
        hidden_error = error.dot(self.w_out.T)
        hidden_error[self.hidden == 0] = 0
        self.w_out -= self.lr * self.hidden.T.dot(error)
        self.b_out -= self.lr * error.sum(axis=0)
        self.w_hidden -= self.lr * self.X.T.dot(hidden_error)
        self.b_hidden -= self.lr * hidden_error.sum(axis=0)

    def fit(self, X, y, epochs, batch=32):
        for epoch in range(epochs):
            for i in np.split(np.random.permutation(len(X)), len(X) // batch):
                self.predict_proba(X[i])
                self.learn(y[i])
        self.predict_proba(X)
        print("final loss", self.loss(y))


np.random.seed(SEED)
epochs = 60
X, y = make_moons(320, noise=0.2, random_state=SEED)
y = y[:, np.newaxis]
net = Classifier(2, 10)
net.fit(X, y, epochs)
print("accuracy", np.mean((net.predict_proba(X) > 0.5) == y))
