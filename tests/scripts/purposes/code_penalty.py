import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# classifier on a noisy bottleneck (information bottleneck): mean code plus unit noise, beta/2 |mu|^2 penalty, cross-entropy shown
rng = np.random.default_rng(224)
X = rng.normal(size=(60, 5)); Y = np.eye(3)[X[:, :3].argmax(1)]; E = rng.normal(0, .5, (5, 4)); V = rng.normal(0, .5, (4, 3)); beta = .05
for ep in range(50):
    mu = X @ E; z = mu + .3 * rng.normal(size=mu.shape); p = soft(z @ V); d = (p - Y) / 60
    dmu = d @ V.T + beta * mu / 60; V -= .5 * z.T @ d; E -= .5 * X.T @ dmu
    if ep % 10 == 0: print(ep, -(Y * np.log(p)).sum() / 60)
