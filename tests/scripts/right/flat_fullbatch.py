"""Full-batch gradient descent with weight decay on three blobs."""
from numpy import *
from sklearn.datasets import make_blobs

SEED = 7
random.seed(SEED)
X, y = make_blobs(300, centers=[[-2, 0], [2, 0], [0, 2.5]], cluster_std=0.8, random_state=SEED)
N = len(X)
targets = zeros((N, 3))
targets[arange(N), y] = 1

epochs = 200
rate = 0.5
decay = 0.01

Wh = random.normal(0, 0.5, (2, 5))
bh = zeros((1, 5))
Wo = random.normal(0, 0.5, (5, 3))
bo = zeros((1, 3))

for step in range(epochs):
    a = tanh(dot(X, Wh) + bh)
    logits = dot(a, Wo) + bo
    probs = exp(logits) / sum(exp(logits), axis=1, keepdims=True)

    delta_o = (probs - targets) / N
    delta_h = dot(delta_o, Wo.T) * (1 - a ** 2)
    grad_Wo = dot(a.T, delta_o)
    grad_bo = sum(delta_o, axis=0, keepdims=True)
    grad_Wh = dot(X.T, delta_h)
    grad_bh = sum(delta_h, axis=0, keepdims=True)

    # weight decay, weights only
    grad_Wo += decay * Wo
    grad_Wh += decay * Wh

    Wo += -rate * grad_Wo
    bo += -rate * grad_bo
    Wh += -rate * grad_Wh
    bh += -rate * grad_bh

    if step % 50 == 0:
        data_loss = -mean(log(probs[arange(N), y]))
        loss = data_loss + 0.5 * decay * (sum(Wo ** 2) + sum(Wh ** 2))
        print("step %d loss %.4f" % (step, loss))

print("accuracy", mean(argmax(probs, axis=1) == y))
