import numpy as np
# cosine logits with an additive margin (CosFace) and a fixed scale
rng = np.random.default_rng(23)
X = rng.normal(size=(60, 5)); y = (X[:, :3]).argmax(1); Y = np.eye(3)[y]
W1 = rng.normal(0, .5, (5, 8)); C = rng.normal(0, .5, (8, 3)); s, m = 5., .2
for ep in range(50):
    h = np.tanh(X @ W1)
    nh = np.sqrt((h * h).sum(1, keepdims=True)); nc = np.sqrt((C * C).sum(0, keepdims=True))
    hn, cn = h / nh, C / nc
    z = s * (hn @ cn - m * Y)
    p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
    loss = -np.log((p * Y).sum(1)).mean()
    dcos = s * (p - Y) / 60
    dhn = dcos @ cn.T; dcn = hn.T @ dcos
    dh = (dhn - hn * (dhn * hn).sum(1, keepdims=True)) / nh
    dC = (dcn - cn * (dcn * cn).sum(0, keepdims=True)) / nc
    C -= .3 * dC
    W1 -= .3 * X.T @ (dh * (1 - h * h))
    if ep % 10 == 0: print(ep, loss)
