# ReLU without bias, dropout, squared error, online; nothing but the accuracy is printed
import numpy as np
from sklearn.datasets import make_classification

SEED = 15
np.random.seed(SEED)
X, y = make_classification(n_samples=500, n_features=5, n_classes=3, n_clusters_per_class=1, random_state=SEED)
Y = np.eye(3)[y]

def relu(x):
    return (x > 0) * x

def relu_slope(output):
    return output > 0

epochs = 4
alpha = 0.01
w01 = 0.6 * np.random.random((5, 12)) - 0.3
w12 = 0.6 * np.random.random((12, 3)) - 0.3

for epoch in range(epochs):
    for i in range(len(X)):
        l0 = X[i:i+1]
        l1 = relu(np.dot(l0, w01))
        mask = np.random.randint(2, size=l1.shape) * 2
        l1 *= mask
        l2 = np.dot(l1, w12)
        l2_delta = l2 - Y[i:i+1]
        l1_delta = l2_delta.dot(w12.T) * relu_slope(l1)
        l1_delta *= mask
        w12 -= alpha * l1.T.dot(l2_delta)
        w01 -= alpha * l0.T.dot(l1_delta)

print("accuracy", np.mean(np.argmax(relu(X.dot(w01)).dot(w12), axis=1) == y))
