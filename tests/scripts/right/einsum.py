"""Three layers written with einsum; the letters say what is summed."""
import numpy as np

gen = np.random.default_rng(8)
features = gen.normal(size=(150, 4))
target = np.sin(features[:, 0]) * features[:, 1] + 0.5 * features[:, 2]
target = target[:, None]

A = gen.normal(scale=0.5, size=(4, 12))
B = gen.normal(scale=0.3, size=(12, 12))
C = gen.normal(scale=0.3, size=(12, 1))
a, b, c = np.zeros(12), np.zeros(12), np.zeros(1)
eps = 0.15
num_epochs, chunk = 150, 50

for epoch in range(num_epochs):
    for s in range(0, 150, chunk):
        x, t = features[s:s + chunk], target[s:s + chunk]
        # n: sample, i: feature, h and k: hidden unit, o: output
        h = np.tanh(np.einsum("ni,ih->nh", x, A) + a)
        k = np.tanh(np.einsum("nh,hk->nk", h, B) + b)
        y = np.einsum("nk,ko->no", k, C) + c
        mse = np.einsum("no,no->", y - t, y - t) / len(x)
        gy = 2 * (y - t) / len(x)
        gk = np.einsum("no,ko,nk->nk", gy, C, 1 - k * k)
        gh = np.einsum("nk,hk,nh->nh", gk, B, 1 - h * h)
        C = C - eps * np.einsum("nk,no->ko", k, gy)
        c = c - eps * np.einsum("no->o", gy)
        B = B - eps * np.einsum("nh,nk->hk", h, gk)
        b = b - eps * np.einsum("nk->k", gk)
        A = A - eps * np.einsum("ni,nh->ih", x, gh)
        a = a - eps * np.einsum("nh->h", gh)
    if epoch % 50 == 0:
        print(f"epoch {epoch:3d}  mse {mse:.4f}")

print("mse", mse)
