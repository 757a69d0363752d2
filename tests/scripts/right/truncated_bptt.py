# a tiny character model: truncated back-propagation through time, the state is carried on, Adagrad
import numpy as np

data = "the cat sat on the mat and the rat ran at the cat . " * 12
chars = sorted(set(data))
ix = {ch: i for i, ch in enumerate(chars)}
vocab, hidden, seq, lr = len(chars), 24, 8, 0.2
epochs = 600
np.random.seed(2)
U = np.random.randn(hidden, vocab) * 0.1
W = np.random.randn(hidden, hidden) * 0.1
O = np.random.randn(vocab, hidden) * 0.1
bh = np.zeros((hidden, 1))
bo = np.zeros((vocab, 1))


def one_hot(k):
    v = np.zeros((vocab, 1))
    v[k] = 1
    return v


def loss_fun(inputs, targets, hprev):
    xs, hs, ps = {}, {-1: np.copy(hprev)}, {}
    loss = 0
    for t in range(len(inputs)):
        xs[t] = one_hot(inputs[t])
        hs[t] = np.tanh(np.dot(U, xs[t]) + np.dot(W, hs[t - 1]) + bh)
        y = np.dot(O, hs[t]) + bo
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dU, dW, dO = np.zeros_like(U), np.zeros_like(W), np.zeros_like(O)
    dbh, dbo = np.zeros_like(bh), np.zeros_like(bo)
    dnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dO += np.dot(dy, hs[t].T)
        dbo += dy
        dh = np.dot(O.T, dy) + dnext
        draw = (1 - hs[t] * hs[t]) * dh
        dbh += draw
        dU += np.dot(draw, xs[t].T)
        dW += np.dot(draw, hs[t - 1].T)
        dnext = np.dot(W.T, draw)
    for g in [dU, dW, dO, dbh, dbo]:
        np.clip(g, -5, 5, out=g)
    return loss, dU, dW, dO, dbh, dbo, hs[len(inputs) - 1]


mU, mW, mO = np.zeros_like(U), np.zeros_like(W), np.zeros_like(O)
mbh, mbo = np.zeros_like(bh), np.zeros_like(bo)
n, p, smooth = 0, 0, np.log(vocab) * seq
hprev = np.zeros((hidden, 1))
while n < epochs:
    if p + seq + 1 >= len(data):
        hprev, p = np.zeros((hidden, 1)), 0
    inputs = [ix[ch] for ch in data[p:p + seq]]
    targets = [ix[ch] for ch in data[p + 1:p + seq + 1]]
    loss, dU, dW, dO, dbh, dbo, hprev = loss_fun(inputs, targets, hprev)
    smooth = smooth * 0.95 + loss * 0.05
    for param, dparam, mem in zip([U, W, O, bh, bo], [dU, dW, dO, dbh, dbo], [mU, mW, mO, mbh, mbo]):
        mem += dparam * dparam
        param += -lr * dparam / np.sqrt(mem + 1e-8)
    if n % 100 == 0:
        print(n, smooth)
    p += seq
    n += 1
print("loss", smooth / seq)
