import numpy as np
# each layer is trained by its own local classifier; no gradient flows between layers
rng = np.random.default_rng(145)
X = rng.normal(size=(80, 5)); Y = np.eye(3)[X[:, :3].argmax(1)]
layers = [[rng.normal(0, .5, (i, 8)), rng.normal(0, .5, (8, 3))] for i in (5, 8, 8)]
for ep in range(50):
    a = X; losses = []
    for L in layers:
        h = np.tanh(a @ L[0]); z = h @ L[1]; p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
        losses.append(-(Y * np.log(p)).sum() / 80)
        d = (p - Y) / 80; g = a.T @ (d @ L[1].T * (1 - h * h))
        L[1] -= .5 * h.T @ d; L[0] -= .5 * g
        a = h
    if ep % 10 == 0: print(ep, losses)
