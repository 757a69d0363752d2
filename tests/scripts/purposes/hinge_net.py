import numpy as np

rng = np.random.default_rng(8)

# ring around a blob, labels -1 / +1
n = 60
radius = np.r_[rng.uniform(0, 1, n // 2), rng.uniform(1.5, 2.5, n // 2)]
angle = rng.uniform(0, 2 * np.pi, n)
points = np.c_[radius * np.cos(angle), radius * np.sin(angle)]
labels = np.r_[-np.ones(n // 2), np.ones(n // 2)]

H = 10
W1 = rng.normal(size=(H, 2))
b1 = np.zeros(H)
w2 = rng.normal(size=H) * 0.5
b2 = 0.0
lr = 0.05

for epoch in range(14):
    mistakes = 0
    for k in rng.permutation(n):
        x, y = points[k], labels[k]
        z = W1 @ x + b1
        a = np.maximum(z, 0)
        score = w2 @ a + b2
        if score * y <= 0:
            mistakes += 1
        # hinge: only learn from points inside the margin
        if y * score < 1:
            dz = -y * w2 * (z > 0)
            W1 -= lr * np.outer(dz, x)
            b1 -= lr * dz
            w2 += lr * y * a
            b2 += lr * y
    if epoch % 3 == 0 or mistakes == 0:
        print(f"epoch {epoch}: {mistakes} mistakes")
    lr *= 0.98

scores = np.maximum(points @ W1.T + b1, 0) @ w2 + b2
print("train accuracy", np.mean(np.sign(scores) == labels))
print("mean hinge loss", np.maximum(0, 1 - labels * scores).mean())
