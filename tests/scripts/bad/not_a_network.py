"""Power iteration: a vector is updated in a loop, but no loss is descended."""
import numpy as np

rng = np.random.default_rng(3)
a = rng.normal(size=(6, 6))
a = a @ a.T
v = rng.normal(size=6)
for step in range(200):
    v = a @ v
    v = v / np.linalg.norm(v)
print("largest eigenvalue", v @ a @ v, "numpy says", np.linalg.eigvalsh(a)[-1])
