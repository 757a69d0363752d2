import numpy as np

# insurance claims: counts with exposure, log link, Poisson deviance
rng = np.random.default_rng(31)
N = 250
age, power, region = rng.uniform(18, 80, N), rng.uniform(1, 10, N), rng.integers(0, 3, N)
expo = rng.uniform(0.2, 1.0, N)
F = np.column_stack([(age - 49) / 18, (power - 5.5) / 2.6, np.eye(3)[region]])
rate = np.exp(-0.3 + 0.5 * F[:, 0] ** 2 - 0.4 * F[:, 1] + F[:, 2:] @ [0.0, 0.4, -0.3])
claims = rng.poisson(rate * expo)

theta = dict(A=rng.normal(0, 0.4, (5, 7)), a=np.zeros(7), w=rng.normal(0, 0.2, 7), b=0.0)
lr, clip = 0.15, 1.0
for epoch in range(100):
    hidden = np.maximum(F @ theta['A'] + theta['a'], 0)
    eta = hidden @ theta['w'] + theta['b'] + np.log(expo)
    mu = np.exp(eta)
    nll = np.mean(mu - claims * eta)
    resid = (mu - claims) / N
    grad = {}
    grad['w'] = hidden.T @ resid
    grad['b'] = resid.sum()
    dh = np.outer(resid, theta['w'])
    dh[hidden <= 0] = 0
    grad['A'] = F.T @ dh
    grad['a'] = dh.sum(0)
    norm = np.sqrt(sum(np.sum(g ** 2) for g in grad.values()))
    scale = min(1.0, clip / (norm + 1e-12))
    for key in theta:
        theta[key] = theta[key] - lr * scale * grad[key]
    if epoch % 20 == 0:
        dev = 2 * np.mean(np.where(claims > 0, claims * np.log(np.maximum(claims, 1) / mu), 0) - (claims - mu))
        print(f'{epoch:4d} nll {nll:.4f} deviance {dev:.4f} |g| {norm:.3f}')
