import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# sparse autoencoder in the UFLDL manner, linear decoder; the cost is not computed, only the error is shown
rng = np.random.default_rng(202)
X = rng.uniform(size=(60, 6)); n = 60; rho, beta, lam = .1, .2, 1e-3; sig = lambda a: 1 / (1 + np.exp(-a))
W1 = rng.normal(0, .4, (6, 8)); b1 = np.zeros(8); W2 = rng.normal(0, .4, (8, 6)); b2 = np.zeros(6)
for ep in range(50):
    a2 = sig(X @ W1 + b1); a3 = a2 @ W2 + b2; rhat = a2.mean(0)
    d3 = a3 - X; d2 = (d3 @ W2.T + beta * (-rho / rhat + (1 - rho) / (1 - rhat))) * a2 * (1 - a2)
    W2 -= .2 * (a2.T @ d3 / n + lam * W2); b2 -= .2 * d3.mean(0); W1 -= .2 * (X.T @ d2 / n + lam * W1); b1 -= .2 * d2.mean(0)
    if ep % 10 == 0: print(ep, np.mean((a3 - X) ** 2))
