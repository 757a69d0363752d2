"""Two networks in turn: a generator learns to imitate a distribution, a discriminator to tell the difference."""
import numpy as np

rng = np.random.default_rng(1)


def dense(n_in, n_out, scale=1.0):
    return rng.normal(0, scale / np.sqrt(n_in), (n_in, n_out)), np.zeros((1, n_out))


G1, g1 = dense(2, 8)
G2, g2 = dense(8, 1)
D1, d1 = dense(1, 12, 2.0)
D2, d2 = dense(12, 1)
BATCH = 64


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def generate(noise):
    hidden = np.tanh(noise @ G1 + g1)
    return hidden, hidden @ G2 + g2


def discriminate(samples, weights=None):
    w1, b1, w2, b2 = weights or (D1, d1, D2, d2)
    hidden = np.maximum(0.2 * (samples @ w1 + b1), samples @ w1 + b1)
    return hidden, sigmoid(hidden @ w2 + b2)


def discriminator_loss(real, fake):
    return -np.mean(np.log(discriminate(real)[1])) - np.mean(np.log(1 - discriminate(fake)[1]))


def generator_loss(noise, weights=None):
    return -np.mean(np.log(discriminate(generate(noise)[1], weights)[1]))


def train_discriminator(real, fake, lr):
    total = [0, 0, 0, 0]
    for samples, wanted in ((real, 1), (fake, 0)):
        hidden, p = discriminate(samples)
        delta = (p - wanted) / len(samples)
        back = delta @ D2.T * np.where(hidden > 0, 1, 0.2)
        grads = (samples.T @ back, back.sum(0, keepdims=True), hidden.T @ delta, delta.sum(0, keepdims=True))
        total = [t + g for t, g in zip(total, grads)]
    for weight, grad in zip((D1, d1, D2, d2), total):
        weight -= lr * grad


def train_generator(noise, lr):
    h, fake = generate(noise)
    hidden, p = discriminate(fake)
    delta = (p - 1) / len(noise)
    delta = delta @ D2.T * np.where(hidden > 0, 1, 0.2)
    delta = delta @ D1.T
    back = (delta @ G2.T) * (1 - h ** 2)
    for weight, grad in ((G2, h.T @ delta), (g2, delta.sum(0, keepdims=True)),
                         (G1, noise.T @ back), (g1, back.sum(0, keepdims=True))):
        weight -= lr * grad


averages = []
for epoch in range(400):
    real = rng.normal(3.0, 0.5, (BATCH, 1))
    fake = generate(rng.normal(size=(BATCH, 2)))[1]
    train_discriminator(real, fake, 0.1)
    noise = rng.normal(size=(BATCH, 2))
    train_generator(noise, 0.03)
    averages.append(fake.mean())
    if epoch % 100 == 99:
        print(f"{epoch + 1}: fakes are around {averages[-1]:.2f}")

print("distance", abs(np.mean(averages[-200:]) - 3.0))
