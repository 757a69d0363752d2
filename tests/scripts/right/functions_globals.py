import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

SEED = 5
np.random.seed(SEED)

data, classes = make_classification(600, 6, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1,
                                    class_sep=1.5, random_state=SEED)
train_x, test_x, train_c, test_c = train_test_split(data, classes, random_state=SEED)
train_y = np.eye(3)[train_c]

W1 = np.random.uniform(-0.5, 0.5, (6, 12))
B1 = np.zeros(12)
W2 = np.random.uniform(-0.5, 0.5, (12, 3))
B2 = np.zeros(3)

EPOCHS = 40
ETA = 0.05
BATCH = 30


def relu(v):
    return np.where(v > 0, v, 0)


def step_function(v):
    return np.where(v > 0, 1, 0)


def forward(x):
    z = x.dot(W1) + B1
    h = relu(z)
    return z, h, h.dot(W2) + B2


def gradients(x, y):
    z, h, out = forward(x)
    d_out = 2 * (out - y) / len(x)
    d_h = d_out.dot(W2.T)
    d_z = d_h * step_function(z)
    return x.T.dot(d_z), d_z.sum(0), h.T.dot(d_out), d_out.sum(0)


def loss(x, y):
    return np.mean(np.sum((forward(x)[2] - y) ** 2, axis=1))


def train(x, y):
    global W1, B1, W2, B2
    gW1, gB1, gW2, gB2 = gradients(x, y)
    W1 = W1 - ETA * gW1
    B1 = B1 - ETA * gB1
    W2 = W2 - ETA * gW2
    B2 = B2 - ETA * gB2


for epoch in range(EPOCHS):
    for k in range(0, len(train_x), BATCH):
        train(train_x[k:k + BATCH], train_y[k:k + BATCH])

print("loss", loss(train_x, train_y))
print("test accuracy", (forward(test_x)[2].argmax(1) == test_c).mean())
