"""Matrix factorisation a la Funk, one rating at a time, no numpy."""
import random

random.seed(6)
USERS, ITEMS, K = 12, 15, 3
true_u = [[random.gauss(0, 1) for _ in range(K)] for _ in range(USERS)]
true_i = [[random.gauss(0, 1) for _ in range(K)] for _ in range(ITEMS)]
ratings = []
for u in range(USERS):
    for i in range(ITEMS):
        if random.random() < 0.5:
            r = 3 + sum(a * b for a, b in zip(true_u[u], true_i[i])) * 0.5 + random.gauss(0, 0.1)
            ratings.append((u, i, r))

mu = sum(r for _, _, r in ratings) / len(ratings)
bu = [0.0] * USERS
bi = [0.0] * ITEMS
P = [[random.gauss(0, 0.2) for _ in range(K)] for _ in range(USERS)]
Q = [[random.gauss(0, 0.2) for _ in range(K)] for _ in range(ITEMS)]
lr, reg = 0.03, 0.02


def predict(u, i):
    return mu + bu[u] + bi[i] + sum(P[u][k] * Q[i][k] for k in range(K))


# minimises  1/2 sum (r - rhat)^2 + reg/2 (|p|^2 + |q|^2 + b^2)  by SGD
for epoch in range(12):
    random.shuffle(ratings)
    sq = 0.0
    for u, i, r in ratings:
        e = r - predict(u, i)
        sq += e * e
        bu[u] += lr * (e - reg * bu[u])
        bi[i] += lr * (e - reg * bi[i])
        for k in range(K):
            puk, qik = P[u][k], Q[i][k]
            P[u][k] += lr * (e * qik - reg * puk)
            Q[i][k] += lr * (e * puk - reg * qik)
    print("epoch %d rmse %.4f" % (epoch, (sq / len(ratings)) ** 0.5))
