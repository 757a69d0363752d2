"""Residual blocks with layer normalisation, written as functions that return what their backward pass needs."""
import numpy as np

rng = np.random.default_rng(14)
WIDTH, BLOCKS = 8, 2


def normalise(x, g, b):
    mu = x.mean(-1, keepdims=True)
    s = np.sqrt(((x - mu) ** 2).mean(-1, keepdims=True) + 1e-5)
    n = (x - mu) / s
    return g * n + b, (n, s, g)


def normalise_backward(dy, saved):
    n, s, g = saved
    dn = dy * g
    dx = (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True)) / s
    return dx, (dy * n).sum(0), dy.sum(0)


def block(x, p):
    n, saved = normalise(x, p["g"], p["b"])
    h = np.tanh(n @ p["W"] + p["c"])
    return x + h @ p["V"], (n, h, saved)


def block_backward(dy, p, memory):
    n, h, saved = memory
    grad = {"V": h.T @ dy}
    dz = (dy @ p["V"].T) * (1 - h * h)
    grad["W"], grad["c"] = n.T @ dz, dz.sum(0)
    dx, grad["g"], grad["b"] = normalise_backward(dz @ p["W"].T, saved)
    return dy + dx, grad


X = rng.normal(size=(160, 3))
y = np.sin(X.sum(axis=1, keepdims=True)) * 0.8

embed = rng.normal(0, 1, (3, WIDTH))
blocks = [
    {"g": np.ones(WIDTH), "b": np.zeros(WIDTH), "W": rng.normal(0, 0.4, (WIDTH, 12)), "c": np.zeros(12),
     "V": rng.normal(0, 0.2, (12, WIDTH))}
    for _ in range(BLOCKS)
]
head = rng.normal(0, 0.3, (WIDTH, 1))


def loss_and_gradients(x, t):
    stream, memories = x @ embed, []
    for p in blocks:
        stream, memory = block(stream, p)
        memories.append(memory)
    error = stream @ head - t
    d = 2 * error / len(t)
    dhead = stream.T @ d
    d = d @ head.T
    grads = [None] * BLOCKS
    for i in range(BLOCKS - 1, -1, -1):
        d, grads[i] = block_backward(d, blocks[i], memories[i])
    return float(np.mean(error ** 2)), x.T @ d, grads, dhead


def descend(x, t, rate):
    global embed, head
    loss, dembed, grads, dhead = loss_and_gradients(x, t)
    embed = embed - rate * dembed
    head = head - rate * dhead
    for p, grad in zip(blocks, grads):
        for key in p:
            p[key] = p[key] - rate * grad[key]
    return loss


epochs = 60
for epoch in range(epochs):
    order = rng.permutation(160)
    losses = [descend(X[k], y[k], 0.1) for k in np.split(order, 5)]
print("loss", np.mean(losses))
