"""Word vectors by skip-gram with negative sampling on a toy language of three topics."""
import numpy as np

rng = np.random.default_rng(4)
topics = [["cat", "dog", "cow", "pig"], ["red", "blue", "green", "pink"], ["run", "walk", "jump", "swim"]]
words = sum(topics, [])
index = {word: i for i, word in enumerate(words)}
text = [index[w] for topic in rng.integers(0, 3, 120) for w in rng.choice(topics[topic], 5)]

pairs = []
for pos, centre in enumerate(text):
    for other in range(max(0, pos - 2), min(len(text), pos + 3)):
        if other != pos:
            pairs.append((centre, text[other]))
pairs = np.array(pairs)

DIM, NEGATIVE = 6, 3
emb_in = rng.normal(0, 0.3, (len(words), DIM))
emb_out = rng.normal(0, 0.3, (len(words), DIM))


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def nce_loss(centre, context, noise):
    v = emb_in[centre]
    good = np.sum(v * emb_out[context], axis=1)
    bad = np.einsum("nd,nkd->nk", v, emb_out[noise])
    return -(log_sigmoid(good).sum() + log_sigmoid(-bad).sum()) / len(centre)


def train_batch(centre, context, noise, lr):
    v, u, n = emb_in[centre], emb_out[context], emb_out[noise]
    g_good = 1 / (1 + np.exp(-np.sum(v * u, axis=1))) - 1
    g_bad = 1 / (1 + np.exp(-np.einsum("nd,nkd->nk", v, n)))
    dv = g_good[:, None] * u + np.einsum("nk,nkd->nd", g_bad, n)
    du = g_good[:, None] * v
    dn = g_bad[:, :, None] * v[:, None, :]
    # a word can stand in a batch many times, so += would not do
    np.add.at(emb_in, centre, -lr / len(centre) * dv)
    np.add.at(emb_out, context, -lr / len(centre) * du)
    np.add.at(emb_out, noise, -lr / len(centre) * dn)


for epoch in range(8):
    rng.shuffle(pairs)
    for k in range(0, len(pairs), 64):
        chunk = pairs[k:k + 64]
        noise = rng.integers(0, len(words), (len(chunk), NEGATIVE))
        train_batch(chunk[:, 0], chunk[:, 1], noise, 2.0)

unit = emb_in / np.linalg.norm(emb_in, axis=1, keepdims=True)
similar = unit @ unit.T - 2 * np.eye(len(words))
print("accuracy", np.mean(similar.argmax(axis=1) // 4 == np.arange(len(words)) // 4))
