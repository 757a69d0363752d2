import numpy as np

SEED = 30
rng = np.random.RandomState(SEED)

# exclusive or with noise
X = rng.randint(0, 2, (200, 2)).astype(float)
y = np.logical_xor(X[:, 0], X[:, 1]).astype(float)
X += rng.normal(0, 0.1, X.shape)

V = rng.randn(2, 8)
c = np.zeros(8)
w = rng.randn(8) * 0.5
b = np.zeros(1)

epochs = 3000
alpha = 0.5
step = 0
accuracy = 0.0
while accuracy < 0.995 or step < 100:
    z = X @ V + c
    h = np.where(z > 0, z, 0.0)
    p = 1 / (1 + np.exp(-(h @ w + b)))

    delta = (p - y) / len(y)
    back = np.outer(delta, w) * np.where(z > 0, 1.0, 0.0)
    w = w - alpha * h.T @ delta
    b = b - alpha * delta.sum()
    V = V - alpha * X.T @ back
    c = c - alpha * back.sum(axis=0)

    accuracy = np.mean((p > 0.5) == (y > 0.5))
    step += 1
    if step >= epochs:
        break

print("steps", step)
print("accuracy", accuracy)
