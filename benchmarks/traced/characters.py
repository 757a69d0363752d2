"""A recurrent network of 100 units that reads a text 25 characters at a time and guesses the next one (Adagrad)."""

import numpy as np

ROUNDS = 100
TEXT = (
    "the derivative of a sum is the sum of the derivatives, and a chain is as strong as its weakest link. "
    * 20
)
LETTERS = sorted(set(TEXT))
CODES = {letter: code for code, letter in enumerate(LETTERS)}
H, V, T, RATE = 100, len(LETTERS), 25, 0.1

rng = np.random.default_rng(0)
Wxh = rng.normal(0, 0.01, (H, V))
Whh = rng.normal(0, 0.01, (H, H))
Why = rng.normal(0, 0.01, (V, H))
bh = np.zeros((H, 1))
by = np.zeros((V, 1))
squares = [np.zeros_like(p) for p in (Wxh, Whh, Why, bh, by)]


def learn(inputs, targets, state):
    """Loss, gradients and last state of one piece of text."""
    xs, hs, ps, loss = {}, {-1: state}, {}, 0.0
    for t in range(len(inputs)):
        xs[t] = np.zeros((V, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        scores = np.exp(Why @ hs[t] + by)
        ps[t] = scores / np.sum(scores)
        loss -= np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    following = np.zeros_like(state)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + following
        raw = (1 - hs[t] * hs[t]) * dh
        dbh += raw
        dWxh += raw @ xs[t].T
        dWhh += raw @ hs[t - 1].T
        following = Whh.T @ raw
    for gradient in (dWxh, dWhh, dWhy, dbh, dby):
        np.clip(gradient, -5, 5, out=gradient)
    return loss, (dWxh, dWhh, dWhy, dbh, dby), hs[len(inputs) - 1]


position, memory, smooth = 0, np.zeros((H, 1)), 0.0
for number in range(ROUNDS):
    if position + T + 1 >= len(TEXT):
        position, memory = 0, np.zeros((H, 1))
    codes = [CODES[letter] for letter in TEXT[position : position + T + 1]]
    loss, gradients, memory = learn(codes[:-1], codes[1:], memory)
    smooth = 0.99 * smooth + 0.01 * loss
    for parameter, gradient, square in zip((Wxh, Whh, Why, bh, by), gradients, squares, strict=True):
        square += gradient * gradient
        parameter += -RATE * gradient / np.sqrt(square + 1e-8)
    position += T
    if number % 100 == 99:
        print("round", number, "loss", smooth)
