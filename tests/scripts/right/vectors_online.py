"""One sample at a time as plain 1-D vectors, with np.outer."""
import numpy as np
from sklearn.datasets import make_blobs

SEED = 44
np.random.seed(SEED)
X, y = make_blobs(n_samples=150, centers=3, n_features=3, cluster_std=2.0, random_state=SEED)
X = X / np.abs(X).max()
T = [[1.0 if c == k else 0.0 for k in range(3)] for c in y]

n_in, n_hid, n_out = 3, 7, 3
w_ih = np.random.normal(0.0, n_in ** -0.5, (n_hid, n_in))
b_h = np.zeros(n_hid)
w_ho = np.random.normal(0.0, n_hid ** -0.5, (n_out, n_hid))
b_o = np.zeros(n_out)
eta = 0.2
epochs = 10


def act(v):
    return 1.0 / (1.0 + np.exp(-v))


for epoch in range(epochs):
    for x, t in zip(X, T):
        t = np.array(t)
        hid = act(np.dot(w_ih, x) + b_h)
        out = act(np.dot(w_ho, hid) + b_o)
        out_error = t - out                      # cross-entropy: no derivative of the last sigmoid
        hid_error = np.dot(w_ho.T, out_error)
        hid_delta = hid_error * hid * (1.0 - hid)
        w_ho += eta * np.outer(out_error, hid)
        b_o += eta * out_error
        w_ih += eta * np.outer(hid_delta, x)
        b_h += eta * hid_delta

right = 0
for x, c in zip(X, y):
    right += np.argmax(np.dot(w_ho, act(np.dot(w_ih, x) + b_h)) + b_o) == c
print("accuracy", right / len(X))
