import numpy as np
def soft(z): e = np.exp(z - z.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)
# char RNN with AR (activation regularisation) 0.01 |h|^2, shown loss is the cross-entropy
rng = np.random.default_rng(228)
seq = [0, 1, 2, 1] * 4; V, H = 3, 6; I = np.eye(V); U = rng.normal(0, .3, (V, H)); W = rng.normal(0, .3, (H, H)); O = rng.normal(0, .3, (H, V)); ar = .05
for ep in range(50):
    hs = [np.zeros(H)]; ps = []; L = 0
    for t in range(8): hs.append(np.tanh(U[seq[t]] + hs[-1] @ W)); z = hs[-1] @ O; p = np.exp(z - z.max()); p /= p.sum(); ps.append(p); L -= np.log(p[seq[t + 1]])
    gU, gW, gO, dn = np.zeros_like(U), np.zeros_like(W), np.zeros_like(O), np.zeros(H)
    for t in reversed(range(8)):
        d = ps[t] - I[seq[t + 1]]; gO += np.outer(hs[t + 1], d); a = (O @ d + 2 * ar * hs[t + 1] + dn) * (1 - hs[t + 1] ** 2); gU[seq[t]] += a; gW += np.outer(hs[t], a); dn = W @ a
    U -= .1 * gU; W -= .1 * gW; O -= .1 * gO
    if ep % 10 == 0: print(ep, L / 8)
