import numpy as np
# deterministic actor that ascends a learned critic; contextual bandit, reward -(a - sin(3s))^2
rng = np.random.default_rng(5)
H = 10
aw1 = rng.normal(0, .8, (1, H)); ab1 = np.zeros(H); aw2 = rng.normal(0, .3, (H, 1))
qw1 = rng.normal(0, .8, (2, H)); qb1 = np.zeros(H); qw2 = rng.normal(0, .3, (H, 1)); qb2 = np.zeros(1)
B = 40
for t in range(80):
    s = rng.uniform(-1, 1, (B, 1))
    # act
    ha = np.tanh(s @ aw1 + ab1)
    mu = np.tanh(ha @ aw2)
    a = np.clip(mu + 0.3 * rng.normal(size=mu.shape), -1, 1)
    r = -(a - np.sin(3 * s)) ** 2
    # critic regression
    sa = np.hstack([s, a])
    hq = np.tanh(sa @ qw1 + qb1)
    q = hq @ qw2 + qb2
    closs = np.mean((q - r) ** 2)
    dq = 2 * (q - r) / B
    dhq = dq @ qw2.T * (1 - hq ** 2)
    qw2 -= 0.1 * hq.T @ dq
    qb2 -= 0.1 * dq.sum(0)
    qw1 -= 0.1 * sa.T @ dhq
    qb1 -= 0.1 * dhq.sum(0)
    # actor ascends Q(s, mu(s))
    sa = np.hstack([s, mu])
    hq = np.tanh(sa @ qw1 + qb1)
    J = np.mean(hq @ qw2 + qb2)
    dq = np.ones((B, 1)) / B
    dsa = (dq @ qw2.T * (1 - hq ** 2)) @ qw1.T
    dmu = dsa[:, 1:]
    dz = dmu * (1 - mu ** 2)
    dha = dz @ aw2.T * (1 - ha ** 2)
    aw2 += 0.3 * ha.T @ dz
    aw1 += 0.3 * s.T @ dha
    ab1 += 0.3 * dha.sum(0)
    if t % 20 == 0: print(t, "critic loss", closs, "J", J, "reward", r.mean())
