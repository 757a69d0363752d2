import random
from collections import deque
import numpy as np

# DQN on a 4x4 grid: replay memory, target network, epsilon-greedy, Huber on the TD error
np.random.seed(0)
random.seed(0)
MOVES = [(0, 1), (0, -1), (1, 0), (-1, 0)]


def encode(pos):
    v = np.zeros(16)
    v[pos[0] * 4 + pos[1]] = 1
    return v


def step(pos, a):
    r = min(max(pos[0] + MOVES[a][0], 0), 3)
    c = min(max(pos[1] + MOVES[a][1], 0), 3)
    if (r, c) == (3, 3):
        return (r, c), 1.0, True
    if (r, c) == (1, 1):
        return (r, c), -1.0, True
    return (r, c), -0.02, False


class QNet:
    def __init__(self):
        self.params = [np.random.randn(16, 24) * 0.2, np.zeros(24), np.random.randn(24, 4) * 0.2, np.zeros(4)]

    def forward(self, x):
        W1, b1, W2, b2 = self.params
        self.x, self.h = x, np.maximum(0, x @ W1 + b1)
        return self.h @ W2 + b2

    def backward(self, dq):
        W1, b1, W2, b2 = self.params
        dh = dq @ W2.T
        dh[self.h <= 0] = 0
        return [self.x.T @ dh, dh.sum(0), self.h.T @ dq, dq.sum(0)]

    def copy_from(self, other):
        self.params = [p.copy() for p in other.params]


q, target = QNet(), QNet()
target.copy_from(q)
memory, updates, losses = deque(maxlen=500), 0, []
for episode in range(40):
    pos, done, n = (0, 0), False, 0
    eps = max(0.1, 1 - episode / 25)
    while not done and n < 25:
        a = random.randrange(4) if random.random() < eps else int(q.forward(encode(pos)[None]).argmax())
        nxt, rew, done = step(pos, a)
        memory.append((encode(pos), a, rew, encode(nxt), done))
        pos, n = nxt, n + 1
        if len(memory) >= 32 and n % 3 == 0:
            batch = random.sample(list(memory), 16)
            s, act, r, s2, d = map(np.array, zip(*batch))
            y = r + 0.95 * (1 - d) * target.forward(s2).max(1)
            qs = q.forward(s)
            td = qs[np.arange(16), act] - y
            loss = np.where(np.abs(td) < 1, 0.5 * td ** 2, np.abs(td) - 0.5).mean()
            dq = np.zeros_like(qs)
            dq[np.arange(16), act] = np.clip(td, -1, 1) / 16
            for p, g in zip(q.params, q.backward(dq)):
                p -= 0.25 * g
            losses.append(loss)
            updates += 1
            if updates % 20 == 0:
                target.copy_from(q)
    if episode % 8 == 0:
        print(episode, n, np.mean(losses[-20:]) if losses else None)
