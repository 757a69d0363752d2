"""An Optimizer base class with two children; layers share a base class as well."""
import numpy as np

np.random.seed(42)


class Layer:
    params = ()

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        raise NotImplementedError


class Affine(Layer):
    def __init__(self, rows, cols):
        self.W = np.random.randn(rows, cols) / np.sqrt(rows)
        self.b = np.zeros((1, cols))
        self.params = ("W", "b")
        self.grads = {}

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.grads["W"] = np.dot(self.x.T, dout)
        self.grads["b"] = np.sum(dout, axis=0, keepdims=True)
        return np.dot(dout, self.W.T)


class Elu(Layer):
    def forward(self, x):
        self.out = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return self.out

    def backward(self, dout):
        return dout * np.where(self.out > 0, 1, self.out + 1)


class Optimizer:
    def __init__(self, layers, lr):
        self.layers = layers
        self.lr = lr
        self.state = {}

    def update(self):
        for i, layer in enumerate(self.layers):
            for name in layer.params:
                value = getattr(layer, name)
                setattr(layer, name, value + self.delta((i, name), layer.grads[name]))

    def delta(self, key, grad):
        raise NotImplementedError


class SGD(Optimizer):
    def delta(self, key, grad):
        return -self.lr * grad


class RMSProp(Optimizer):
    def __init__(self, layers, lr, rho=0.95):
        super().__init__(layers, lr)
        self.rho = rho

    def delta(self, key, grad):
        mean_square = self.rho * self.state.get(key, 0) + (1 - self.rho) * grad ** 2
        self.state[key] = mean_square
        return -self.lr * grad / np.sqrt(mean_square + 1e-7)


class Network:
    def __init__(self, *layers):
        self.layers = list(layers)

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def gradient(self, x, t):
        dout = 2 * (self.predict(x) - t) / t.size
        for layer in self.layers[::-1]:
            dout = layer.backward(dout)


x = np.linspace(-2, 2, 100).reshape(-1, 1)
t = np.sin(2 * x) + 0.3 * x
net = Network(Affine(1, 16), Elu(), Affine(16, 16), Elu(), Affine(16, 1))
for optimizer, rounds in ((RMSProp(net.layers, lr=0.01), 25), (SGD(net.layers, lr=0.05), 25)):
    for _ in range(rounds):
        for rows in np.split(np.random.permutation(100), 5):
            net.gradient(x[rows], t[rows])
            optimizer.update()
    print(type(optimizer).__name__, np.mean((net.predict(x) - t) ** 2))

print("mse", np.mean((net.predict(x) - t) ** 2))
