"""A small automatic differentiator: numbers that remember where they came from."""
import math
import random


class Value:
    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self.push = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def push():
            self.grad += out.grad
            other.grad += out.grad
        out.push = push
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.push = push
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def push():
            self.grad += (1 - out.data ** 2) * out.grad
        out.push = push
        return out

    def __sub__(self, other):
        return self + other * -1.0

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node.children:
                    visit(child)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.push()


random.seed(1)
hidden = [[Value(random.uniform(-1, 1)) for _ in range(3)] for _ in range(4)]
output = [Value(random.uniform(-1, 1)) for _ in range(5)]
everything = [p for neuron in hidden for p in neuron] + output


def predict(x1, x2):
    a = [(w[0] * x1 + w[1] * x2 + w[2]).tanh() for w in hidden]
    return sum((w * h for w, h in zip(output, a)), output[-1]).tanh()


def loss_of(point, target):
    miss = predict(*point) - target
    return miss * miss


samples = [((-1, -1), -0.8), ((-1, 1), 0.8), ((1, -1), 0.8), ((1, 1), -0.8)]
for step in range(60):
    total = 0.0
    for point, target in samples:
        loss = loss_of(point, target)
        for p in everything:
            p.grad = 0.0
        loss.backward()
        for p in everything:
            p.data -= 0.1 * p.grad
        total += loss.data
    if step % 20 == 0:
        print(step, total)
print(f"loss {total / 4:.6f}")
