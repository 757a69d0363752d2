# Q-learning on a 4x4 grid with a little relu network for Q(s, .)
# semi-gradient TD(0), one update per move. Plain python.
import random

random.seed(21)
N = 4
GOAL, PIT = (3, 3), (1, 2)
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
GAMMA, LR, HID = 0.9, 0.05, 12


def encode(s):
    x = [0.0] * (2 * N)
    x[s[0]] = 1.0
    x[N + s[1]] = 1.0
    return x


W1 = [[random.gauss(0, 0.5) for _ in range(2 * N)] for _ in range(HID)]
b1 = [0.1] * HID
W2 = [[random.gauss(0, 0.3) for _ in range(HID)] for _ in MOVES]
b2 = [0.0] * len(MOVES)


def q_values(x):
    h = [max(0.0, bj + sum(w * xi for w, xi in zip(row, x))) for row, bj in zip(W1, b1)]
    q = [bk + sum(w * hj for w, hj in zip(row, h)) for row, bk in zip(W2, b2)]
    return h, q


def move(s, a):
    r, c = s[0] + MOVES[a][0], s[1] + MOVES[a][1]
    s2 = (min(N - 1, max(0, r)), min(N - 1, max(0, c)))
    if s2 == GOAL:
        return s2, 1.0, True
    if s2 == PIT:
        return s2, -1.0, True
    return s2, -0.02, False


def td_update(s, a, reward, s2, done):
    x = encode(s)
    target = reward
    if not done:
        _, q_next = q_values(encode(s2))
        best = max(range(len(MOVES)), key=q_next.__getitem__)
        target += GAMMA * q_next[best]
    h, q = q_values(x)
    if done:
        best = max(range(len(MOVES)), key=q.__getitem__)
    td = q[a] - target

    dh = [td * W2[a][j] if h[j] > 0 else 0.0 for j in range(HID)]
    for j in range(HID):
        W2[a][j] -= LR * td * h[j]
    b2[a] -= LR * td
    for j in range(HID):
        if dh[j] == 0.0:
            continue
        for i in range(2 * N):
            W1[j][i] -= LR * dh[j] * x[i]
        b1[j] -= LR * dh[j]
    return td, best == a


eps = 1.0
history = []
for episode in range(300):
    s, ret, steps, done = (0, 0), 0.0, 0, False
    greedy = 0
    while not done and steps < 40:
        _, q = q_values(encode(s))
        a = random.randrange(4) if random.random() < eps else q.index(max(q))
        s2, r, done = move(s, a)
        td, same = td_update(s, a, r, s2, done)
        greedy += same
        s = s2
        ret += r
        steps += 1
    eps = max(0.05, eps * 0.985)
    history.append(ret)
    if episode % 60 == 59:
        print("episode", episode + 1, "mean return", round(sum(history[-60:]) / 60, 3), "eps", round(eps, 2))

arrows = "^v<>"
for i in range(N):
    print(" ".join("G" if (i, j) == GOAL else "X" if (i, j) == PIT else
                   arrows[max(range(4), key=q_values(encode((i, j)))[1].__getitem__)] for j in range(N)))
