import numpy as np
# hinge-loss GAN
rng = np.random.default_rng(161)
real = rng.normal(1, .3, (64, 2)); G = rng.normal(0, .5, (2, 2)); g0 = np.zeros(2); D1 = rng.normal(0, .5, (2, 8)); d1 = np.zeros(8); D2 = rng.normal(0, .5, (8, 1))
for it in range(60):
    z = rng.normal(size=(64, 2)); f = z @ G + g0
    hr, hf = np.tanh(real @ D1 + d1), np.tanh(f @ D1 + d1); sr, sf = hr @ D2, hf @ D2
    L = np.maximum(0, 1 - sr).mean() + np.maximum(0, 1 + sf).mean()
    er, ef = -1.0 * (sr < 1) / 64, (sf > -1) / 64
    ar, af = er @ D2.T * (1 - hr ** 2), ef @ D2.T * (1 - hf ** 2)
    D2 -= .1 * (hr.T @ er + hf.T @ ef); D1 -= .1 * (real.T @ ar + f.T @ af); d1 -= .1 * (ar.sum(0) + af.sum(0))
    hf = np.tanh(f @ D1 + d1); df = (-np.ones((64, 1)) / 64 @ D2.T * (1 - hf ** 2)) @ D1.T
    G -= .1 * z.T @ df; g0 -= .1 * df.sum(0)
    if it % 10 == 0: print(it, L, f.mean(0))
