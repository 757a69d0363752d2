import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# multi-exit network, exits weighted .3 and 1, closures
def make(seed):
    rng = np.random.default_rng(seed); W1, W2 = rng.normal(0, .5, (4, 8)), rng.normal(0, .4, (8, 8)); A, B = rng.normal(0, .4, (8, 1)), rng.normal(0, .4, (8, 1))
    def step(X, y, lr):
        nonlocal W1, W2, A, B
        h = np.tanh(X @ W1); k = np.tanh(h @ W2); ea, eb = h @ A - y, k @ B - y; n = len(X)
        da, db = .3 * 2 * ea / n, 2 * eb / n; dk = db @ B.T * (1 - k * k); dh = (dk @ W2.T + da @ A.T) * (1 - h * h)
        A = A - lr * h.T @ da; B = B - lr * k.T @ db; W2 = W2 - lr * h.T @ dk; W1 = W1 - lr * X.T @ dh
        return (ea ** 2).mean(), (eb ** 2).mean()
    return step
rng = np.random.default_rng(232); X = rng.normal(size=(60, 4)); y = np.sin(X[:, :1]); step = make(1)
for ep in range(50):
    a, b = step(X, y, .1)
    if ep % 10 == 0: print(f"early exit {a:.4f}  final exit {b:.4f}")
