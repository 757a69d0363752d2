import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
rng = np.random.default_rng(174)
real = rng.normal(1, .5, (50, 2)); G = rng.normal(0, .5, (2, 2)); g0 = np.zeros(2); D1 = rng.normal(0, .5, (2, 8)); D2 = rng.normal(0, .5, (8, 1))
for it in range(60):
    f = rng.normal(size=(50, 2)) @ G + g0; hr, hf = np.tanh(real @ D1), np.tanh(f @ D1)
    pr, pf = 1 / (1 + np.exp(-hr @ D2)), 1 / (1 + np.exp(-hf @ D2)); L = -np.mean(np.log(pr)) - np.mean(np.log(1 - pf))
    er, ef = (pr - 1) / 50, pf / 50
    gD1 = real.T @ (er @ D2.T * (1 - hr ** 2)) + f.T @ (ef @ D2.T * (1 - hf ** 2))
    D2 -= .2 * (hr.T @ er + hf.T @ ef); D1 -= .2 * gD1
    z = rng.normal(size=(50, 2)); f = z @ G + g0; hf = np.tanh(f @ D1); gap = hf.mean(0) - np.tanh(real @ D1).mean(0)
    df = (np.tile(2 * gap / 50, (50, 1)) * (1 - hf ** 2)) @ D1.T
    G -= .2 * z.T @ df; g0 -= .2 * df.sum(0)
    if it % 10 == 0: print(it, L, gap @ gap)
