import numpy as np
# actor-critic with separate small nets and Gaussian policy; fixed sigma, advantage from the critic held constant
rng = np.random.default_rng(155)
A1 = rng.normal(0, .5, (1, 8)); A2 = rng.normal(0, .3, (8, 1)); C1 = rng.normal(0, .5, (1, 8)); C2 = rng.normal(0, .3, (8, 1)); sg = .3
for it in range(60):
    s = rng.uniform(-1, 1, (40, 1)); ha = np.tanh(s @ A1); mu = ha @ A2; a = mu + sg * rng.normal(size=mu.shape)
    r = 1 - (a - s ** 2) ** 2; hc = np.tanh(s @ C1); v = hc @ C2; adv = r - v
    dv = -2 * adv / 40; dC1 = s.T @ (dv @ C2.T * (1 - hc ** 2)); C2 -= .1 * hc.T @ dv; C1 -= .1 * dC1
    dmu = adv * (a - mu) / sg ** 2 / 40; dA1 = s.T @ (dmu @ A2.T * (1 - ha ** 2)); A2 += .02 * ha.T @ dmu; A1 += .02 * dA1
    if it % 10 == 0: print(it, "return", r.mean(), "critic", (adv ** 2).mean())
