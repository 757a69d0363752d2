"""A small network that gets stuck.

Four classes of points in five dimensions, ten hidden ReLU units, dropout, squared error, one row at a
time. The test accuracy is about 0.8 after the first epochs, and 300 epochs later it still is. Why?
"""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

# ----- data ---------------------------------------------------------------------------------------------

points, labels = make_classification(
    n_samples=10000, n_features=5, n_classes=4, n_clusters_per_class=1, random_state=1
)
x_train, x_test, y_train, y_test = train_test_split(points, labels, test_size=0.2, random_state=1)
y_train, y_test = np.eye(4)[y_train], np.eye(4)[y_test]  # one-hot rows

# ----- network ------------------------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0)


def relu_derivative(output):
    return output >= 0  # 1 where the unit was on, 0 where it was off


def correct(output, target):
    return np.sum(np.argmax(output, axis=1) == np.argmax(target, axis=1))


alpha = 0.002
epochs = 300
hidden_size = 10
weights_0_1 = np.random.uniform(-0.1, 0.1, (5, hidden_size))
weights_1_2 = np.random.uniform(-0.1, 0.1, (hidden_size, 4))

# ----- training -----------------------------------------------------------------------------------------

for epoch in range(epochs):
    train_error, train_correct = 0.0, 0

    for i in range(len(x_train)):
        layer_0, target = x_train[i : i + 1], y_train[i : i + 1]

        # forward: half of the hidden units are dropped, the others count double
        layer_1 = relu(layer_0.dot(weights_0_1))
        dropout_mask = np.random.randint(2, size=layer_1.shape)
        layer_1 *= dropout_mask * 2
        layer_2 = layer_1.dot(weights_1_2)

        train_error += np.sum((target - layer_2) ** 2)
        train_correct += correct(layer_2, target)

        # backward
        layer_2_delta = target - layer_2
        layer_1_delta = layer_2_delta.dot(weights_1_2.T) * relu_derivative(layer_1)
        layer_1_delta *= dropout_mask

        weights_1_2 += alpha * layer_1.T.dot(layer_2_delta)
        weights_0_1 += alpha * layer_0.T.dot(layer_1_delta)

    # all test rows at once, no dropout
    test_output = relu(x_test.dot(weights_0_1)).dot(weights_1_2)
    test_error = np.sum((y_test - test_output) ** 2)
    test_correct = correct(test_output, y_test)

    print(
        f"I:{epoch}"
        f" Test-Err:{test_error / len(x_test):.3f} Test-Acc:{test_correct / len(x_test)}"
        f" Train-Err:{train_error / len(x_train):.3f} Train-Acc:{train_correct / len(x_train)}"
    )
