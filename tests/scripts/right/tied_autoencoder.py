# an autoencoder whose decoder is the transposed encoder; one weight matrix gets two gradients
import numpy as np

generator = np.random.default_rng(30)
basis = generator.normal(size=(3, 10))
codes = generator.uniform(-1, 1, size=(200, 3))
patterns = np.tanh(codes @ basis)

encoder = generator.normal(0, 0.3, size=(10, 4))
hidden_bias = np.zeros(4)
visible_bias = np.zeros(10)


def encode(v):
    return np.tanh(v @ encoder + hidden_bias)


def reconstruct(v):
    return np.tanh(encode(v) @ encoder.T + visible_bias)


def reconstruction_error(v):
    return ((reconstruct(v) - v) ** 2).sum(axis=1).mean() / 2


def learn(v, rate):
    h = encode(v)
    r = np.tanh(h @ encoder.T + visible_bias)
    delta_v = (r - v) * (1 - r ** 2) / len(v)
    delta_h = (delta_v @ encoder) * (1 - h ** 2)
    from_decoder = delta_v.T @ h
    from_encoder = v.T @ delta_h
    encoder[...] -= rate * (from_decoder + from_encoder)
    hidden_bias[...] -= rate * delta_h.sum(axis=0)
    visible_bias[...] -= rate * delta_v.sum(axis=0)


rounds = 0
while True:
    learn(patterns[generator.choice(200, size=25)], 0.1)
    rounds += 1
    if rounds % 100 == 0:
        print(rounds, reconstruction_error(patterns))
    if rounds >= 1000 or reconstruction_error(patterns) < 0.07:
        break

print("error", reconstruction_error(patterns))
