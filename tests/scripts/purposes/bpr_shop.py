import numpy as np

# Bayesian personalised ranking, single (user, bought, not bought) triples
rng = np.random.default_rng(70)
NU, NI, K = 15, 20, 4
taste, style = rng.normal(size=(NU, 2)), rng.normal(size=(NI, 2))
bought = (taste @ style.T + 0.3 * rng.normal(size=(NU, NI))) > 0.8
bought[:, 0] = True
bought[:, 1] = False
U = rng.normal(scale=0.1, size=(NU, K))
I = rng.normal(scale=0.1, size=(NI, K))
pop = np.zeros(NI)
lr, lam = 0.1, 0.01


def auc():
    s = U @ I.T + pop
    return np.mean([(s[u][bought[u]][:, None] > s[u][~bought[u]][None]).mean() for u in range(NU)])


def draw():
    u = rng.integers(NU)
    return u, rng.choice(np.flatnonzero(bought[u])), rng.choice(np.flatnonzero(~bought[u]))


run = 0.0
for t in range(1, 201):
    u, i, j = draw()
    x_uij = U[u] @ (I[i] - I[j]) + pop[i] - pop[j]
    run += np.log1p(np.exp(-x_uij))
    s = 1 / (1 + np.exp(x_uij))
    wu, hi, hj = U[u].copy(), I[i].copy(), I[j].copy()
    U[u] += lr * (s * (hi - hj) - lam * wu)
    I[i] += lr * (s * wu - lam * hi)
    I[j] += lr * (-s * wu - lam * hj)
    pop[i] += lr * (s - lam * pop[i])
    pop[j] += lr * (-s - lam * pop[j])
    if t % 50 == 0:
        print(t, 'bpr loss', run / 50, 'auc', auc())
        run = 0.0
