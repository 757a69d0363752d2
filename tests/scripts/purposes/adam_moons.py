import numpy as np
from sklearn.datasets import make_moons


class MLP:
    """2-layer binary classifier trained with Adam"""

    def __init__(self, n_in, n_hidden, seed=0):
        r = np.random.RandomState(seed)
        self.params = {
            "w1": r.randn(n_in, n_hidden) * 0.5,
            "b1": np.zeros(n_hidden),
            "w2": r.randn(n_hidden, 1) * 0.5,
            "b2": np.zeros(1),
        }
        self.m = {k: np.zeros_like(p) for k, p in self.params.items()}
        self.v = {k: np.zeros_like(p) for k, p in self.params.items()}
        self.t = 0

    def forward(self, x):
        p = self.params
        self.x = x
        self.h = np.tanh(x @ p["w1"] + p["b1"])
        self.yhat = 1 / (1 + np.exp(-(self.h @ p["w2"] + p["b2"])))
        return self.yhat

    def backward(self, y):
        n = len(y)
        dz2 = (self.yhat - y) / n
        dz1 = dz2 @ self.params["w2"].T * (1 - self.h ** 2)
        return {
            "w2": self.h.T @ dz2,
            "b2": dz2.sum(0),
            "w1": self.x.T @ dz1,
            "b1": dz1.sum(0),
        }

    def adam(self, grads, lr=0.02, beta1=0.9, beta2=0.999, eps=1e-8):
        self.t += 1
        for k in self.params:
            g = grads[k]
            self.m[k] = beta1 * self.m[k] + (1 - beta1) * g
            self.v[k] = beta2 * self.v[k] + (1 - beta2) * g ** 2
            m_hat = self.m[k] / (1 - beta1 ** self.t)
            v_hat = self.v[k] / (1 - beta2 ** self.t)
            self.params[k] -= lr * m_hat / (np.sqrt(v_hat) + eps)


X, y = make_moons(n_samples=150, noise=0.15, random_state=3)
y = y[:, None]

net = MLP(2, 12)
for it in range(300):
    p = net.forward(X)
    net.adam(net.backward(y))
    if it % 60 == 0:
        loss = -np.mean(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))
        print("it %3d   loss %.4f   acc %.3f" % (it, loss, np.mean((p > 0.5) == y)))
print("final acc", np.mean((net.forward(X) > 0.5) == y))
