"""An LSTM that remembers the first symbol of a sequence until the end."""
import numpy as np

np.random.seed(31)
H, V, T = 10, 3, 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def make_sequence():
    seq = np.random.randint(0, V, T)
    return np.eye(V)[seq], seq[0]


# one matrix for the four gates: input, forget, output, candidate
Wx = np.random.randn(V, 4 * H) * 0.5
Wh = np.random.randn(H, 4 * H) * 0.3
b = np.zeros(4 * H)
b[H:2 * H] = 1.0
Wy = np.random.randn(H, V) * 0.3
by = np.zeros(V)


def lossfun(xs, target):
    h, c = np.zeros(H), np.zeros(H)
    cache = []
    for x in xs:
        a = x @ Wx + h @ Wh + b
        i, f, o = sigmoid(a[:H]), sigmoid(a[H:2 * H]), sigmoid(a[2 * H:3 * H])
        g = np.tanh(a[3 * H:])
        c_new = f * c + i * g
        tc = np.tanh(c_new)
        h_new = o * tc
        cache.append((x, h, c, i, f, o, g, tc))
        h, c = h_new, c_new
    y = h @ Wy + by
    p = np.exp(y - np.max(y))
    p /= np.sum(p)
    loss = -np.log(p[target])

    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dy = p.copy()
    dy[target] -= 1
    dWy = np.outer(h, dy)
    dby = dy
    dh, dc = Wy @ dy, np.zeros(H)
    for x, h_prev, c_prev, i, f, o, g, tc in reversed(cache):
        dc = dc + dh * o * (1 - tc ** 2)
        da = np.concatenate([
            dc * g * i * (1 - i),
            dc * c_prev * f * (1 - f),
            dh * tc * o * (1 - o),
            dc * i * (1 - g ** 2),
        ])
        dWx += np.outer(x, da)
        dWh += np.outer(h_prev, da)
        db += da
        dh = Wh @ da
        dc = dc * f
    return loss, p.argmax() == target, (dWx, dWh, db, dWy, dby)


epochs = 400
lr, hits = 0.5, []
for n in range(epochs):
    xs, target = make_sequence()
    loss, hit, grads = lossfun(xs, target)
    hits.append(hit)
    for param, grad in zip((Wx, Wh, b, Wy, by), grads):
        np.clip(grad, -2, 2, out=grad)
        param -= lr * grad
    if n % 100 == 99:
        print("iter", n + 1, "loss", loss)

print("accuracy", np.mean(hits[-100:]))
