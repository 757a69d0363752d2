"""Stop when the validation loss has not improved for some epochs, then go back to the best copy."""
import copy
import math
import random


class Unit:
    def __init__(self, n, rnd):
        self.w = [rnd.uniform(-0.8, 0.8) for _ in range(n)]
        self.b = 0.0
        self.zero()

    def zero(self):
        self.gw = [0.0 for _ in self.w]
        self.gb = 0.0

    def fire(self, x):
        self.x = x
        self.s = self.b + sum(a * b for a, b in zip(self.w, x))
        return self.s

    def blame(self, d):
        self.gb += d
        for i, v in enumerate(self.x):
            self.gw[i] += d * v
        return [d * w for w in self.w]

    def move(self, step):
        self.b -= step * self.gb
        self.w = [w - step * g for w, g in zip(self.w, self.gw)]
        self.zero()


class Model:
    def __init__(self, rnd):
        self.below = [Unit(2, rnd) for _ in range(5)]
        self.top = Unit(5, rnd)

    def __call__(self, x):
        self.h = [max(0.0, u.fire(x)) for u in self.below]
        return self.top.fire(self.h)

    def accumulate(self, d):
        for u, back in zip(self.below, self.top.blame(d)):
            u.blame(back if u.s > 0 else 0.0)

    def move(self, step):
        for u in self.below + [self.top]:
            u.move(step)


def mean_loss(model, rows):
    return sum((model(x) - y) ** 2 for x, y in rows) / len(rows)


rnd = random.Random(2024)
rows = []
for _ in range(60):
    x = (rnd.uniform(-1, 1), rnd.uniform(-1, 1))
    rows.append((x, abs(x[0]) + 0.5 * x[1] + rnd.gauss(0, 0.05)))
train, valid = rows[:45], rows[45:]

model = Model(rnd)
best, best_loss, wait = None, float("inf"), 0
epoch = 0
while wait < 6 and epoch < 80:
    for start in range(0, len(train), 9):
        batch = train[start:start + 9]
        for x, y in batch:
            model.accumulate(2 * (model(x) - y) / len(batch))
        model.move(0.08)
    now = mean_loss(model, valid)
    if now < best_loss - 1e-5:
        best, best_loss, wait = copy.deepcopy(model), now, 0
    else:
        wait += 1
    if epoch % 10 == 0:
        print("epoch", epoch, "train", mean_loss(model, train), "valid", now)
    epoch += 1
print("best validation loss", best_loss, "rmse", math.sqrt(mean_loss(best, valid)))
