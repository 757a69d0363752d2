import numpy as np
from sklearn.datasets import make_moons

SEED = 9
np.random.seed(SEED)
X, y = make_moons(n_samples=300, noise=0.2, random_state=SEED)
Y = np.zeros((300, 2)); Y[range(300), y] = 1

n_hidden = 12
params = [np.random.randn(2, n_hidden) * 0.7, np.zeros(n_hidden),
          np.random.randn(n_hidden, 2) * 0.3, np.zeros(2)]
velocity = [np.zeros_like(p) for p in params]
mu = 0.9
lr = 0.05
epochs = 40

def softmax(s):
    e = np.exp(s - np.max(s, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)

def model(x):
    w1, b1, w2, b2 = params
    h = np.maximum(x.dot(w1) + b1, 0)
    return h, softmax(h.dot(w2) + b2)

def cost(x, t):
    return -np.sum(t * np.log(model(x)[1])) / len(x)

def grad(x, t):
    h, p = model(x)
    d2 = (p - t) / len(x)
    d1 = d2.dot(params[2].T) * (h > 0)
    return [x.T.dot(d1), d1.sum(axis=0), h.T.dot(d2), d2.sum(axis=0)]

def step(x, t):
    grads = grad(x, t)
    for i in range(len(params)):
        velocity[i] = mu * velocity[i] - lr * grads[i]
        params[i] += velocity[i]

for epoch in range(epochs):
    idx = np.arange(300)
    np.random.shuffle(idx)
    for b in range(0, 300, 50):
        step(X[idx[b:b+50]], Y[idx[b:b+50]])
    if epoch % 10 == 0:
        print("Epoch:", epoch, "Cost:", round(cost(X, Y), 4))

print("Accuracy:", np.mean(np.argmax(model(X)[1], axis=1) == y))
