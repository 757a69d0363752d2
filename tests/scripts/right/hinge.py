# a two-layer net with the multiclass hinge loss, all examples of a batch in python loops as the course notes do it
import numpy as np

np.random.seed(44)
num_classes, dim, hid = 3, 2, 12
X = np.random.randn(180, dim) * 0.5
y = np.arange(180) % num_classes
X += np.array([[1.2, 0.0], [-1.2, 0.3], [0.0, 1.5]])[y]

W1 = 0.5 * np.random.randn(dim + 1, hid)
W2 = 0.5 * np.random.randn(hid + 1, num_classes)
reg = 1e-3
epochs = 200


def add_one(a):
    return np.hstack([a, np.ones((a.shape[0], 1))])


def svm_loss(Xb, yb, W1, W2):
    dW1, dW2 = np.zeros(W1.shape), np.zeros(W2.shape)
    pre = add_one(Xb).dot(W1)
    H = add_one(np.maximum(0, pre))
    scores = H.dot(W2)
    loss, dH = 0.0, np.zeros(H.shape)
    for i in range(len(Xb)):
        for j in range(num_classes):
            if j == yb[i]:
                continue
            margin = scores[i][j] - scores[i][yb[i]] + 1
            if margin > 0:
                loss += margin
                dW2[:, j] += H[i]
                dW2[:, yb[i]] -= H[i]
                dH[i] += W2[:, j] - W2[:, yb[i]]
    dpre = dH[:, :-1] * (pre > 0)
    dW1 = add_one(Xb).T.dot(dpre)
    loss /= len(Xb)
    dW1 /= len(Xb)
    dW2 /= len(Xb)
    loss += 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    return loss, dW1 + reg * W1, dW2 + reg * W2


for it in range(epochs):
    idx = np.random.choice(180, 30)
    loss, dW1, dW2 = svm_loss(X[idx], y[idx], W1, W2)
    W1 -= 0.2 * dW1
    W2 -= 0.2 * dW2
    if it % 50 == 0:
        print("iteration %d loss %f" % (it, loss))

scores = add_one(np.maximum(0, add_one(X).dot(W1))).dot(W2)
print("accuracy", np.mean(np.argmax(scores, axis=1) == y))
