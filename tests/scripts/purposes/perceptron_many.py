import random

# Multi-class perceptron: punish the class that won, reward the class that should have won.

random.seed(21)
CLASSES = ("circle", "square", "star", "cross")
DIM = 5
prototypes = {c: [random.gauss(0, 1.4) for _ in range(DIM)] for c in CLASSES}
examples = []
for _ in range(60):
    label = random.choice(CLASSES)
    examples.append((tuple(v + random.gauss(0, 1) for v in prototypes[label]) + (1.0,), label))

table = {c: [random.gauss(0, 0.3) for _ in range(DIM + 1)] for c in CLASSES}


def dot(u, v):
    return sum(map(lambda p: p[0] * p[1], zip(u, v)))


def criterion():
    """mean of (best score - score of the true class)"""
    s = 0.0
    for x, label in examples:
        scores = {c: dot(table[c], x) for c in CLASSES}
        s += max(scores.values()) - scores[label]
    return s / len(examples)


STEP = 0.2
for sweep in range(20):
    change = {c: [0.0] * (DIM + 1) for c in CLASSES}
    mistakes = 0
    for x, label in examples:
        winner = max(CLASSES, key=lambda c: dot(table[c], x))
        if winner != label:
            mistakes += 1
            for j, v in enumerate(x):
                change[winner][j] -= v
                change[label][j] += v
    loss = criterion()
    for c in CLASSES:
        for j in range(DIM + 1):
            table[c][j] += STEP * change[c][j] / len(examples)
    print("sweep", sweep, "mistakes", mistakes, "criterion", round(loss, 4))
