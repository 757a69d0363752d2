import numpy as np
from sklearn.datasets import make_moons

SEED = 0
rng = np.random.default_rng(SEED)
X, y = make_moons(n_samples=400, noise=0.15, random_state=SEED)
X_train, y_train = X[:300], y[:300]
X_test, y_test = X[300:], y[300:]

hidden = 16
batch_size = 25
learning_rate = 0.3
epochs = 60

W1 = rng.standard_normal((2, hidden)) * np.sqrt(2 / 2)
b1 = np.zeros(hidden)
W2 = rng.standard_normal((hidden, 2)) * np.sqrt(2 / hidden)
b2 = np.zeros(2)

for epoch in range(epochs):
    perm = rng.permutation(len(X_train))
    for start in range(0, len(X_train), batch_size):
        rows = perm[start:start + batch_size]
        xb = X_train[rows]
        yb = y_train[rows]
        n = len(xb)

        # forward pass
        z1 = xb @ W1 + b1
        h1 = np.maximum(0, z1)
        scores = h1 @ W2 + b2
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(n), yb]).mean()

        # backward pass
        dscores = p
        dscores[np.arange(n), yb] -= 1
        dscores /= n
        dW2 = h1.T @ dscores
        db2 = dscores.sum(axis=0)
        dh1 = dscores @ W2.T
        dh1[z1 <= 0] = 0
        dW1 = xb.T @ dh1
        db1 = dh1.sum(axis=0)

        # update
        W1 -= learning_rate * dW1
        b1 -= learning_rate * db1
        W2 -= learning_rate * dW2
        b2 -= learning_rate * db2
    if epoch % 20 == 0:
        print(f"epoch {epoch:3d} last batch loss {loss:.4f}")

prediction = (np.maximum(0, X_test @ W1 + b1) @ W2 + b2).argmax(axis=1)
print(f"test accuracy {np.mean(prediction == y_test):.3f}")
