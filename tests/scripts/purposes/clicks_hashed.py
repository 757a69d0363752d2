"""Click prediction with hashed features and AdaGrad, one impression after another (pure Python)."""
import random
from math import exp, log, sqrt
from zlib import crc32

D = 64
random.seed(404)


def hashed(**columns):
    return [0] + [1 + crc32(f"{k}={v}".encode()) % (D - 1) for k, v in columns.items()]


def impressions(n):
    for _ in range(n):
        hour = random.randrange(6)
        device = random.choice(["phone", "tablet", "desktop"])
        ad = random.choice(["shoes", "books", "travel", "games"])
        z = -1 + (device == "phone") + 1.5 * (ad == "games") - 0.8 * (hour < 2)
        yield hashed(hour=hour, device=device, ad=ad), int(random.random() < 1 / (1 + exp(-z)))


w = [0.0] * D
n = [1.0] * D
alpha = 0.3


def sigma(z):
    return 1.0 / (1.0 + exp(-max(min(z, 20.0), -20.0)))


def logloss(p, y):
    p = max(min(p, 1 - 1e-12), 1e-12)
    return -log(p) if y == 1 else -log(1 - p)


loss = 0.0
for t, (x, y) in enumerate(impressions(300), start=1):
    p = sigma(sum(w[i] for i in x))
    loss += logloss(p, y)
    for i in x:
        g = p - y
        n[i] += g * g
        w[i] -= alpha * g / sqrt(n[i])
    if t % 50 == 0:
        print("%d impressions, average logloss %.4f" % (t, loss / t))
