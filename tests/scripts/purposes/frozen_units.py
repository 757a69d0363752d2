import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# half of the hidden units keep their random weights: a 0/1 vector on the columns of the step
rng = np.random.default_rng(222)
X = rng.normal(size=(60, 4)); Y = np.eye(3)[X[:, :3].argmax(1)]; W = rng.normal(0, .6, (4, 10)); V = rng.normal(0, .5, (10, 3)); train = np.array([1.] * 5 + [0.] * 5)
for ep in range(50):
    h = np.maximum(0, X @ W); p = soft(h @ V); d = (p - Y) / 60; gW = X.T @ (d @ V.T * (h > 0)); V -= .5 * h.T @ d; W -= .5 * train * gW
    if ep % 10 == 0: print(ep, -(Y * np.log(p)).sum() / 60)
