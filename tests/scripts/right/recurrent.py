"""A recurrent network that echoes a bit seen two steps ago; back-propagation through time over the whole sequence."""
import numpy as np

SEED = 50
rng = np.random.default_rng(SEED)
H = 8
Wxh = rng.normal(0, 0.5, (H, 1))
Whh = rng.normal(0, 0.3, (H, H))
Why = rng.normal(0, 0.5, (1, H))
bh = np.zeros((H, 1))
by = np.zeros((1, 1))


def step(xs, ts, rate):
    """Forward and backward through one sequence; returns its loss before the update."""
    hs, ys, loss = {-1: np.zeros((H, 1))}, {}, 0.0
    for t in range(len(xs)):
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        ys[t] = 1 / (1 + np.exp(-(Why @ hs[t] + by)))
        loss -= (ts[t] * np.log(ys[t]) + (1 - ts[t]) * np.log(1 - ys[t])).item()

    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dh_next = np.zeros((H, 1))
    for t in reversed(range(len(xs))):
        dy = ys[t] - ts[t]
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dh_next
        draw = (1 - hs[t] * hs[t]) * dh
        dbh += draw
        dWxh += draw @ xs[t].T
        dWhh += draw @ hs[t - 1].T
        dh_next = Whh.T @ draw

    for param, grad in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
        param -= rate * grad
    return loss


def sequence(length=10):
    bits = rng.integers(0, 2, length)
    echo = np.concatenate([[0, 0], bits[:-2]])
    return bits.reshape(-1, 1, 1).astype(float), echo.reshape(-1, 1, 1).astype(float)


epochs = 1500
smooth = 7.0
for n in range(epochs):
    smooth = 0.99 * smooth + 0.01 * step(*sequence(), 0.05)
    if n % 500 == 0:
        print("iteration", n, "loss", smooth)
print("loss", smooth)
