import numpy as np

# complex-valued regression: learn a phase rotation and gain through modReLU-free polar tanh, Wirtinger gradients
rng = np.random.default_rng(80)
N, D, H = 90, 3, 6
X = rng.normal(size=(N, D)) + 1j * rng.normal(size=(N, D))
true = rng.normal(size=D) + 1j * rng.normal(size=D)
y = X @ true
y = y / (1 + np.abs(y))
A = (rng.normal(size=(D, H)) + 1j * rng.normal(size=(D, H))) * 0.3
b = np.zeros(H, complex)
v = (rng.normal(size=H) + 1j * rng.normal(size=H)) * 0.3


def act(z):
    return np.tanh(z.real) + 1j * np.tanh(z.imag)


for it in range(150):
    z = X @ A + b
    h = act(z)
    e = h @ v - y
    loss = np.mean(np.abs(e) ** 2)
    # steepest descent direction: dL/dRe + i dL/dIm
    de = 2 * e / N
    gv = h.conj().T @ de
    dh = np.outer(de, v.conj())
    dz = dh.real * (1 - h.real ** 2) + 1j * dh.imag * (1 - h.imag ** 2)
    gA = X.conj().T @ dz
    gb = dz.sum(0)
    A = A - 0.1 * gA
    b = b - 0.1 * gb
    v = v - 0.1 * gv
    if it % 30 == 0:
        print(it, loss)
