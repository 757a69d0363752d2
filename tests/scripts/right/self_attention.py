"""One head of self-attention learns which of the tokens is the largest."""
import numpy as np

rng = np.random.default_rng(15)
n_tokens, d_in, d_model = 4, 3, 8
tokens = rng.normal(size=(200, n_tokens, d_in))
answer = tokens[:, :, 0].argmax(axis=1)
tokens[np.arange(200), answer, 0] += 0.5

Wq, Wk, Wv = (rng.normal(0, 0.5, (d_in, d_model)) for _ in range(3))
Wo = rng.normal(0, 0.5, (d_model, d_in))
w, bias = rng.normal(0, 0.5, d_in), np.zeros(n_tokens)
scale = 1 / np.sqrt(d_model)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


lr = 0.3
for epoch in range(60):
    shuffled = rng.permutation(200)
    for start in range(0, 200, 50):
        x, y = tokens[shuffled[start:start + 50]], answer[shuffled[start:start + 50]]

        q, k, v = x @ Wq, x @ Wk, x @ Wv
        attention = softmax(q @ k.transpose(0, 2, 1) * scale)
        mixed = attention @ v
        out = x + np.tanh(mixed @ Wo)
        prob = softmax(out @ w + bias)
        loss = -np.mean(np.log(prob[np.arange(50), y]))

        d_logits = (prob - np.eye(n_tokens)[y]) / 50
        d_w = np.einsum("ntd,nt->d", out, d_logits)
        d_bias = d_logits.sum(axis=0)
        d_pre = d_logits[..., None] * w * (1 - (out - x) ** 2)
        d_Wo = np.tensordot(mixed, d_pre, ((0, 1), (0, 1)))
        d_mixed = d_pre @ Wo.T
        d_attention = d_mixed @ v.transpose(0, 2, 1)
        d_v = attention.transpose(0, 2, 1) @ d_mixed
        d_score = attention * (d_attention - (d_attention * attention).sum(axis=-1, keepdims=True)) * scale
        d_q = d_score @ k
        d_k = d_score.transpose(0, 2, 1) @ q
        d_Wq, d_Wk, d_Wv = (np.einsum("nti,ntj->ij", x, d) for d in (d_q, d_k, d_v))

        w -= lr * d_w
        bias -= lr * d_bias
        Wo -= lr * d_Wo
        Wq -= lr * d_Wq
        Wk -= lr * d_Wk
        Wv -= lr * d_Wv
    if epoch % 20 == 19:
        print(f"epoch {epoch + 1}: loss {loss:.4f}")

out = tokens + np.tanh(softmax((tokens @ Wq) @ (tokens @ Wk).transpose(0, 2, 1) * scale) @ (tokens @ Wv) @ Wo)
print("accuracy", np.mean((out @ w + bias).argmax(axis=1) == answer))
