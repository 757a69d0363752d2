import math, random

class Matrix:
    """just enough of a matrix to train a net"""
    def __init__(self, rows):
        self.rows = [list(r) for r in rows]

    @classmethod
    def random(cls, n, m, scale):
        return cls([[random.gauss(0, scale) for _ in range(m)] for _ in range(n)])

    @classmethod
    def zeros(cls, n, m):
        return cls([[0.0] * m for _ in range(n)])

    @property
    def shape(self):
        return len(self.rows), len(self.rows[0])

    @property
    def T(self):
        return Matrix(zip(*self.rows))

    def _zip(self, other, fn):
        if isinstance(other, (int, float)):
            return self.map(lambda v: fn(v, other))
        orows = other.rows
        if len(orows) == 1 and len(self.rows) > 1:      # row vector: broadcast down
            orows = orows * len(self.rows)
        return Matrix([[fn(a, b) for a, b in zip(r, s)] for r, s in zip(self.rows, orows)])

    def __matmul__(self, other):
        cols = list(zip(*other.rows))
        return Matrix([[sum(a * b for a, b in zip(row, col)) for col in cols] for row in self.rows])

    def __add__(self, other): return self._zip(other, lambda a, b: a + b)
    def __sub__(self, other): return self._zip(other, lambda a, b: a - b)
    def __mul__(self, other): return self._zip(other, lambda a, b: a * b)
    __rmul__ = __mul__

    def map(self, fn):
        return Matrix([[fn(v) for v in r] for r in self.rows])

    def colsum(self):
        return Matrix([[sum(c) for c in zip(*self.rows)]])

    def mean(self):
        n, m = self.shape
        return sum(map(sum, self.rows)) / (n * m)


random.seed(3)
xs = [-3 + 6 * i / 7 for i in range(8)]
X = Matrix([[x / 3] for x in xs])
Y = Matrix([[math.sin(x)] for x in xs])

H = 4
W1, b1 = Matrix.random(1, H, 0.8), Matrix.random(1, H, 0.3)
W2, b2 = Matrix.random(H, H, 0.4), Matrix.zeros(1, H)
W3, b3 = Matrix.random(H, 1, 0.4), Matrix.zeros(1, 1)
lr = 0.15
N = X.shape[0]

for it in range(60):
    Z1 = X @ W1 + b1
    A1 = Z1.map(math.tanh)
    Z2 = A1 @ W2 + b2
    A2 = Z2.map(math.tanh)
    out = A2 @ W3 + b3
    err = out - Y

    dout = err * (2 / N)
    dW3, db3 = A2.T @ dout, dout.colsum()
    dZ2 = (dout @ W3.T) * A2.map(lambda a: 1 - a * a)
    dW2, db2 = A1.T @ dZ2, dZ2.colsum()
    dZ1 = (dZ2 @ W2.T) * A1.map(lambda a: 1 - a * a)
    dW1, db1 = X.T @ dZ1, dZ1.colsum()

    W1, b1 = W1 - lr * dW1, b1 - lr * db1
    W2, b2 = W2 - lr * dW2, b2 - lr * db2
    W3, b3 = W3 - lr * dW3, b3 - lr * db3
    if it % 20 == 0 or it == 59:
        print("iter", it, "mse", round((err * err).mean(), 5))
