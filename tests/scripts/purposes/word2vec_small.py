# skip-gram with negative sampling on a tiny corpus
import numpy as np

corpus = ("the king rules the land . the queen rules the land . "
          "the dog chases the cat . the cat chases the mouse . "
          "a man walks the dog . a woman walks the dog . "
          "the king is a man . the queen is a woman .").split()

vocab = sorted(set(corpus))
w2i = {w: i for i, w in enumerate(vocab)}
ids = [w2i[w] for w in corpus]
V, dim, window, n_neg = len(vocab), 10, 2, 4

np.random.seed(1)
W_in = (np.random.rand(V, dim) - 0.5)
W_out = (np.random.rand(V, dim) - 0.5) * 0.1
counts = np.bincount(ids, minlength=V) ** 0.75


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


lr = 0.2
for epoch in range(4):
    loss = 0
    for pos, center in enumerate(ids):
        for ctx_pos in range(max(0, pos - window), min(len(ids), pos + window + 1)):
            if ctx_pos == pos:
                continue
            context = ids[ctx_pos]
            probs = counts.copy()
            probs[context] = 0
            negatives = np.random.choice(V, n_neg, replace=False, p=probs / probs.sum())

            v = W_in[center]
            grad_v = np.zeros(dim)
            # first the true context word (label 1), then the noise words (label 0)
            for word, label in [(context, 1)] + [(n, 0) for n in negatives]:
                s = sigmoid(v @ W_out[word])
                loss -= np.log(s if label else 1 - s)
                g = s - label
                grad_v += g * W_out[word]
                W_out[word] -= lr * g * v
            W_in[center] -= lr * grad_v
    print("epoch", epoch, "loss", round(loss / len(ids), 4))


def nearest(word):
    n = W_in / np.linalg.norm(W_in, axis=1, keepdims=True)
    sims = n @ n[w2i[word]]
    return [vocab[i] for i in np.argsort(-sims)[1:4]]


for w in ("king", "dog", "man"):
    print(w, "->", nearest(w))
