"""All parameters live in one flat vector; the layers are views into it."""
import numpy as np

rng = np.random.default_rng(21)
n_in, n_hid, n_out = 2, 9, 3
sizes = [n_in * n_hid, n_hid, n_hid * n_out, n_out]
cuts = np.cumsum(sizes)[:-1]
theta = rng.standard_normal(sum(sizes)) * 0.6

# three arms of a spiral
t = np.linspace(0.1, 1, 60)
angle = np.concatenate([2.5 * t + 2.1 * arm for arm in range(3)])
radius = np.tile(t, 3) * 2
X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + rng.normal(0, 0.05, (180, 2))
labels = np.repeat([0, 1, 2], 60)


def unpack(vector):
    w1, b1, w2, b2 = np.split(vector, cuts)
    return w1.reshape(n_in, n_hid), b1, w2.reshape(n_hid, n_out), b2


def predict(vector, x):
    w1, b1, w2, b2 = unpack(vector)
    hidden = np.tanh(x @ w1 + b1)
    score = hidden @ w2 + b2
    score = score - score.max(axis=1)[:, np.newaxis]
    return hidden, score - np.log(np.exp(score).sum(axis=1)[:, np.newaxis])


def objective(vector, x, y):
    return -predict(vector, x)[1][np.arange(len(y)), y].mean()


def gradient(vector, x, y):
    hidden, log_prob = predict(vector, x)
    grad = np.empty_like(vector)
    gw1, gb1, gw2, gb2 = unpack(grad)
    delta = np.exp(log_prob)
    delta[np.arange(len(y)), y] -= 1.0
    delta /= len(y)
    gw2[:] = hidden.T @ delta
    gb2[:] = delta.sum(axis=0)
    delta = (delta @ unpack(vector)[2].T) * (1.0 - np.square(hidden))
    gw1[:] = x.T @ delta
    gb1[:] = delta.sum(axis=0)
    return grad


step_size = 0.4
for epoch in range(40):
    for part in np.array_split(rng.permutation(180), 6):
        theta = theta - step_size * gradient(theta, X[part], labels[part])
    if epoch % 10 == 9:
        print("after", epoch + 1, "epochs:", round(objective(theta, X, labels), 4))

print("accuracy", (predict(theta, X)[1].argmax(axis=1) == labels).mean())
